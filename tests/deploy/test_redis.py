"""deploy/redis with a real server: encrypted, and a user who may do what the service does and no more."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from taskapi.keys import new_secret_key, new_signing_key
from tests.chaos.fleets import fleet
from tests.chaos.histories import client_of
from tests.chaos.instances import instances
from tests.chaos.load import logged_in
from tests.chaos.test_mail_kills import prepared
from tests.mail_hosts import mail_host, self_made
from tests.servers import free_port
from tests.test_serving import wait_until

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


@contextmanager
def _server(folder: Path, name: str, users: str) -> Iterator[Encrypted]:
    """A server as a file of ours says, for a user as another says."""
    folder.mkdir()
    own, acl, port = self_made(folder), folder / users, free_port()
    acl.write_text((_FOLDER / users).read_text().replace("PASSWORD", _PASSWORD))
    process = subprocess.Popen(
        [
            *(str(_PROGRAM), str(_FOLDER / name), "--bind", "127.0.0.1", "--tls-port", str(port)),
            *("--tls-cert-file", str(own.file), "--tls-key-file", str(folder / "key.pem")),
            *("--tls-ca-cert-file", str(own.file), "--aclfile", str(acl), "--dir", str(folder)),
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


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    with _server(tmp_path_factory.mktemp("redis") / "cache", "cache.conf", "users.acl") as made:
        yield made


@needs_tls
def test_jobs_are_done_by_workers_over_a_broker_of_its_own(
    encrypted: Encrypted, new_database: Callable[[], str], tmp_path: Path
) -> None:
    with (
        mail_host() as host,
        _server(tmp_path / "jobs", "jobs.conf", "jobs-users.acl") as jobs,
    ):
        environment = {
            "DATABASE_URL": new_database(),
            "REDIS_URL": encrypted.url(),
            "REDIS_JOBS_URL": jobs.url(),
            "SMTP_URL": f"smtp://127.0.0.1:{host.port}",
            "TASKAPI_SIGNING_KEY": new_signing_key(),
            "TASKAPI_SECRET_KEY": new_secret_key(),
        }
        parts, (person, *_) = prepared(tmp_path / "fleet", environment)
        with closing(parts.database), fleet(tmp_path / "fleet", environment) as made:
            url = f"http://127.0.0.1:{made.ports[0]}/api/v1/auth/password/forgot"
            assert httpx.post(url, json={"email": person.email}).status_code == 202
            wait_until(lambda: len(host.taken) == 1)
        with jobs.client() as client, pytest.raises(redis.exceptions.NoPermissionError):
            client.flushall()


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

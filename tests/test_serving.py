"""A healthy start, a clean stop, and what the service says of itself meanwhile."""

import json
import multiprocessing
import os
import pickle
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import httpx
import pytest

from taskapi import server as taskapi_server
from taskapi.bodies import MOST_BODIES
from taskapi.settings import load_settings
from tests.chaos.writers import prepared
from tests.servers import (
    Postgres,
    Server,
    clean_environment,
    command,
    free_port,
    running,
    start_postgres,
    start_server,
)

ADMIN = {
    "TASKAPI_ADMIN_EMAIL": "root@example.test",
    "TASKAPI_ADMIN_PASSWORD": "correct horse battery staple",
}


def logged_in(server: Server, email: str, password: str) -> httpx.Response:
    return httpx.post(f"{server.url}/api/v1/auth/login", json={"email": email, "password": password})


def task_list(server: Server, token: str) -> int:
    """The status of reading the list with that token."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{server.url}/api/v1/tasks", headers=headers).status_code


def test_a_first_start_makes_private_keys_and_the_second_keeps_them_and_the_tokens(home: Path) -> None:
    with running(home, **ADMIN) as server:
        granted = logged_in(server, ADMIN["TASKAPI_ADMIN_EMAIL"], ADMIN["TASKAPI_ADMIN_PASSWORD"])
        token = granted.json()["access_token"]
        assert task_list(server, token) == 200
        assert server.stop() == 0
    keys = home / "keys"
    assert (keys.stat().st_mode & 0o777, home.stat().st_mode & 0o777) == (0o700, 0o700)
    first = {path.name: (path.stat().st_mode & 0o777, path.read_bytes()) for path in keys.iterdir()}
    assert {name: mode for name, (mode, _) in first.items()} == {"signing.pem": 0o600, "secret": 0o600}
    with running(home) as server:
        assert task_list(server, token) == 200
    assert {path.name: path.read_bytes() for path in keys.iterdir()} == {
        name: content for name, (_, content) in first.items()
    }
    lines = (home / "logs" / "app.log").read_text().splitlines()
    assert sum("serves http://" in json.loads(line)["message"] for line in lines) == 2


def test_the_admin_of_the_settings_is_made_on_an_empty_instance_only(home: Path) -> None:
    (person,) = prepared(home, 1)
    with running(home, **ADMIN) as server:
        answer = logged_in(server, ADMIN["TASKAPI_ADMIN_EMAIL"], ADMIN["TASKAPI_ADMIN_PASSWORD"])
        assert answer.status_code == 401
    listed = command("users", "list", home=home).stdout.splitlines()
    assert len(listed) == 1
    assert person.email in listed[0]


def test_sigterm_lets_the_request_in_flight_finish_and_ends_with_0(home: Path) -> None:
    (person,) = prepared(home, 1)
    body = b'{"title": "The last one"}'
    head = (
        f"POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {person.grant.access_token}"
        f"\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    with running(home) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(head.encode())
            # The server asks for the body only once it works on the request.
            assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not accepts_connections(server.port))
            connection.sendall(body)
            assert connection.recv(1000).startswith(b"HTTP/1.1 201 ")
        assert server.process.wait(timeout=30) == 0
    with running(home) as server:
        answer = httpx.get(
            f"{server.url}/api/v1/tasks", headers={"Authorization": f"Bearer {person.grant.access_token}"}
        )
        assert [task["title"] for task in answer.json()["items"]] == ["The last one"]


def accepts_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionError:
        return False
    return True


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> float:
    """How long it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it never came to be"
        time.sleep(0.01)
    return time.monotonic() - began


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_it_serves_however_this_python_starts_processes(home: Path, method: str) -> None:
    """Python 3.14 changed the default on Linux; macOS has had another for long."""
    start = (
        f"import multiprocessing; multiprocessing.set_start_method('{method}');"
        " from taskapi.__main__ import main; main()"
    )
    log, port = home.with_suffix(".log"), free_port()
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", start, "serve", "--port", str(port)],
            env=clean_environment(TASKAPI_HOME=str(home)),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    server = Server(process, port, log)
    try:
        server.wait_until_ready()
        assert server.stop() == 0
    finally:
        server.kill()


def test_what_a_worker_is_started_with_can_be_sent_to_a_fresh_process(home: Path) -> None:
    """As macOS does, where a child begins with nothing of its parent's."""
    load = partial(taskapi_server._load, load_settings(TASKAPI_HOME=home), os.getpid())
    assert pickle.loads(pickle.dumps(load)).args == load.args  # noqa: S301 - made right here


def test_a_name_is_as_good_as_an_address_to_listen_on(home: Path) -> None:
    port = free_port()
    with (home.parent / "log").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "taskapi", "serve", "--host", "localhost", "--port", str(port)],
            env=clean_environment(TASKAPI_HOME=str(home)),
            stdout=output,
            stderr=output,
            text=True,
        )
    try:
        wait_until(lambda: _answers(f"http://localhost:{port}/livez"))
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    server = start_postgres()
    yield server
    server.stop()


def test_health_follows_the_database_and_livez_does_not(own_postgres: Postgres, home: Path) -> None:
    server = start_server(home, DATABASE_URL=own_postgres.url())
    try:
        server.wait_until_ready()
        require_health(server, 200, "healthy", "connected", "ready")
        own_postgres.control("stop", "-m", "immediate", "-w")
        require_health(server, 503, "unhealthy", "not connected", "not ready")
        flags = f"-p {own_postgres.port} -c unix_socket_directories={own_postgres.folder}"
        own_postgres.control("start", "-w", "-o", flags)
        require_health(server, 200, "healthy", "connected", "ready")
        assert server.stop() == 0
    finally:
        server.kill()


def require_health(server: Server, code: int, status: str, database: str, readiness: str) -> None:
    with httpx.Client(base_url=server.url, timeout=10) as client:
        began = time.monotonic()
        answer = client.get("/health")
        took = time.monotonic() - began
        found = answer.json()
        assert (answer.status_code, found["status"], found["db"]) == (code, status, database)
        assert set(found) == {"status", "timestamp", "version", "db"}
        # Each check ends by itself within half a second: far from this even on a loaded machine.
        assert took < 30
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (code, readiness)
        assert (client.get("/livez").status_code, client.get("/livez").json()) == (200, {"status": "alive"})


def test_health_is_well_while_somebody_writes(home: Path) -> None:
    with running(home) as server, closing(sqlite3.connect(home / "taskapi.db")) as another:
        another.execute("BEGIN IMMEDIATE")
        require_health(server, 200, "healthy", "connected", "ready")


def test_silent_connections_keep_nobody_out_and_are_closed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taskapi_server, "_SILENCE_MILLISECONDS", 2000)
    port = free_port()
    serving = multiprocessing.get_context("fork").Process(
        target=taskapi_server.serve, args=(load_settings(TASKAPI_HOME=str(home)), "127.0.0.1", port)
    )
    serving.start()
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/livez"))
        with ExitStack() as opened:
            address = ("127.0.0.1", port)
            silent = [opened.enter_context(socket.create_connection(address, timeout=30)) for _ in range(300)]
            assert _answers(f"http://127.0.0.1:{port}/livez")
            assert {connection.recv(1) for connection in silent} == {b""}
    finally:
        serving.terminate()
        serving.join(timeout=30)


def test_thousands_may_stay_connected_and_who_comes_then_is_answered(home: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 5_000
    if hard != resource.RLIM_INFINITY and hard < wanted + 1_000:
        pytest.skip(f"only {hard} files may be open here: raise the hard limit (ulimit -Hn)")
    # As many as most systems give a process that asks for no more.
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        with running(home) as server, ExitStack() as opened:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 1_000), hard))
            address = ("127.0.0.1", server.port)
            for _ in range(wanted):
                opened.enter_context(socket.create_connection(address, timeout=30))
            assert httpx.get(f"{server.url}/livez", timeout=30).status_code == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_half_sent_bodies_keep_nobody_from_reading(home: Path) -> None:
    with running(home, TASKAPI_THREADS="2", TASKAPI_LIMITS="off") as server, ExitStack() as opened:
        account = {"email": "ann@example.test", "password": "correct horse battery staple"}
        httpx.post(f"{server.url}/api/v1/auth/register", json=account)
        token = httpx.post(f"{server.url}/api/v1/auth/login", json=account).json()["access_token"]
        mine = {"Authorization": f"Bearer {token}"}
        begun = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        for _ in range(MOST_BODIES):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            opened.enter_context(connection).sendall(begun + b"Content-Length: 100\r\n\r\n{")
        wait_until(lambda: httpx.post(f"{server.url}/api/v1/auth/login", json={}).status_code == 503)
        busy = httpx.post(f"{server.url}/api/v1/auth/login", json={})
        assert (busy.json()["code"], busy.headers["Retry-After"]) == ("busy", "1")
        for path in ("/livez", "/health", "/openapi.json"):
            assert httpx.get(server.url + path).status_code == 200
        # Those who are signed in read and write as if nothing were.
        tasks = f"{server.url}/api/v1/tasks"
        assert httpx.get(tasks, headers=mine).status_code == 200
        assert httpx.post(tasks, headers=mine, json={"title": "x"}).status_code == 201
        # Nor do theirs take places at work from who has no body.
        begun = begun.replace(b"/auth/login", b"/tasks") + f"Authorization: Bearer {token}\r\n".encode()
        for _ in range(4):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            opened.enter_context(connection).sendall(begun + b"Content-Length: 100\r\n\r\n{")
        assert httpx.get(f"{tasks}?limit=3", headers=mine).status_code == 200
        assert httpx.post(tasks, headers=mine, json={"title": "x"}).status_code == 201


def test_files_are_their_owners_alone_also_in_a_home_that_others_may_enter(home: Path) -> None:
    home.mkdir(mode=0o755)
    with running(home):
        made = {path.name: path.stat().st_mode & 0o777 for path in home.glob("taskapi.db*")}
    assert made == dict.fromkeys(("taskapi.db", "taskapi.db-wal", "taskapi.db-shm"), 0o600)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the child")
def test_a_killed_worker_ends_the_service_with_a_line_that_says_so(home: Path) -> None:
    server = start_server(home)
    server.wait_until_ready()
    (children,) = Path(f"/proc/{server.process.pid}/task").glob(f"{server.process.pid}/children")
    os.kill(int(children.read_text().split()[-1]), signal.SIGKILL)
    assert server.process.wait(timeout=30) == 1
    assert "the serving process was killed" in server.log.read_text().splitlines()[-1]

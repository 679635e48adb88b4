"""An instance that is told to end: not ready first, then no connection more, and no request lost."""

import http.client
import json
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.chaos.writers import prepared
from tests.servers import Server, command, running

DRAIN = "3"


@contextmanager
def _told_to_end(server: Server) -> Iterator[float]:
    """From when on it is not ready; afterwards it has to end by itself, with 0."""
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    while httpx.get(f"{server.url}/readyz").status_code == 200:
        assert time.monotonic() - began < 30
        time.sleep(0.02)
    yield time.monotonic() - began
    assert server.process.wait(timeout=25) == 0


def test_readiness_fails_first_while_everything_is_answered_with_a_wish_for_another_connection(
    home: Path,
) -> None:
    (person,) = prepared(home, 1)
    headers = {"Authorization": f"Bearer {person.grant.access_token}"}
    with running(home, TASKAPI_DRAIN_SECONDS=DRAIN) as server:
        before = httpx.get(f"{server.url}/api/v1/tasks", headers=headers)
        assert "Connection" not in before.headers
        with _told_to_end(server):
            assert httpx.get(f"{server.url}/livez").status_code == 200
            for _ in range(3):  # From memory as well.
                read = httpx.get(f"{server.url}/api/v1/tasks", headers=headers)
                assert (read.status_code, read.headers["Connection"]) == (200, "close")
            made = httpx.post(f"{server.url}/api/v1/tasks", headers=headers, json={"title": "The last"})
            assert (made.status_code, made.headers["Connection"]) == (201, "close")


def test_a_connection_that_asks_for_it_is_closed_by_the_server(home: Path) -> None:
    with (
        running(home, TASKAPI_DRAIN_SECONDS=DRAIN) as server,
        closing(http.client.HTTPConnection("127.0.0.1", server.port)) as kept,
    ):
        kept.request("GET", "/livez")
        kept.getresponse().read()
        with _told_to_end(server):
            kept.request("GET", "/livez")
            assert kept.getresponse().read() == b'{"status":"alive"}'
            assert kept.sock is None, "it was kept open"


def test_a_second_sigterm_and_ctrl_c_end_it_at_once(home: Path) -> None:
    for last in (signal.SIGTERM, signal.SIGINT):
        with running(home, TASKAPI_DRAIN_SECONDS="15") as server:
            began = time.monotonic()
            with _told_to_end(server):
                server.process.send_signal(last)
            assert time.monotonic() - began < 14


def test_no_request_is_lost_between_two_instances_however_late_it_is_sent(home: Path) -> None:
    """As a proxy does it that knows of nothing: it connects, sends, and goes elsewhere where it cannot."""
    outcomes: Counter[str] = Counter()
    stop = threading.Event()

    def knock(port: int) -> None:
        while not stop.is_set():
            try:
                connection = socket.create_connection(("127.0.0.1", port), timeout=0.5)
            except OSError as error:
                outcomes[type(error).__name__] += 1  # Nothing was sent: the next instance is asked.
                stop.wait(0.02)
                continue
            with connection:
                connection.settimeout(5)
                connection.sendall(b"POST /livez HTTP/1.1\r\nHost: it\r\nContent-Length: 0\r\n\r\n")
                try:
                    outcomes["answered" if connection.recv(1000).startswith(b"HTTP/1.1 405") else "cut"] += 1
                except OSError:
                    outcomes["cut"] += 1

    with running(home, TASKAPI_DRAIN_SECONDS="1") as server:
        threads = [threading.Thread(target=knock, args=(server.port,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        with _told_to_end(server):
            pass
        stop.set()
        for thread in threads:
            thread.join()
    assert outcomes["answered"] > 100
    assert outcomes["cut"] == 0, outcomes
    # It was held off before it was refused.
    assert outcomes["TimeoutError"], outcomes


@pytest.mark.parametrize("drain", ["-1", "16", "a while"])
def test_a_drain_that_cannot_be_is_refused(home: Path, drain: str) -> None:
    done = command("serve", home=home, TASKAPI_DRAIN_SECONDS=drain)
    assert done.returncode == 2
    assert done.stderr.startswith("taskapi: TASKAPI_DRAIN_SECONDS: ")


def test_a_probe_says_whether_it_is_ready(home: Path) -> None:
    with running(home, TASKAPI_DRAIN_SECONDS=DRAIN) as server:
        arguments = ("probe", "serve", "--port", str(server.port))
        well = command(*arguments, home=home)
        assert (well.returncode, well.stdout) == (0, "serve: well\n")
        with _told_to_end(server):
            leaving = command(*arguments, home=home)
            assert leaving.returncode == 1
            assert json.loads(leaving.stderr.partition("503 ")[2])["status"] == "not ready"
    gone = command(*arguments, home=home)
    assert gone.returncode == 1
    assert "does not answer" in gone.stderr


@pytest.mark.parametrize("kind", ["worker", "scheduler"])
def test_a_probe_of_what_has_no_port_looks_for_a_sign_of_life(home: Path, kind: str) -> None:
    nothing = command("probe", kind, home=home)
    assert (nothing.returncode, nothing.stderr) == (1, f"{kind}: no sign of life in {home}\n")

"""Prometheus is told everything that was counted: by several processes together, and through restarts."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from taskapi.listening import Address
from taskapi.metrics.exposition import Port, Told
from tests.metrics.test_requests import total, values_of
from tests.servers import Server, command, free_port, running
from tests.test_gunicorn import gunicorn

PATH = "/livez"


def asked(port: int) -> float:
    """How often PATH was answered, as Prometheus is told. Raises httpx.TransportError."""
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    return total(values_of(answer.text), endpoint=PATH)


def until(true: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.05)


def test_an_instance_ends_when_prometheus_has_its_last_figures(home: Path) -> None:
    port = free_port()
    told: list[float] = []
    answered = 0
    stop = threading.Event()

    def scrape() -> None:
        # More rarely than it takes to end, so that only waiting brings the last figures.
        while not stop.wait(2.0):
            with suppress(httpx.TransportError):
                told.append(asked(port))

    with running(home, TASKAPI_METRICS_PORT=str(port), TASKAPI_DRAIN_SECONDS="1") as server:
        scraping = threading.Thread(target=scrape)
        scraping.start()
        until(lambda: len(told) > 1)
        server.process.send_signal(signal.SIGTERM)
        with suppress(httpx.TransportError):
            while True:
                answered += httpx.get(server.url + PATH).status_code == 200
        assert server.process.wait(timeout=25) == 0
        stop.set()
        scraping.join()
    assert answered > 0
    assert told[-1] == answered


def test_who_is_not_asked_waits_for_nobody(home: Path) -> None:
    with running(home, TASKAPI_METRICS_PORT=str(free_port()), TASKAPI_DRAIN_SECONDS="1") as server:
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 8


def test_a_port_that_is_taken_is_told_before_anything_is_made(home: Path) -> None:
    with running(home) as server:
        other = home.with_name("other")
        refused = command(
            "serve", "--port", str(free_port()), home=other, TASKAPI_METRICS_PORT=str(server.port)
        )
    assert refused.returncode == 2
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "TASKAPI_METRICS_PORT: cannot listen on 127.0.0.1" in refused.stderr
    assert not other.exists()


@pytest.mark.parametrize("text", ["0", "65536", "http://x:9464", "x:", ":9464", "9464 ", "-1"])
def test_what_is_no_port_is_refused(home: Path, text: str) -> None:
    refused = command("serve", home=home, TASKAPI_METRICS_PORT=text)
    assert refused.returncode == 2
    assert "TASKAPI_METRICS_PORT" in refused.stderr
    assert "use PORT" in refused.stderr


def test_the_processes_of_an_instance_count_together(home: Path, shared: dict[str, str]) -> None:
    port = free_port()
    with running(home, TASKAPI_METRICS_PORT=str(port), TASKAPI_WORKERS="2", **shared) as server:
        _ask(server, 300)
        until(lambda: asked(port) == 300)
        (folder,) = (home / "metrics").iterdir()
        assert len(list(folder.iterdir())) == 2
        assert server.stop() == 0
    # The next one finds none of it, and begins anew.
    with running(home, TASKAPI_METRICS_PORT=str(port), TASKAPI_WORKERS="2", **shared) as server:
        _ask(server, 10)
        until(lambda: asked(port) == 10)
        assert [one for one in (home / "metrics").iterdir() if one != folder] != []
        assert not folder.exists()


def test_no_sum_falls_when_a_worker_of_gunicorn_is_killed(home: Path, shared: dict[str, str]) -> None:
    port = free_port()
    with gunicorn(home, 2, TASKAPI_METRICS_PORT=str(port), **shared) as server:
        server.wait_until_ready()
        # Each worker begins with its first request.
        _ask(server, 100)
        until(lambda: asked(port) == 100)
        # What it left in the last second is lost with it.
        time.sleep(1.2)
        worker = _children(server.process.pid)[0]
        os.kill(worker, signal.SIGKILL)
        _ask(server, 20)
        until(lambda: _or_none(port) == 120)


def _ask(server: Server, times: int) -> None:
    for _ in range(times):
        # On connections of their own, which any process may accept; one that was killed answers none.
        while True:
            with suppress(httpx.TransportError):
                assert httpx.get(server.url + PATH, timeout=10).status_code == 200
                break


def _or_none(port: int) -> float | None:
    with suppress(httpx.TransportError):
        return asked(port)
    return None


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_port_that_cannot_be_had_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    # An address of no machine (RFC 5737).
    port = Port(Address("192.0.2.1", 9464), Told(lambda: ()), [])
    stop = threading.Event()
    thread = threading.Thread(target=port.work, args=(stop,))
    with caplog.at_level("WARNING", logger="taskapi.metrics"):
        thread.start()
        time.sleep(2.5)
        stop.set()
        thread.join()
    (line,) = [one for one in caplog.messages if "cannot be told" in one]
    assert "192.0.2.1:9464" in line

"""The open loop's arithmetic and its client, what is read from its answers, and the pictures."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import ClassVar
from xml.etree import ElementTree as ET

import orjson
import pytest

from bench import plots
from bench.open_loop import Shot, Told, moments, opened, percentile
from bench.storming.report import _seconds, _spread
from bench.storming.seen import phase, seconds_until_normal
from tests.servers import free_port

ASKED = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_requests_are_due_evenly_and_each_phase_begins_when_the_one_before_is_over() -> None:
    assert list(moments([(2, 1), (4, 0.5), (1, 2)])) == [0, 0.5, 1.0, 1.25, 1.5, 2.5]
    assert list(moments([])) == []


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)) == (50, 99, 100)
    assert percentile([7.0], 0.99) == 7
    assert percentile([], 0.99) == 0


@contextmanager
def server(answer: bytes, stalls: float = 0.0) -> Iterator[str]:
    """One that answers every request alike, one at a time; the first of all only after a while."""

    class Handler(StreamRequestHandler):
        turn: ClassVar = threading.Lock()
        pause: ClassVar = [stalls]

        def handle(self) -> None:
            while self.rfile.readline():
                while self.rfile.readline().strip():
                    pass
                with self.turn:
                    time.sleep(self.pause.pop() if self.pause else 0)
                    self.wfile.write(answer)

    class Server(ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()


def test_who_waits_behind_a_server_that_stalls_is_counted_from_when_they_were_due() -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-Cache: hit\r\nContent-Length: 2\r\n\r\nok"
    shots = [Shot(at, ASKED) for at in moments([(100, 0.3)])]
    with server(answer, stalls=0.3) as url, opened(url, connections=2) as client:
        told = client.fire(shots).told
    assert [one.status for one in told] == [200] * 30
    assert all(one.is_hit for one in told)
    # A closed loop would have asked twice meanwhile, and not have seen the others wait.
    assert sum(one.milliseconds > 50 for one in told) > 15


def test_refusals_and_closed_connections_are_told_apart() -> None:
    refusal = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with server(refusal) as url, opened(url, connections=1) as client:
        told = client.fire([Shot(0, ASKED), Shot(0, ASKED)]).told
    assert [(one.status, one.has_retry_after, one.is_good) for one in told] == [(503, True, False)] * 2


def test_what_nobody_answers_is_given_up() -> None:
    with opened(f"http://127.0.0.1:{free_port()}", connections=1, patience=0.2) as client:
        (told,) = client.fire([Shot(0, ASKED)]).told
    assert told.status == 0
    assert told.milliseconds == pytest.approx(200)


def told(due: float, milliseconds: float, status: int = 200) -> Told:
    return Told(due, "read", due, due + milliseconds / 1000, status)


def test_a_phase_is_of_those_that_were_due_in_it() -> None:
    seen = phase([told(0.0, 5), told(0.5, 7), told(0.9, 9, 503), told(0.9, 9, 502), told(1.0, 900)], 0, 1)
    assert (seen.offered, seen.good, seen.refused, seen.failed) == (4, 2, 1, 1)
    assert seen.p99 == pytest.approx(7)


def test_normal_again_is_when_it_stays_so() -> None:
    before = phase([told(0, 10)], 0, 1)
    # Slow, by chance quick, slow, and then quick; half a second each.
    times = {1.0: 50, 1.5: 10, 2.0: 50, 2.5: 12, 3.0: 12}
    answers = [told(at, milliseconds) for at, milliseconds in times.items()]
    assert seconds_until_normal(answers, 1.0, 3.5, before) == 1.5
    assert seconds_until_normal([*answers, told(3.2, 5, 503)], 1.0, 3.5, before) is None


def test_rounds_that_came_to_no_end_are_told() -> None:
    assert _spread([3.0, 1.0, 2.0], lambda one: one, ".0f") == "2 (1 to 3)"
    assert _seconds([1.0, 1.0], 8) == "1.0 s"
    assert _seconds([1.0, None], 8) == "1.0 s, and more than 8 s in 1 of 2 rounds"
    assert _seconds([None], 8) == "more than 8 s"


def seen(rate: float, p99: float) -> dict[str, float]:
    return {"offered": rate, "good": rate, "in_time": rate / 2, "refused": 0, "failed": 0, "p99": p99}


def test_pictures_are_whole_and_say_what_they_show(tmp_path: Path) -> None:
    rounds = [{"requests": rate, "failed": 0, "seconds": 2.0} for rate in (100, 400, 200)]
    whole = {"rounds": {load: {"taskapi": rounds, "a <file>": rounds} for load in plots.OF_WHOLE}}
    windows = [[0.0, seen(10, 5)], [0.5, seen(50, 5000)], [1.0, seen(10, 0)]]
    storm = {"windows": windows}
    storms = {"bursts": [storm], "overload": {"misses": [storm]}}
    tmp_path.joinpath("whole.json").write_bytes(orjson.dumps(whole))
    tmp_path.joinpath("storms.json").write_bytes(orjson.dumps(storms))
    plots.draw(tmp_path)
    names = {path.stem for path in tmp_path.joinpath("plots").glob("*.svg")}
    assert names == {"hits", "misses", "writes", "readers", "burst", "overload"}
    for path in tmp_path.joinpath("plots").glob("*.svg"):
        picture = ET.fromstring(path.read_text())  # noqa: S314 - it is our own
        parts = {part.tag.rpartition("}")[2]: part for part in picture}
        assert parts["title"].text
        assert parts["desc"].text
        assert "prefers-color-scheme: dark" in (parts["style"].text or "")
        assert "nan" not in path.read_text()
    hits = tmp_path.joinpath("plots", "hits.svg").read_text()
    assert "taskapi: 100; a &lt;file&gt;: 100" in hits
    assert "50–200" in hits
    assert "The longest p99 is 5,000 ms" in tmp_path.joinpath("plots", "burst.svg").read_text()

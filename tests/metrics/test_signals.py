"""The last hour as admins see it: what was counted, at the time it was, of all processes."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count, pairwise

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from taskapi.metrics import signals
from taskapi.metrics.requests import BOUNDS, Requests, add
from taskapi.metrics.signals import STEP_SECONDS, STEPS, LastHour, Sampled, Signals, counted, quantile
from taskapi.parts import Parts
from taskapi.redis_calls import RedisCalls, client
from tests.chaos.instances import RedisServer, redis_server
from tests.people import make_person

_SERVICES = count()
START = 1_790_000_000.0


class Process:
    """One that counts, with a clock that is moved by hand."""

    def __init__(self, calls: RedisCalls | None = None, name: str = "") -> None:
        self.now = START
        self.counted = Sampled()
        self.signals = Signals(lambda: self.counted, calls, name, lambda: self.now)

    def answer(self, requests: int) -> None:
        self.counted = self.counted.plus(Sampled(requests=requests))

    def end_step(self, late: float = 0.0) -> None:
        """Sleep until the next step, as the thread does, and oversleep."""
        self.now += STEP_SECONDS - self.now % STEP_SECONDS + late
        self.signals.sample()


def requests_of(hour: LastHour) -> list[int | None]:
    found: list[int | None] = hour.picture()["requests"]
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as made:
        yield made


@pytest.fixture
def calls(server: RedisServer) -> RedisCalls:
    return RedisCalls(client(server.url, 5.0))


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(0.0, 4.0)), min_size=1, max_size=2 * STEPS))
def test_each_step_has_what_was_counted_within_it(steps: list[tuple[int, float]]) -> None:
    process = Process()
    for requests, late in steps:
        process.answer(requests)
        process.end_step(late)
    process.now += 3.0
    expected = [requests for requests, _ in steps][-STEPS:]
    assert requests_of(process.signals.last_hour()) == [None] * (STEPS - len(expected)) + expected


def test_a_process_that_slept_tells_of_the_gap(calls: RedisCalls) -> None:
    for process in (Process(), Process(calls, f"s{next(_SERVICES)}")):
        process.answer(1)
        process.end_step()
        process.now += 5 * STEP_SECONDS
        process.answer(2)
        process.end_step()
        process.now += 3.0
        assert requests_of(process.signals.last_hour())[-7:] == [1, *[None] * 5, 2]


def test_nothing_is_remembered_for_longer_than_an_hour(calls: RedisCalls, server: RedisServer) -> None:
    process = Process(calls, f"s{next(_SERVICES)}")
    for _ in range(STEPS + 50):
        process.end_step()
    with server.client() as redis:
        assert redis.zcard(process.signals._name) <= STEPS + 2
    assert len(process.signals._steps) == STEPS


def test_processes_come_to_one_picture_and_each_shows_it(calls: RedisCalls) -> None:
    name = f"s{next(_SERVICES)}"
    processes = [Process(calls, name) for _ in range(3)]
    for step in range(5):
        for place, process in enumerate(processes[: 3 if step < 4 else 2]):
            process.answer(10**place * (step + 1))
            process.end_step()
    # Begun anew, and without a past of its own.
    late = Process(calls, name)
    for process in (*processes, late):
        process.now = processes[0].now + 3.0
        hour = process.signals.last_hour()
        assert requests_of(hour)[-5:] == [111, 222, 333, 444, 55]
        assert (hour.is_shared, hour.processes) == (True, 2)


def test_a_step_is_shown_when_the_others_had_the_time_to_tell_of_it(calls: RedisCalls) -> None:
    name = f"s{next(_SERVICES)}"
    first, second = Process(calls, name), Process(calls, name)
    for process in (first, second):
        process.answer(1)
        process.end_step()
    first.answer(5)
    first.end_step()
    assert requests_of(first.signals.last_hour())[-1] == 2
    second.answer(6)
    second.end_step(late=1.5)
    first.now += 2.5
    assert requests_of(first.signals.last_hour())[-2:] == [2, 11]


def test_without_redis_a_process_shows_its_own(calls: RedisCalls) -> None:
    gone = RedisCalls(client("redis://127.0.0.1:1", 0.1))
    process = Process(gone, "s")
    process.answer(7)
    process.end_step()
    process.now += 3.0
    hour = process.signals.last_hour()
    assert requests_of(hour)[-1] == 7
    assert hour.picture()["scope"] == "process"


@given(st.lists(st.tuples(st.sampled_from(["200", "304", "401", "429", "500", "503"]), st.floats(0, 9))))
def test_what_is_counted_is_what_was_answered(answers: list[tuple[str, float]]) -> None:
    requests = Requests()
    for status, seconds in answers:
        add(requests.row("GET", "/x", status), seconds, 1)
    found = counted(requests, hits=3, waited=1.5)
    classes = Counter(status[0] for status, _ in answers)
    assert (found.requests, found.refused, found.failed) == (len(answers), classes["4"], classes["5"])
    assert sum(found.durations) == len(answers)
    assert (found.hits, found.waited) == (3, 1.5)


def test_who_only_looks_whether_it_lives_is_no_traffic() -> None:
    requests = Requests()
    requests.know([("GET", "/livez"), ("GET", "/readyz"), ("GET", "/health"), ("GET", "/x")])
    for route in ("/livez", "/readyz", "/health", "/x"):
        add(requests.row("GET", route, "503"), 0.1, 1)
    assert counted(requests, hits=0, waited=0.0).failed == 1


@given(st.lists(st.floats(0.0, 4.9), min_size=1), st.sampled_from([0.5, 0.99]))
def test_a_quantile_lies_in_the_span_of_the_true_one(seconds: list[float], share: float) -> None:
    durations = [0] * (len(BOUNDS) + 1)
    for one in seconds:
        durations[bisect_left(BOUNDS, one)] += 1
    true = sorted(seconds)[max(0, -int(-share * len(seconds) // 1) - 1)]
    lowest, highest = next(span for span in pairwise((0.0, *BOUNDS)) if true <= span[1])
    found = quantile(durations, share)
    assert found is not None
    assert lowest <= found <= highest


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile([0] * (len(BOUNDS) + 1), 0.5) is None


def test_an_admin_sees_what_was_asked(make_app: Callable[..., Flask]) -> None:
    app = make_app("sqlite")
    parts: Parts = app.extensions["taskapi"]
    root, ann = make_person(app, role="admin"), make_person(app)
    parts.signals._clock = lambda: START
    parts.signals.sample()
    ann.new_task()
    for path in ("/tasks", "/tasks", "/nowhere", "/admin/service"):
        ann.api.get(path)
    parts.signals._clock = lambda: START + STEP_SECONDS
    parts.signals.sample()
    parts.signals._clock = lambda: START + STEP_SECONDS + 3.0
    hour = root.api.get("/admin/service").json
    assert (hour["scope"], hour["processes"], hour["database"]) == ("process", 1, "sqlite")
    last = {name: hour[name][-1] for name in ("requests", "refused", "failed", "hits")}
    assert last == {"requests": 5, "refused": 2, "failed": 0, "hits": 1}
    assert 0 < hour["p50_ms"][-1] <= hour["p99_ms"][-1]
    assert hour["cores"][-1] > 0
    assert hour["database_waits"][-1] > 0
    assert all(len(found) == STEPS for found in hour.values() if isinstance(found, list))


def test_releases_that_sample_something_else_are_not_added_up(
    calls: RedisCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"s{next(_SERVICES)}"
    older = Process(calls, name)
    with monkeypatch.context() as patch:
        patch.setattr(signals, "BOUNDS", (*BOUNDS, 10.0))
        newer = Process(calls, name)
    for process in (older, newer):
        process.answer(7)
        process.end_step()
        process.now += 3.0
    assert [requests_of(process.signals.last_hour())[-1] for process in (older, newer)] == [7, 7]

"""What is counted of requests is what was asked, in so few series that nobody can fill Prometheus."""

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from taskapi.clock import DAY, now
from taskapi.errors import Busy
from taskapi.handlers import FACTS
from taskapi.metrics import facts, measures, requests
from taskapi.metrics.cells import SIZE, Cells, read_file
from taskapi.metrics.exposition import Told
from taskapi.metrics.facts import Facts, Slowly
from taskapi.metrics.instance import Instance
from taskapi.metrics.requests import BOUNDS, Requests, add
from taskapi.metrics.serving import answering
from taskapi.parts import Parts
from taskapi.sessions.models import LoginSession
from tests.people import Api, Person, make_person
from tests.routes import operations_of

MOST_SERIES = 2000
Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def told(parts: Parts) -> Values:
    """All series that Prometheus would be told, and what they are at."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Told(answering(parts).cells))
    registry.register(Facts(parts.database))
    registry.register(Slowly(parts.database, FACTS))
    return values_of(generate_latest(registry).decode())


def values_of(text: str) -> Values:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(values: Values, **labels: str) -> float:
    return sum(
        value
        for (name, found), value in values.items()
        if name == "api_requests_total" and labels.items() <= dict(found).items()
    )


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app("sqlite")


def test_each_request_is_counted_once_whoever_answers_it(app: Flask) -> None:
    ann = make_person(app)
    task = ann.new_task("Count me")
    before = told(ann.parts)
    lists = [ann.api.get("/tasks") for _ in range(4)]
    assert [answer.headers["X-Cache"] for answer in lists] == ["miss", "hit", "hit", "hit"]
    assert ann.api.get("/tasks", headers={"If-None-Match": lists[0].etag}).status_code == 304
    assert ann.api.call("HEAD", "/tasks").status_code == 200
    assert ann.api.get(f"/tasks/{task['id']}").status_code == 200
    assert ann.api.get("/tasks/none").status_code == 404
    assert ann.api.patch(f"/tasks/{task['id']}", {"title": ""}).status_code == 422
    assert Api(app).get("/tasks").status_code == 401
    after = told(ann.parts)

    def more(**labels: str) -> float:
        return total(after, **labels) - total(before, **labels)

    assert more(endpoint="/api/v1/tasks", status="200") == 4
    assert more(endpoint="/api/v1/tasks", status="304") == 1
    assert more(endpoint="/api/v1/tasks", status="401") == 1
    assert more(endpoint="other", method="HEAD", status="200") == 1
    assert more(endpoint="/api/v1/tasks/<task_id>", method="GET", status="200") == 1
    assert more(endpoint="/api/v1/tasks/<task_id>", method="GET", status="404") == 1
    assert more(endpoint="/api/v1/tasks/<task_id>", method="PATCH", status="422") == 1
    assert more() == 10
    of_lists = ("api_request_duration_seconds_count", (("endpoint", "/api/v1/tasks"), ("method", "GET")))
    assert after[of_lists] == total(after, endpoint="/api/v1/tasks", method="GET")
    length = ("api_response_bytes_total", (("endpoint", "/api/v1/tasks"), ("method", "GET")))
    sent = sum(len(answer.data) for answer in lists) + len(Api(app).get("/tasks").data)
    assert after[length] - before.get(length, 0) == pytest.approx(sent, abs=40)
    assert after["taskapi_cache_answers_total", (("outcome", "hit"),)] >= 3
    assert after["taskapi_outbox_jobs", (("state", "due"),)] >= 0


def test_people_are_counted_once_however_many_sessions_they_have(app: Flask) -> None:
    before = told(app.extensions["taskapi"])
    ann, bob = make_person(app), make_person(app)
    ann.another_session()
    with bob.parts.database.writer() as session:
        long_ago = now() - 8 * DAY
        session.run(update(LoginSession).where(LoginSession.user_id == bob.id).values(last_seen_at=long_ago))
    after = told(ann.parts)

    def more(name: str, label: str, value: str) -> float:
        return after[name, ((label, value),)] - before[name, ((label, value),)]

    assert more("taskapi_users", "kind", "total") == 2
    assert more("taskapi_active_users", "within", "day") == 1
    assert more("taskapi_active_users", "within", "week") == 1
    assert more("taskapi_active_users", "within", "month") == 2


def test_a_database_that_hangs_holds_up_no_other_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "PATIENCE_SECONDS", 0.1)
    hangs, asked = threading.Event(), []

    def ask() -> int:
        asked.append(1)
        assert hangs.wait(30)
        return 7

    asking = facts.Asking(ask, kept_seconds=60)
    began = time.monotonic()
    assert [asking.now() for _ in range(3)] == [(None, False)] * 3
    assert time.monotonic() - began < 30
    assert len(asked) == 1, "one question is under way, and no more"
    hangs.set()
    end = time.monotonic() + 10
    while asking.now() != (7, True):
        assert time.monotonic() < end
    assert len(asked) == 1


def test_what_a_database_refuses_is_asked_again() -> None:
    # The last of them is a fault of ours, and no reason to tell nothing from then on either.
    refusals = iter([Busy("away"), TimeoutError("slow"), KeyError("wrong")])

    def ask() -> int:
        for refusal in refusals:
            raise refusal
        return 7

    asking = facts.Asking(ask, kept_seconds=60)
    assert [asking.now() for _ in range(4)] == [(None, False)] * 3 + [(7, True)]


def test_nobody_can_make_more_series_than_fit(app: Flask) -> None:
    ann = make_person(app)
    root = make_person(app, role="admin")
    odd = [
        {},
        {"Accept": "text/html"},
        {"If-Match": '"stale"'},
        {"If-Match": "malformed"},
        {"Content-Type": "text/plain"},
        {"Idempotency-Key": "\x7f"},
        {"Content-Length": "99999999"},
    ]
    # Past our own client, which knows what may be asked.
    client = app.test_client()
    for operation in operations_of(app):
        path = operation.rule.replace("<", "").replace(">", "")
        for token in (ann.grant.access_token, root.grant.access_token, "nonsense"):
            for headers in odd:
                for method in (operation.method, "HEAD", "OPTIONS", "BREW"):
                    sent = headers | {"Authorization": f"Bearer {token}"}
                    client.open(path, method=method, headers=sent, data=b"{")
    for number in range(300):
        client.get(f"/nowhere/{number}")
        client.open("/api/v1/tasks", method=f"METHOD{number}")
    values = told(ann.parts)
    assert len(values) <= MOST_SERIES
    labels = {dict(found).get("method") for _, found in values}
    assert labels <= {*requests.METHODS, "OTHER", None}


def test_many_threads_lose_no_count() -> None:
    counted = Requests()
    counted.know([("GET", "/x")])
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:

        def ask() -> None:
            for _ in range(20_000):
                counted.in_flight += 1
                add(counted.row("GET", "/x", "200"), 0.002, 7)
                counted.in_flight -= 1

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    row = counted.row("GET", "/x", "200")
    assert row[1] == 160_000
    assert row[-1] == 160_000 * 7
    assert counted.in_flight == 0


@given(st.lists(st.floats(0, 10), max_size=60))
def test_a_duration_is_in_the_first_span_that_holds_it(durations: list[float]) -> None:
    counted, cells = Requests(), Cells()
    counted.know([("GET", "/x")])
    for seconds in durations:
        add(counted.row("GET", "/x", "200"), seconds, 0)
    counted.save(cells)
    found = requests.told(cell for cell in cells.read() if cell.name == requests.CELL)
    expected = Counter(
        next((place for place, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))
        for seconds in durations
    )
    counts = found.durations["GET", "/x"].counts
    assert counts == [expected[place] for place in range(len(BOUNDS) + 1)]
    assert found.durations["GET", "/x"].seconds == pytest.approx(sum(durations))


texts = st.text(max_size=30)


@given(
    st.dictionaries(
        st.tuples(texts, st.lists(texts, max_size=3).map(tuple)), st.integers(1, 20), max_size=20
    ),
    st.data(),
)
def test_cells_are_read_as_they_were_put(
    kept: dict[tuple[str, tuple[str, ...]], int], data: st.DataObject
) -> None:
    cells, expected = Cells(), {}
    for (name, labels), width in kept.items():
        for _ in range(2):  # The second takes the place of the first.
            numbers = data.draw(st.lists(st.floats(allow_nan=False), min_size=width, max_size=width))
            cells.put(name, labels, numbers)
        expected[name, labels] = tuple(numbers)
    assert {(cell.name, cell.labels): cell.numbers for cell in cells.read()} == expected


def test_what_finds_no_room_is_left_out_and_disturbs_nobody() -> None:
    cells = Cells()
    cells.put("first", (), [1.0])
    for number in range(5000):
        cells.put("more", (f"{number}",), [1.0] * 14)
    read = list(cells.read())
    assert 500 < len(read) < 5000
    assert {cell.numbers for cell in read} == {(1.0,), (1.0,) * 14}


@pytest.fixture
def siblings(tmp_path: Path) -> Callable[[], tuple[Cells, Instance]]:
    def make() -> tuple[Cells, Instance]:
        cells = Cells()
        return cells, Instance(tmp_path, parent=1, own=cells, save=lambda: None)

    return make


def test_a_process_that_is_gone_keeps_what_it_counted_and_nothing_of_the_moment(
    siblings: Callable[[], tuple[Cells, Instance]], tmp_path: Path
) -> None:
    cells, instance = siblings()
    cells.put(measures.STATEMENTS.name, (), [5])
    cells.put(measures.CACHE_BYTES.name, (), [100])
    instance.share()
    (mine,) = tmp_path.glob("metrics/1-*/*")
    assert mine.stat().st_mode & 0o777 == 0o600
    # A process of a number that none has: numbers end at 2^22.
    gone = mine.with_name("4194305-1")
    whole = mine.read_bytes()
    gone.write_bytes(whole)
    for _ in range(3):
        found = [(cell.name, cell.numbers) for cell in instance.cells()]
        assert found.count((measures.STATEMENTS.name, (5.0,))) == 2
        assert found.count((measures.CACHE_BYTES.name, (100.0,))) == 1
        # Its file is no longer there: however many come and go, one holds what they counted.
        assert not gone.exists()
    # As if it had not been removed any more: it is in the sum already.
    gone.write_bytes(whole)
    assert sums(instance)[measures.STATEMENTS.name] == 10.0
    for number in range(20):
        mine.with_name(f"{4194306 + number}-1").write_bytes(whole)
    assert sums(instance)[measures.STATEMENTS.name] == 110.0
    assert len(list(mine.parent.iterdir())) == 2
    # One that was not written whole tells nothing.
    gone.write_bytes(b"\x00" * (SIZE - 1))
    assert read_file(gone) == []
    assert sums(instance)[measures.STATEMENTS.name] == 110.0


def test_a_full_disk_keeps_what_processes_counted_that_are_gone(
    siblings: Callable[[], tuple[Cells, Instance]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells, instance = siblings()
    cells.put(measures.STATEMENTS.name, (), [5])
    instance.share()
    (mine,) = tmp_path.glob("metrics/1-*/*")
    mine.with_name("4194305-1").write_bytes(mine.read_bytes())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Cells, "share", full)
        assert [sums(instance)[measures.STATEMENTS.name] for _ in range(3)] == [10.0] * 3
    assert [sums(instance)[measures.STATEMENTS.name] for _ in range(3)] == [10.0] * 3
    assert len(list(mine.parent.iterdir())) == 2


def sums(instance: Instance) -> Counter[str]:
    found: Counter[str] = Counter()
    for cell in instance.cells():
        found[cell.name] += cell.numbers[0]  # type: ignore[assignment]  # Counter takes any number
    return found


def test_a_process_that_has_the_number_of_one_that_is_gone_is_another(
    siblings: Callable[[], tuple[Cells, Instance]], tmp_path: Path
) -> None:
    cells, instance = siblings()
    cells.put(measures.STATEMENTS.name, (), [5])
    cells.put(measures.CACHE_BYTES.name, (), [100])
    instance.share()
    (mine,) = tmp_path.glob("metrics/1-*/*")
    # Begun at another time.
    mine.with_name(f"{os.getpid()}-1").write_bytes(mine.read_bytes())
    assert sums(instance) == {measures.STATEMENTS.name: 10.0, measures.CACHE_BYTES.name: 100.0}


def test_every_metric_is_explained(ann: Person) -> None:
    explained = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    names = {
        name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
        for name, _ in told(ann.parts)
    }
    ours = {measure.name for measure in measures.OF_A_PROCESS} | names
    missing = sorted(name for name in ours if f"`{name}`" not in explained)
    assert missing == []

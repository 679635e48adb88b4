"""Tasks in numbers, against a plain model that looks at each task with a calendar and a clock."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from taskapi.actors import Actor
from taskapi.clock import DAY, HOUR, now, rfc3339
from taskapi.days import beginning
from taskapi.parts import Parts
from taskapi.stats import service
from taskapi.stats.service import Counted
from tests.people import Person, make_person
from tests.planted import plant_tasks
from tests.statements import Statements

# Offsets of a quarter, half and odd hours; clocks that jump at midnight, onto midnight or by half an hour; a
# country without the 30th of December 2011; both edges of the world.
_ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham", "Asia/Kolkata"),
    *("Africa/Cairo", "Asia/Beirut", "America/Sao_Paulo", "America/Santiago", "America/Asuncion"),
    *("America/Havana", "Atlantic/Azores", "Asia/Tehran", "Australia/Lord_Howe", "Antarctica/Troll"),
    *("Asia/Pyongyang", "Pacific/Apia", "Pacific/Kiritimati", "Etc/GMT+12", "America/St_Johns"),
)
# Days around which one of those clocks jumped, or a plain one.
_JUMPS = (
    *(date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 8), date(2026, 11, 1), date(2026, 4, 5)),
    *(date(2026, 4, 24), date(2026, 10, 30), date(2017, 10, 15), date(2018, 2, 18), date(2022, 3, 22)),
    *(date(2026, 9, 6), date(2023, 10, 1), date(2018, 5, 5), date(2011, 12, 31), date(2026, 7, 15)),
)
_QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _milliseconds(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _local_day(moment: int, zone: str) -> date:
    return (
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)).astimezone(ZoneInfo(zone)).date()
    )


def _midnight(day: date, zone: str) -> int:
    """Some millisecond near the beginning of a local day."""
    return _milliseconds(datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC))


def _next_midnight(moment: int, zone: str) -> int:
    """The first millisecond of the next local day, found by halving: no arithmetic with offsets."""
    today, before, after = _local_day(moment, zone), moment, moment + 26 * HOUR
    if _local_day(after, zone) == today:
        after += DAY
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if _local_day(middle, zone) == today else (before, middle)
    return after


@dataclass(frozen=True)
class Scene:
    zone: str
    moment: int
    tasks: list[dict[str, Any]]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """A zone, a clock near one of its jumps or anywhere, and tasks near its midnights."""
    zone = draw(st.sampled_from(_ZONES))
    day = draw(st.sampled_from(_JUMPS)) + timedelta(days=draw(st.integers(-1, 31)))
    near = st.sampled_from((-HOUR, -1, 0, 1, HOUR - 1, HOUR)) | st.integers(-DAY, DAY)
    moment = _midnight(day, zone) + draw(near)

    def moments(first: int, last: int) -> st.SearchStrategy[int]:
        days = st.integers(first, last).map(lambda number: _midnight(day + timedelta(days=number), zone))
        return st.builds(lambda begin, off: begin + off, days, near)

    due: st.SearchStrategy[dict[str, Any]] = st.one_of(
        st.just({}),
        (moments(-2, 3) | st.integers(-2, 2).map(lambda off: moment + off)).map(
            lambda at: {"due_at": rfc3339(at)}
        ),
        st.integers(-3, 3).map(lambda number: {"due_on": (day + timedelta(days=number)).isoformat()}),
    )
    state = st.one_of(
        st.sampled_from([{"status": "todo"}, {"status": "in_progress"}]),
        moments(-33, 2).map(lambda at: {"status": "done", "completed_at": at}),
    )
    trashed = st.sampled_from([{}, {}, {}, {"trashed_at": 1}])
    task = st.builds(lambda *parts: {k: v for part in parts for k, v in part.items()}, due, state, trashed)
    return Scene(zone, moment, draw(st.lists(task, max_size=12)))


def _model(scene: Scene) -> dict[str, Any]:
    today = _local_day(scene.moment, scene.zone)
    live = [task for task in scene.tasks if "trashed_at" not in task]
    completed = [_local_day(task["completed_at"], scene.zone) for task in live if task["status"] == "done"]
    days = [today - timedelta(days=number) for number in range(29, -1, -1)]
    return {
        **{
            status: sum(task["status"] == status for task in live)
            for status in ("todo", "in_progress", "done")
        },
        "overdue": sum(task["status"] != "done" and _is_late(task, scene) for task in live),
        "trashed": len(scene.tasks) - len(live),
        "done_per_day": [{"date": day.isoformat(), "count": completed.count(day)} for day in days],
    }


def _is_late(task: Mapping[str, Any], scene: Scene) -> bool:
    if "due_on" in task:
        return date.fromisoformat(task["due_on"]) < _local_day(scene.moment, scene.zone)
    return "due_at" in task and _milliseconds(datetime.fromisoformat(task["due_at"])) < scene.moment


@contextmanager
def _clock_at(moment: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("taskapi.stats.service.now", lambda: moment)
        # What keeps answers looks here whether they still hold.
        patch.setattr("taskapi.clock.now", lambda: moment)
        yield


def _counted(person: Person, moment: int) -> Counted:
    actor = Actor(person.id, person.session_id, "api", "made-by-a-test")
    with _clock_at(moment), person.parts.database.reader() as reader:
        return service.count(reader, actor)


def _person_in(app: Flask, scene: Scene) -> Person:
    person = make_person(app)
    assert person.api.patch("/me", {"timezone": scene.zone}).status_code == 200
    plant_tasks(person, scene.tasks)
    return person


@_QUIET
@given(scene=scenes())
def test_the_numbers_are_those_of_a_person_with_a_calendar(app: Flask, scene: Scene) -> None:
    assert _counted(_person_in(app, scene), scene.moment).json == _model(scene)


@_QUIET
@given(scene=scenes(), part=st.floats(0, 1, exclude_max=True))
def test_the_numbers_hold_until_the_day_ends_or_a_task_becomes_overdue(
    app: Flask, scene: Scene, part: float
) -> None:
    person = _person_in(app, scene)
    counted = _counted(person, scene.moment)
    assert counted.until > scene.moment
    for moment in (scene.moment + int((counted.until - scene.moment) * part), counted.until - 1):
        assert _counted(person, moment) == counted
    dues = {
        _milliseconds(datetime.fromisoformat(task["due_at"])) + 1
        for task in scene.tasks
        if task["status"] != "done" and "trashed_at" not in task and "due_at" in task
    }
    assert counted.until in {_next_midnight(scene.moment, scene.zone), *dues}
    after = _counted(person, counted.until)
    assert (after.json, after.under) == (_model(replace(scene, moment=counted.until)), counted.under)
    assert after.json != counted.json
    assert after.until > counted.until


@settings(max_examples=300, deadline=None)
@given(zone=st.sampled_from(_ZONES), day=st.dates(date(2012, 1, 1), date(2099, 12, 30)))
@example(zone="Pacific/Apia", day=date(2011, 12, 30))
@example(zone="Asia/Beirut", day=date(2026, 3, 29))
@example(zone="America/Havana", day=date(2026, 11, 1))
@example(zone="Asia/Pyongyang", day=date(2018, 5, 5))
def test_a_day_begins_with_its_first_millisecond(zone: str, day: date) -> None:
    begin = beginning(day, ZoneInfo(zone))
    assert _local_day(begin - 1, zone) < day <= _local_day(begin, zone)


def test_without_tasks_there_are_thirty_days_of_nothing(ann: Person) -> None:
    answer = ann.api.get("/stats")
    assert answer.status_code == 200
    days = answer.json.pop("done_per_day")
    assert answer.json == {
        "todo": 0,
        "in_progress": 0,
        "done": 0,
        "overdue": 0,
        "trashed": 0,
        "done_per_day": days,
    }
    assert [day["count"] for day in days] == [0] * 30
    assert days[-1]["date"] in {
        _local_day(now() - 1000, "UTC").isoformat(),
        _local_day(now(), "UTC").isoformat(),
    }


def test_only_ones_own_tasks_are_counted(ann: Person, bob: Person) -> None:
    plant_tasks(bob, [{}, {"trashed_at": 1}, {"due_on": "2020-01-01"}])
    before = ann.api.get("/stats").json
    assert (before["todo"], before["trashed"], before["overdue"]) == (0, 0, 0)
    assert bob.api.get("/stats").json["todo"] == 2


def test_the_tag_moves_with_the_tasks_the_zone_and_the_time(ann: Person) -> None:
    noon = _midnight(date(2026, 7, 15), "UTC") + 12 * HOUR
    with _clock_at(noon):
        tags = [ann.api.get("/stats").etag]
        assert ann.api.get("/stats", headers={"If-None-Match": tags[0]}).status_code == 304
        ann.new_task(due_at=rfc3339(noon + HOUR))
        tags.append(ann.api.get("/stats").etag)
        ann.api.patch("/me", {"timezone": "Asia/Kolkata"})
        tags.append(ann.api.get("/stats").etag)
    for later in (noon + HOUR + 1, noon + DAY):
        with _clock_at(later):
            answer = ann.api.get("/stats", headers={"If-None-Match": tags[-1]})
            assert answer.status_code == 200
            tags.append(answer.etag)
    assert len(set(tags)) == len(tags) == 5


def test_the_answer_is_kept_under_the_scope_and_until_it_would_be_another(ann: Person) -> None:
    noon = _midnight(date(2026, 7, 15), "UTC") + 12 * HOUR
    ann.new_task(due_at=rfc3339(noon))
    (epoch,) = ann.parts.epochs.current(f"s:{ann.id}")
    for moment, overdue, until in ((noon, 0, noon + 1), (noon + 1, 1, noon + 12 * HOUR)):
        with _clock_at(moment):
            assert ann.api.get("/stats").json["overdue"] == overdue
        (kept,) = [entry for entry in ann.parts.store._entries.values() if entry.user_id == ann.id]
        assert dict(zip(kept.keys, kept.values, strict=True))[f"s:{ann.id}"] == epoch
        assert kept.until == until


def test_a_zone_changed_between_the_two_statements_is_the_one_that_counts(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    evening = _midnight(date(2026, 7, 15), "UTC") + 20 * HOUR
    zones = iter(["Etc/GMT+12", "Pacific/Kiritimati"])

    def clock() -> int:
        for zone in zones:
            # In another thread, because requests within a request share what they keep.
            assert pool.submit(ann.api.patch, "/me", {"timezone": zone}).result().status_code == 200
            break
        return evening

    monkeypatch.setattr("taskapi.stats.service.now", clock)
    with ThreadPoolExecutor(1) as pool:
        answer = ann.api.get("/stats")
    assert answer.json["done_per_day"][-1]["date"] == "2026-07-16"
    assert next(zones, None) is None
    assert ann.api.get("/stats", headers={"If-None-Match": answer.etag}).status_code == 304


def test_stats_are_one_statement_beside_the_look_at_the_zone(ann: Person, parts: Parts) -> None:
    statements = Statements(parts)
    for count in (0, 300):
        plant_tasks(
            ann, [{"status": "done", "completed_at": now() - number * DAY} for number in range(count)]
        )
        # So that the epochs of ann are known, and what is counted is sent for the numbers alone.
        ann.api.get("/tasks")
        assert statements.during(lambda: ann.api.get("/stats")).json["done"] == count
        assert statements.own == 2
        assert sum("FROM tasks" in sent for sent in statements.sent) == 1

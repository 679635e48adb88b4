"""Many operations in one call do what the calls would do one by one, or nothing at all."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskapi import positions
from taskapi.ids import new_id
from tests.bulk.operations import Account, Call, calls
from tests.people import Answer, Person, make_person
from tests.problems import check_problem
from tests.statements import Statements
from tests.tasks.rows import live_titles, new_project

_SHORT = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
_LONG = settings(_SHORT, max_examples=600)


@pytest.fixture(scope="module")
def strangers() -> dict[str, Person]:
    return {}


@pytest.fixture
def account(app: Flask, strangers: dict[str, Person]) -> Callable[[], Account]:
    """Makes accounts that differ in nothing but their ids."""
    stranger = strangers.setdefault(repr(app.extensions["taskapi"].database), make_person(app))
    return lambda: Account(app, stranger)


def _bulk(person: Person, *operations: dict[str, Any], **more: Any) -> Answer:
    return person.api.post("/tasks/bulk", {"operations": list(operations), **more})


def _create(title: str = "New", **data: Any) -> dict[str, Any]:
    return {"op": "create", "data": {"title": title, **data}}


@pytest.fixture(params=["a few", "all"])
def short_keys(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places have to be spread anew all the time, those of a few tasks or of all."""
    monkeypatch.setattr(positions, "LONGEST", 13 if request.param == "a few" else 10)
    if request.param == "a few":
        monkeypatch.setattr(positions, "_LONGEST_SPREAD", 12)
        monkeypatch.setattr(positions, "_REACH", 2)


def _move(task: int, side: str, anchor: int) -> Call:
    return Call("update", task, data={"position": {side: anchor}})


def _new(side: str, anchor: int) -> Call:
    return Call("create", data={"title": "New", "position": {side: anchor}})


_RENAME = Call("update", 1, data={"title": "New"})
# Series in which an operation meets what one before it did.
_MEETINGS = {
    "a neighbour has gone": [_move(1, "after", 4), _new("after", 0), _move(3, "after", 4), _new("before", 4)],
    "the anchor has moved": [
        _move(0, "after", 3),
        _new("after", 0),
        _new("before", 0),
        _move(0, "before", 1),
    ],
    "a neighbour is in the trash": [Call("delete", 1), _move(2, "after", 0), _new("after", 1)],
    "the anchor is back": [_new("after", 5), Call("restore", 5), _new("after", 5), _new("before", 5)],
    "a trashed one is moved": [
        _move(5, "after", 0),
        Call("restore", 5),
        _move(5, "after", 0),
        _new("after", 5),
    ],
    "a new one is beside": [_new("after", 0), _new("after", 0), _move(1, "after", 0), _new("before", 1)],
    "it was changed before": [_RENAME, _RENAME, _move(1, "after", 2), Call("delete", 1), Call("restore", 1)],
    "it is changed again": [Call("delete", 1), Call("restore", 1), _new("after", 0), _RENAME],
}


@pytest.mark.parametrize("meeting", _MEETINGS)
def test_an_operation_sees_what_those_before_it_did(account: Callable[[], Account], meeting: str) -> None:
    _compare(account, _MEETINGS[meeting], exact=True)


@pytest.mark.parametrize(
    "meeting", [name for name in _MEETINGS if "back" not in name and "trashed" not in name]
)
def test_it_sees_places_that_were_spread_anew(
    account: Callable[[], Account], short_keys: None, meeting: str
) -> None:
    _compare(account, _MEETINGS[meeting], exact=False)


_SERIES = st.lists(calls(), min_size=1, max_size=14)
_SERIES_WITH_SHORT_KEYS = st.lists(calls(restores=False, tags=False), min_size=1, max_size=14)


def _compare(account: Callable[[], Account], operations: list[Call], exact: bool) -> None:
    """The same as a bulk and one by one."""
    one, other = account(), account()
    alone = one.one_by_one(operations)
    together = other.told(other.bulk(operations))
    for operation, answer, expected in zip(operations, together, alone, strict=True):
        assert answer == expected if exact else answer[0] == expected[0], operation
    assert other.state(exact) == one.state(exact)


@_SHORT
@given(operations=_SERIES)
def test_a_bulk_does_what_its_calls_would_do_one_by_one(
    account: Callable[[], Account], operations: list[Call]
) -> None:
    _compare(account, operations, exact=True)


@pytest.mark.prove
@_LONG
@given(operations=_SERIES)
def test_a_bulk_does_what_its_calls_would_do_one_by_one_at_length(
    account: Callable[[], Account], operations: list[Call]
) -> None:
    _compare(account, operations, exact=True)


@_SHORT
@given(operations=_SERIES_WITH_SHORT_KEYS)
def test_spreading_places_anew_changes_no_order(
    account: Callable[[], Account], short_keys: None, operations: list[Call]
) -> None:
    _compare(account, operations, exact=False)


@pytest.mark.prove
@_LONG
@given(operations=_SERIES_WITH_SHORT_KEYS)
def test_spreading_places_anew_changes_no_order_at_length(
    account: Callable[[], Account], short_keys: None, operations: list[Call]
) -> None:
    _compare(account, operations, exact=False)


@_SHORT
@given(operations=st.lists(calls(), min_size=1, max_size=6))
def test_an_atomic_bulk_does_all_or_nothing(account: Callable[[], Account], operations: list[Call]) -> None:
    one, other = account(), account()
    before = one.raw()
    alone = other.told(other.bulk(operations))
    answer = one.bulk(operations, atomic=True)
    refused = [index for index, (status, _) in enumerate(alone) if status >= 400]
    if not refused:
        assert one.told(answer) == alone
        assert one.state() == other.state()
        return
    first, root = refused[0], f"/operations/{refused[0]}"
    check_problem(answer, alone[first][0], root)
    pointers = [fault["pointer"] for fault in answer.json["errors"]]
    assert pointers[0] == root
    assert all(pointer.startswith(f"{root}/") for pointer in pointers[1:])
    assert len(pointers) == 1 + len(alone[first][1].get("errors", []))
    assert one.raw() == before


def test_an_atomic_bulk_refused_by_a_stale_tag_tells_the_tag_that_holds(ann: Person) -> None:
    made = ann.api.post("/tasks", {"title": "Pay rent"})
    named = {"op": "update", "id": made.json["id"]}
    answer = _bulk(
        ann,
        named | {"data": {"title": "Renamed"}, "if_match": made.etag},
        named | {"data": {"title": "Again"}, "if_match": made.etag},
        atomic=True,
    )
    check_problem(answer, 412, "/operations/1")
    assert answer.etag == made.etag == ann.api.get(f"/tasks/{made.json['id']}").etag


def test_later_creates_are_above_earlier_ones_and_beside_what_they_name(ann: Person) -> None:
    anchor = ann.new_task("anchor")["id"]
    below, above = {"after": anchor}, {"before": anchor}
    answer = _bulk(
        ann,
        _create("1"),
        _create("2"),
        _create("3", position=below),
        _create("4", position=below),
        _create("5", position=above),
        _create("6"),
    )
    tasks = [result["body"] for result in answer.json["results"]] + [ann.api.get(f"/tasks/{anchor}").json]
    titles = [task["title"] for task in sorted(tasks, key=lambda task: str(task["position"]))]
    assert titles == ["6", "2", "1", "5", "anchor", "4", "3"]
    assert live_titles(ann) == ["6", "5", "4", "3", "2", "1", "anchor"]


def test_an_etag_of_before_holds_for_the_first_change_only(ann: Person) -> None:
    made = ann.api.post("/tasks", {"title": "Pay rent"})
    path, named = f"/tasks/{made.json['id']}", {"id": made.json["id"], "if_match": made.etag}
    answer = _bulk(
        ann,
        {"op": "update", "data": {"title": "Pay rent"}, **named},
        {"op": "update", "data": {"title": "Renamed"}, **named},
        {"op": "delete", **named},
    )
    assert [result["status"] for result in answer.json["results"]] == [200, 200, 412]
    read = ann.api.get(path)
    assert (read.json["title"], read.json["version"]) == ("Renamed", 2)
    assert read.etag != made.etag


def test_a_malformed_envelope_is_refused_as_a_whole(ann: Person) -> None:
    task_id, good = new_id(), _create()
    whole: list[Any] = [None, {}, "create", 5, [good] * 101, []]
    for operations in whole:
        check_problem(ann.api.post("/tasks/bulk", {"operations": operations}), 422, "/operations")
    check_problem(ann.api.post("/tasks/bulk", {}), 422, "/operations")
    check_problem(_bulk(ann, good, atomic="true"), 422, "/atomic")
    check_problem(_bulk(ann, good, dry_run=True), 422, "/dry_run")
    odd: list[tuple[Any, str]] = [
        ({"op": "move", "id": task_id}, "/op"),
        ({"op": None}, "/op"),
        ({"id": task_id}, "/op"),
        ({"op": "create"}, ""),
        ({"op": "create", "data": None}, "/data"),
        ({"op": "create", "data": []}, "/data"),
        ({"op": "create", "id": task_id, "data": {"title": "x"}}, ""),
        ({"op": "create", "data": {"title": "x"}, "if_match": "*"}, ""),
        ({"op": "update", "data": {}}, ""),
        ({"op": "update", "id": task_id}, ""),
        ({"op": "update", "id": 5, "data": {}}, "/id"),
        ({"op": "update", "id": task_id, "data": {}, "if_match": None}, "/if_match"),
        ({"op": "delete"}, ""),
        ({"op": "delete", "id": None}, "/id"),
        ({"op": "delete", "id": task_id, "data": {}}, ""),
        ({"op": "restore", "id": task_id, "if_match": "*"}, ""),
        ({"op": "restore", "id": task_id, "permanent": True}, "/permanent"),
        ("create", ""),
        (None, ""),
    ]
    for operation, pointer in odd:
        check_problem(_bulk(ann, good, operation), 422, f"/operations/1{pointer}")
    assert live_titles(ann) == []
    assert _bulk(ann, *[good] * 100).status_code == 200


def test_ids_are_read_as_in_a_path(ann: Person) -> None:
    task_id = ann.new_task()["id"]
    named = [task_id.upper(), "x", "", f"{task_id} ", "\0", task_id.replace("-", "")]
    answer = _bulk(ann, *({"op": "update", "id": one, "data": {"title": "Renamed"}} for one in named))
    assert [result["status"] for result in answer.json["results"]] == [200, 404, 404, 404, 404, 404]


def test_creates_count_one_by_one_and_are_refused_whole(make_app: Callable[..., Flask]) -> None:
    person = make_person(make_app("sqlite", TASKAPI_LIMITS="create=5/hour"))
    kept = _bulk(person, _create(), _create(), _create())
    assert kept.headers["RateLimit"].startswith('"create";r=2;')
    task_id = kept.json["results"][0]["body"]["id"]
    refused = _bulk(person, {"op": "delete", "id": task_id}, *[_create()] * 3)
    check_problem(refused, 429)
    assert int(refused.headers["Retry-After"]) > 0
    assert len(live_titles(person)) == 3
    # Nothing was counted, and what makes no task is not limited.
    assert _bulk(person, _create(), _create()).status_code == 200
    for _ in range(3):
        assert _bulk(person, {"op": "update", "id": task_id, "data": {"title": "x"}}).status_code == 200
    check_problem(person.api.post("/tasks", {"title": "x"}), 429)


def _mixed(person: Person) -> list[dict[str, Any]]:
    """A hundred operations of every kind, many of them placed, all of them good."""
    project = new_project(person)
    ids = [one["body"]["id"] for one in _bulk(person, *[_create()] * 60).json["results"]]
    trashed = ids[:20]
    _bulk(person, *({"op": "delete", "id": one} for one in trashed))
    return [
        *({"op": "restore", "id": one} for one in trashed),
        *(_create(f"{n}", position={"after": ids[n]}, project_id=project, labels=["x"]) for n in range(20)),
        *(_create(f"{n}") for n in range(10)),
        *(
            {"op": "update", "id": ids[20 + n], "data": {"title": f"{n}", "position": {"before": ids[59]}}}
            for n in range(20)
        ),
        *({"op": "update", "id": ids[20 + n], "data": {"position": {"after": ids[0]}}} for n in range(10)),
        *({"op": "delete", "id": ids[40 + n]} for n in range(20)),
    ]


def test_a_hundred_mixed_operations_send_few_statements(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def sent_for(person: Person, operations: list[dict[str, Any]]) -> int:
        answer = statements.during(lambda: _bulk(person, *operations))
        statuses = {result["status"] for result in answer.json["results"]}
        assert statuses == {200, 201, 204} or len(operations) < 100
        return statements.own

    statements, mixed = Statements(ann.parts), _mixed(ann)
    assert len(mixed) == 100
    # Rows, projects, epoch, neighbours; created, changed, moved, remembered.
    assert sent_for(ann, mixed) == 8
    for kind in ("create", "update", "delete", "restore"):
        person = make_person(ann.app)
        assert sent_for(person, [one for one in _mixed(person) if one["op"] == kind]) <= 6, kind
    # Where places are spread anew: all places, the rows to be moved, their epochs and they.
    monkeypatch.setattr(positions, "LONGEST", 13)
    person = make_person(ann.app)
    assert sent_for(person, _mixed(person)) == 12


def test_bulks_of_the_same_tasks_at_the_same_time_neither_fail_nor_mix(ann: Person) -> None:
    ids = [result["body"]["id"] for result in _bulk(ann, *[_create()] * 12).json["results"]]

    def work(number: int) -> set[int]:
        chance, statuses = random.Random(number), set()
        for turn in range(12):
            chance.shuffle(ids_of := list(ids))
            operations = [
                {
                    "op": "update",
                    "id": one,
                    "data": {"title": f"{number} {turn}", "position": {"after": ids[0]}},
                }
                for one in ids_of
                if one != ids[0]
            ]
            answer = _bulk(ann, *operations, _create(position={"before": ids_of[0]}))
            statuses.add(answer.status_code)
            statuses |= {result["status"] for result in answer.json["results"]}
        return statuses

    with ThreadPoolExecutor(4) as pool:
        assert set().union(*pool.map(work, range(4))) == {200, 201}
    # Whoever came last wrote all of them.
    assert len({ann.api.get(f"/tasks/{one}").json["title"] for one in ids[1:]}) == 1
    places = [task["position"] for task in ann.api.get("/tasks?sort=position&limit=200").json["items"]]
    assert places == sorted(set(places))


def test_a_bulk_among_strangers_changes_only_ones_own(ann: Person, bob: Person) -> None:
    foreign, project = bob.new_task(), new_project(bob)
    trashed = bob.new_task()["id"]
    bob.api.delete(f"/tasks/{trashed}")
    before = bob.api.get("/tasks").text
    answer = _bulk(
        ann,
        {"op": "update", "id": foreign["id"], "data": {"title": "Mine"}},
        {"op": "delete", "id": foreign["id"]},
        {"op": "restore", "id": trashed},
        _create(project_id=project),
        _create(position={"after": foreign["id"]}),
    )
    assert [result["status"] for result in answer.json["results"]] == [404, 404, 404, 422, 422]
    missing = _bulk(ann, {"op": "delete", "id": new_id()}).json["results"][0]["body"]
    refused = answer.json["results"][1]["body"]
    assert refused | {"request_id": ""} == missing | {"request_id": ""}
    assert bob.api.get("/tasks").text == before
    assert live_titles(ann) == []


def test_a_full_bulk_of_long_tasks_fits_a_body(ann: Person) -> None:
    raw = orjson.dumps({"operations": [_create("x" * 200, description="y" * 9000)] * 100})
    answer = ann.api.post("/tasks/bulk", data=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert len(answer.json["results"]) == 100

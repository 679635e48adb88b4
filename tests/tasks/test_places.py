"""Where a task is in the list: placed beside another, moved, and kept in short keys."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from taskapi import positions
from taskapi.actors import Actor
from taskapi.ids import new_id
from taskapi.placing import Placing
from taskapi.tasks import service
from taskapi.tasks.models import Task
from taskapi.tasks.schemas import NewTask
from tests.people import Answer, Person, make_person
from tests.problems import check_problem
from tests.statements import Statements

SIDES = ("after", "before")


def places(person: Person) -> list[tuple[str, str]]:
    """Ids and places of somebody's live tasks, in the order of the list."""
    wanted = (
        select(Task.id, Task.position)
        .where(Task.scope_id == person.id, Task.trashed_at.is_(None))
        .order_by(Task.position, Task.id)
    )
    with person.parts.database.reader() as reader:
        return [(row.id, row.position) for row in reader.rows(wanted)]


def order(person: Person) -> list[str]:
    return [task_id for task_id, _ in places(person)]


def _create(person: Person, side: str, anchor: str) -> str:
    task_id: str = person.new_task(position={side: anchor})["id"]
    return task_id


def _move(person: Person, task_id: str, side: str, anchor: str) -> Answer:
    return person.api.patch(f"/tasks/{task_id}", {"position": {side: anchor}})


@pytest.fixture(params=["roomy", "narrow"])
def narrow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time keys have so few digits that places are spread anew all the time."""
    if request.param == "narrow":
        monkeypatch.setattr(positions, "LONGEST", 13)
        monkeypatch.setattr(positions, "_LONGEST_SPREAD", 12)
        monkeypatch.setattr(positions, "_REACH", 2)


class _Model:
    """A list in Python, and the same tasks of somebody."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.live = [person.new_task()["id"]]
        self.trashed: list[str] = []

    def step(self, what: str, which: int, side: str, where: int) -> None:
        task_id, anchor = (self.live[number % len(self.live)] for number in (which, where))
        if what == "top":
            self.live.insert(0, self.person.new_task()["id"])
        elif what == "create":
            self._insert(_create(self.person, side, anchor), side, anchor)
        elif what == "move" and task_id != anchor:
            assert _move(self.person, task_id, side, anchor).status_code == 200
            self.live.remove(task_id)
            self._insert(task_id, side, anchor)
        elif what == "trash" and len(self.live) > 1:
            assert self.person.api.delete(f"/tasks/{task_id}").status_code == 204
            self.live.remove(task_id)
            self.trashed.append(task_id)
        elif what == "restore" and self.trashed:
            self._restore(self.trashed.pop(which % len(self.trashed)))

    def _insert(self, task_id: str, side: str, anchor: str) -> None:
        self.live.insert(self.live.index(anchor) + (side == "after"), task_id)

    def _restore(self, task_id: str) -> None:
        """Where between its former neighbours it comes to be, if others came there, nobody is promised."""
        assert self.person.api.post(f"/tasks/{task_id}/restore").status_code == 200
        found = order(self.person)
        assert [one for one in found if one != task_id] == self.live
        self.live = found


_STEP = st.tuples(
    st.sampled_from(["top", "create", "create", "move", "move", "move", "trash", "restore"]),
    st.integers(0, 30),
    st.sampled_from(SIDES),
    # Few anchors, so that many come to the same place.
    st.sampled_from([0, 0, 0, 1, 2, 5, -1, -1]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(_STEP, min_size=1, max_size=25))
def test_every_series_of_placings_orders_tasks_as_a_list_would(
    app: Flask, narrow: None, steps: list[tuple[str, int, str, int]]
) -> None:
    model = _Model(make_person(app))
    for step in steps:
        model.step(*step)
        assert order(model.person) == model.live, step
    keys = [key for _, key in places(model.person)]
    assert max(map(len, keys)) <= positions.LONGEST
    listed = model.person.api.get("/tasks?sort=position&limit=200").json["items"]
    assert [task["id"] for task in listed] == model.live


def test_a_task_comes_back_from_the_trash_to_its_place(ann: Person) -> None:
    first, second, third = (ann.new_task()["id"] for _ in range(3))
    placed = _create(ann, "before", second)
    ann.api.delete(f"/tasks/{placed}")
    assert order(ann) == [third, second, first]
    ann.api.post(f"/tasks/{placed}/restore")
    assert order(ann) == [third, placed, second, first]


def test_two_that_share_a_place_are_told_apart_when_a_third_comes_between(ann: Person) -> None:
    last, first = (ann.new_task()["id"] for _ in range(2))
    gone = _create(ann, "after", first)
    ann.api.delete(f"/tasks/{gone}")
    # It comes to the very middle that the other has left for the trash.
    new = _create(ann, "after", first)
    ann.api.post(f"/tasks/{gone}/restore")
    keys = dict(places(ann))
    assert keys[gone] == keys[new]
    assert order(ann) == [first, gone, new, last]
    third = _create(ann, "after", gone)
    assert order(ann) == [first, gone, third, new, last]


@pytest.mark.parametrize("side", SIDES)
def test_a_place_names_another_live_task_of_ones_own(ann: Person, bob: Person, side: str) -> None:
    task, other, trashed = (ann.new_task() for _ in range(3))
    ann.api.delete(f"/tasks/{trashed['id']}")
    path = f"/tasks/{task['id']}"
    anchors: list[Any] = [new_id(), trashed["id"], bob.new_task()["id"], "", "x", None, 5, [], {}]
    for anchor in anchors:
        for answer in (
            ann.api.post("/tasks", {"title": "x", "position": {side: anchor}}),
            ann.api.patch(path, {"title": "x", "position": {side: anchor}}),
        ):
            check_problem(answer, 422, f"/position/{side}")
    check_problem(ann.api.patch(path, {"position": {side: task["id"]}}), 422, f"/position/{side}")
    assert order(ann) == [other["id"], task["id"]]
    assert ann.api.get(path).json == task
    upper = ann.api.patch(path, {"position": {"before": other["id"].upper()}})
    assert upper.status_code == 200
    assert order(ann) == [task["id"], other["id"]]


def test_a_place_names_exactly_one_task(ann: Person) -> None:
    task, other = (ann.new_task()["id"] for _ in range(2))
    both = {"after": other, "before": other}
    odd: list[Any] = [None, {}, both, "top", 1, True, [], [{"after": other}]]
    for position in odd:
        check_problem(ann.api.post("/tasks", {"title": "x", "position": position}), 422, "/position")
        check_problem(ann.api.patch(f"/tasks/{task}", {"position": position}), 422, "/position")
    more = {"after": other, "at": 1}
    check_problem(ann.api.patch(f"/tasks/{task}", {"position": more}), 422, "/position/at")
    for position in ({"after": other}, None, "s1"):
        body = {"title": "x", "position": position}
        check_problem(ann.api.put(f"/tasks/{task}", body), 422, "/position")
    assert order(ann) == [other, task]


def test_a_task_put_where_it_is_leaves_no_trace(ann: Person) -> None:
    ids = [ann.new_task()["id"] for _ in range(3)][::-1]
    for task_id, position in (
        (ids[1], {"after": ids[0]}),
        (ids[1], {"before": ids[2]}),
        (ids[0], {"before": ids[1]}),
        (ids[2], {"after": ids[1]}),
    ):
        path = f"/tasks/{task_id}"
        before, listed = ann.api.get(path), ann.api.get("/tasks")
        answer = ann.api.patch(path, {"position": position})
        assert (answer.status_code, answer.json, answer.etag) == (200, before.json, before.etag)
        assert ann.api.get("/tasks").etag == listed.etag
        assert len(ann.api.get(f"{path}/history").json["items"]) == 1
    named = ann.api.patch(f"/tasks/{ids[1]}", {"title": "Renamed", "position": {"after": ids[0]}})
    changes = ann.api.get(f"/tasks/{ids[1]}/history").json["items"][0]["changes"]
    assert (named.json["version"], [change["field"] for change in changes]) == (2, ["title"])


def test_a_move_is_one_change_that_is_remembered(ann: Person) -> None:
    last, task = (ann.new_task() for _ in range(2))
    path = f"/tasks/{task['id']}"
    stale = ann.api.get(path).etag
    wanted = {"title": "Renamed", "position": {"after": last["id"]}}
    answer = ann.api.patch(path, wanted, headers={"If-Match": stale})
    assert (answer.status_code, answer.json["version"]) == (200, 2)
    assert answer.json["position"] > last["position"] > task["position"]
    assert ann.api.get(path).json == answer.json
    assert ann.api.patch(path, wanted, headers={"If-Match": stale}).status_code == 412
    again = _move(ann, task["id"], "before", last["id"]).json
    history = ann.api.get(f"{path}/history").json["items"]
    assert [entry["changes"] for entry in history[:2]] == [
        [{"field": "position", "before": answer.json["position"], "after": again["position"]}],
        [
            {"field": "title", "before": task["title"], "after": "Renamed"},
            {"field": "position", "before": task["position"], "after": answer.json["position"]},
        ],
    ]
    assert ann.api.get(f"/tasks/{last['id']}").json == last


def test_neither_end_ever_grows(ann: Person) -> None:
    ids = [ann.new_task()["id"] for _ in range(2)]
    for number in range(30):
        _create(ann, "before", order(ann)[0])
        _create(ann, "after", order(ann)[-1])
        _move(ann, ids[number % 2], "before" if number % 3 else "after", order(ann)[0 if number % 3 else -1])
    keys = [key for _, key in places(ann)]
    assert {len(key) for key in keys} == {9, 10}
    assert keys == sorted(set(keys))


def test_spreading_anew_changes_neighbours_but_is_no_change_of_theirs(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [ann.new_task() for _ in range(3)][::-1]
    before = {task["id"]: ann.api.get(f"/tasks/{task['id']}") for task in tasks}
    monkeypatch.setattr(positions, "LONGEST", 10)
    new = _create(ann, "after", tasks[0]["id"])
    assert order(ann) == [tasks[0]["id"], new, tasks[1]["id"], tasks[2]["id"]]
    for task in tasks:
        path = f"/tasks/{task['id']}"
        now = ann.api.get(path)
        place = {name: now.json[name] for name in ("position", "updated_at")}
        assert now.json == task | place | {"version": 2}
        assert now.etag != before[task["id"]].etag
        assert ann.api.patch(path, {"title": "x"}, headers={"If-Match": now.etag}).status_code == 200
        assert len(ann.api.get(f"{path}/history").json["items"]) == 2


# Beside which task the next one comes: a number into those made so far, of which the second is the top.
_PATTERNS: dict[str, Callable[[int, random.Random], tuple[str, int]]] = {
    "after the same": lambda _count, _chance: ("after", 1),
    "before the same": lambda _count, _chance: ("before", 0),
    "after the last placed": lambda _count, _chance: ("after", -1),
    "into the middle": lambda count, _chance: (SIDES[count % 2], -1),
    "at random beside the newest": lambda count, chance: (
        chance.choice(SIDES),
        -chance.randint(1, min(count, 5)),
    ),
}


def _fill_a_gap(person: Person, pattern: str, count: int) -> tuple[int, int]:
    """Put tasks into one gap; the longest key there ever was, and how many rows were spread anew."""
    choose, chance = _PATTERNS[pattern], random.Random(1)
    actor, longest = Actor(person.id, person.session_id, "api", "made-by-a-test"), 0
    with person.parts.database.writer() as session:
        made = [service.create(session, actor, NewTask(title="x")).json["id"] for _ in range(2)]
        expected = made[::-1]
        for _ in range(count):
            side, which = choose(len(made), chance)
            wanted = NewTask.model_validate({"title": "x", "position": {side: made[which]}})
            task = service.create(session, actor, wanted).json
            expected.insert(expected.index(made[which]) + (side == "after"), task["id"])
            made.append(task["id"])
            longest = max(longest, len(task["position"]))
    assert order(person) == expected
    keys = [key for _, key in places(person)]
    assert len(set(keys)) == len(keys)
    versions = select(Task.version).where(Task.scope_id == person.id)
    with person.parts.database.reader() as reader:
        rewritten = sum(row.version - 1 for row in reader.rows(versions))
    return max(longest, *map(len, keys)), rewritten


@pytest.mark.parametrize("pattern", _PATTERNS)
def test_500_tasks_in_one_gap_keep_short_keys(ann: Person, pattern: str) -> None:
    longest, rewritten = _fill_a_gap(ann, pattern, 500)
    assert longest <= 40
    assert 0 < rewritten < 2500


@pytest.mark.prove
@pytest.mark.parametrize("pattern", _PATTERNS)
def test_10000_tasks_in_one_gap_keep_short_keys(ann: Person, pattern: str) -> None:
    longest, rewritten = _fill_a_gap(ann, pattern, 10_000)
    print(f"{pattern}: longest key {longest}, {rewritten / 10_000:.2f} rows rewritten per placing")  # noqa: T201 - a proof prints its figures
    assert longest <= 40


def test_writers_in_one_gap_neither_fail_nor_wait_for_each_other(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "LONGEST", 12)
    monkeypatch.setattr(positions, "_LONGEST_SPREAD", 12)
    monkeypatch.setattr(positions, "_REACH", 4)
    spread: list[bool] = []
    write = Placing._spread

    def noted(*arguments: Any) -> bool:
        spread.append(write(*arguments))
        return spread[-1]

    monkeypatch.setattr(Placing, "_spread", noted)
    ids = [ann.new_task()["id"] for _ in range(6)][::-1]

    def work(number: int) -> set[int]:
        chance, codes = random.Random(number), set()
        for turn in range(number, number + 40):
            task_id = ids[chance.randint(1, 5)]
            if turn % 3 == 0:
                answer = ann.api.post("/tasks", {"title": "x", "position": {"after": ids[0]}})
            elif turn % 3 == 1:
                answer = _move(ann, task_id, "after", ids[0])
            else:
                answer = ann.api.patch(f"/tasks/{task_id}", {"title": f"{number} {turn}"})
            codes.add(answer.status_code)
        return codes

    with ThreadPoolExecutor(6) as pool:
        codes = set().union(*pool.map(work, range(6)))
    assert codes <= {200, 201}
    assert True in spread
    keys = [key for _, key in places(ann)]
    assert len(set(keys)) == len(keys)
    assert order(ann)[0] == ids[0]


def test_a_placing_sends_no_more_statements_than_it_may(ann: Person) -> None:
    ids = [ann.new_task()["id"] for _ in range(4)][::-1]
    created = 4 if ann.parts.database.is_sqlite else 3
    budgets: tuple[tuple[Callable[[], Answer], int], ...] = (
        # The epoch, the neighbours, the task and its history, which on PostgreSQL are one.
        (lambda: ann.api.post("/tasks", {"title": "x", "position": {"after": ids[1]}}), created),
        # Locked, and seen whether it is there; then as above.
        (lambda: _move(ann, ids[3], "before", ids[1]), 6),
        (lambda: _move(ann, ids[3], "before", ids[1]), 2),
        (lambda: ann.api.patch(f"/tasks/{ids[3]}", {"title": "y", "position": {"after": ids[1]}}), 5),
    )
    statements = Statements(ann.parts)
    for number, (call, most) in enumerate(budgets):
        assert statements.during(call).status_code < 300
        assert statements.own == most, number

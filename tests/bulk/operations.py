"""Operations that mean the same on any account: as one bulk, and as calls one by one."""

from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import Flask
from hypothesis import strategies as st
from sqlalchemy import select, update

from taskapi.actors import Actor
from taskapi.ids import new_id
from taskapi.tasks import service
from taskapi.tasks.models import Task, TaskChange
from taskapi.tasks.schemas import NewTask
from tests.people import Answer, Person, make_person
from tests.tasks.rows import new_project

# Tasks by number; the last two of them are in the trash. Beyond are one of somebody else and none at all.
TASKS, TRASHED = 7, 2
_FOREIGN, _MISSING = TASKS, TASKS + 1
_TIMES = ("created_at", "updated_at", "completed_at", "trashed_at")


@dataclass(frozen=True)
class Call:
    """One operation: tasks and projects by number, an If-Match by name."""

    op: str
    task: int = 0
    match: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


def calls(restores: bool = True, tags: bool = True) -> st.SearchStrategy[Call]:
    """Where keys are short, what is restored may come to another place, and tags change with neighbours."""
    # Mostly few tasks, so that they meet each other.
    task = st.sampled_from([0, 0, 1, 1, 2, 3, 4, 5, 5, 6, 6, _FOREIGN, _MISSING])
    place = st.tuples(st.sampled_from(["after", "before"]), task).map(lambda pair: {pair[0]: pair[1]})
    values: dict[str, st.SearchStrategy[Any]] = {
        "description": st.sampled_from(["", "By bank"]),
        "status": st.sampled_from(["todo", "done", "bad"]),
        "due_on": st.sampled_from(["2026-01-31", None]),
        "due_at": st.sampled_from(["2026-01-31T09:00:00Z", None]),
        "labels": st.sampled_from([[], ["home"], ["a", "A"]]),
        "project_id": st.sampled_from(["own", "missing", None]),
        "unknown": st.just(1),
    }
    optional = {"position": place, "title": st.sampled_from(["New", "Pay rent", ""])}
    few = st.sampled_from(sorted(values)).map(lambda name: {name: values[name]})
    patch = (few | st.just({})).flatmap(lambda some: st.fixed_dictionaries({}, optional=some | optional))
    new = st.fixed_dictionaries({"title": st.just("New")}, optional={"position": place}) | patch
    names = ["*", '"stale"', "malformed", "initial", "initial"] if tags else ["*", '"stale"']
    match = st.none() | st.none() | st.sampled_from(names)
    return st.one_of(
        st.builds(Call, st.just("create"), data=new),
        st.builds(Call, st.just("update"), task, match, patch),
        st.builds(Call, st.just("update"), task, match, place.map(lambda one: {"position": one})),
        st.builds(Call, st.just("delete"), task, match),
        *([st.builds(Call, st.just("restore"), task)] if restores else []),
    )


class Account:
    """Somebody with the same tasks at the same places as every other."""

    def __init__(self, app: Flask, stranger: Person) -> None:
        self.person = make_person(app)
        actor = Actor(self.person.id, self.person.session_id, "api", "made-by-a-test")
        with self.person.parts.database.writer() as session:
            made = [
                service.create(session, actor, NewTask(title=f"Task {number}")) for number in range(TASKS)
            ]
            self.ids = [task.json["id"] for task in made]
            for number, task_id in enumerate(self.ids):
                # As by the clock, but with the same distances everywhere.
                session.run(update(Task).where(Task.id == task_id).values(position=f"s000{number:05}"))
            for task_id in self.ids[-TRASHED:]:
                service.delete(session, actor, task_id, None, permanent=False)
        self._tags = [task.etag for task in made]
        self._project = new_project(self.person)
        self._missing = new_id()
        self.ids.append(stranger.new_task()["id"])
        self.ids.append(self._missing)
        self._names = {one: f"task {number}" for number, one in enumerate(self.ids)}
        self._names[self._project] = "own project"

    def one_by_one(self, operations: list[Call]) -> list[Any]:
        answers = [self._call(call) for call in operations]
        return [self._told(one.status_code, one.json if one.data else None) for one in answers]

    def bulk(self, operations: list[Call], atomic: bool = False) -> Answer:
        body = {"atomic": atomic, "operations": [self._operation(call) for call in operations]}
        return self.person.api.post("/tasks/bulk", body)

    def told(self, answer: Answer) -> list[Any]:
        """The results of a bulk, as those of calls one by one."""
        assert answer.status_code == 200, answer.text
        results = answer.json["results"]
        assert [result["index"] for result in results] == list(range(len(results)))
        return [self._told(one["status"], one["body"], one["index"]) for one in results]

    def state(self, exact: bool = True) -> Any:
        """All there is: tasks, in the order of the list, with their histories.

        If not `exact`, without versions, and what is in the trash has no place.
        """
        wanted = select(*Task.__table__.c).where(Task.scope_id == self.person.id)
        with self.person.parts.database.reader() as reader:
            rows = reader.rows(wanted.order_by(Task.position, Task.id))
            if not exact:
                rows = sorted(rows, key=lambda row: (row.trashed_at is not None, row.trashed_at and row.id))
            changes = reader.rows(
                select(TaskChange.task_id, TaskChange.epoch, TaskChange.changes)
                .where(TaskChange.scope_id == self.person.id)
                .order_by(TaskChange.epoch)
            )
        assert len({row.epoch for row in changes}) == len(changes)
        dropped = {"scope_id", "created_by", "epoch", "position"} | (set() if exact else {"version"})
        tasks = [
            (
                self._plain({name: value for name, value in row._mapping.items() if name not in dropped}),
                [self._remembered(one.changes) for one in changes if one.task_id == row.id],
            )
            for row in rows
        ]
        newest = self.person.api.get("/tasks?limit=200").json["items"]
        return tasks, [self._names[task["id"]] for task in newest]

    def raw(self) -> Any:
        """The rows themselves, and the epoch: nothing may differ where nothing was done."""
        with self.person.parts.database.reader() as reader:
            tasks = reader.rows(select(*Task.__table__.c).where(Task.scope_id == self.person.id))
            changes = reader.rows(
                select(*TaskChange.__table__.c).where(TaskChange.scope_id == self.person.id)
            )
        epoch = self.person.parts.epochs.current(f"s:{self.person.id}")
        return sorted(map(repr, tasks)), sorted(map(repr, changes)), epoch

    def _data(self, call: Call) -> dict[str, Any]:
        data = dict(call.data)
        if "position" in data:
            data["position"] = {side: self.ids[task] for side, task in data["position"].items()}
        if data.get("project_id") is not None:
            data["project_id"] = self._project if data["project_id"] == "own" else self._missing
        return data

    def _match(self, call: Call) -> str | None:
        if call.match != "initial":
            return call.match
        return self._tags[call.task] if call.task < TASKS else '"none"'

    def _call(self, call: Call) -> Answer:
        match = self._match(call)
        headers = {} if match is None else {"If-Match": match}
        if call.op == "create":
            return self.person.api.post("/tasks", self._data(call))
        path = f"/tasks/{self.ids[call.task]}"
        if call.op == "update":
            return self.person.api.patch(path, self._data(call), headers=headers)
        if call.op == "delete":
            return self.person.api.delete(path, headers=headers)
        return self.person.api.post(f"{path}/restore")

    def _operation(self, call: Call) -> dict[str, Any]:
        operation: dict[str, Any] = {"op": call.op}
        if call.op != "create":
            operation["id"] = self.ids[call.task]
        if call.op in {"create", "update"}:
            operation["data"] = self._data(call)
        match = self._match(call)
        return operation if match is None else operation | {"if_match": match}

    def _told(self, status: int, body: Any, index: int | None = None) -> Any:
        """An answer without what tells one account, or one way of asking, from another."""
        if status in {200, 201}:
            self._names.setdefault(body["id"], f"new {len(self._names)}")
            return status, self._plain(body | {"position": None})
        if body is not None:
            for fault in body.get("errors", []):
                fault["pointer"] = _as_alone(fault["pointer"], index)
            del body["request_id"], body["instance"]
        return status, body

    def _plain(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values without times, ids by their names."""
        told = {name: value is not None if name in _TIMES else value for name, value in values.items()}
        return {name: self._names.get(str(value), value) for name, value in told.items()}

    def _remembered(self, changes: str) -> list[Any]:
        """Which fields changed, and from what to what unless it is a time or a place."""
        return [
            change["field"]
            if change["field"] in {*_TIMES, "position"}
            else [
                change["field"],
                *(self._names.get(str(change[side]), change[side]) for side in ("before", "after")),
            ]
            for change in orjson.loads(changes)
        ]


def _as_alone(pointer: str, index: int | None) -> str:
    """A pointer into an operation of a bulk, as the call alone would have given it."""
    if index is None:
        return pointer
    root = f"/operations/{index}/"
    assert pointer.startswith((f"{root}data", f"{root}if_match"))
    return "header/If-Match" if pointer == f"{root}if_match" else pointer.removeprefix(f"{root}data")

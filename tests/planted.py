"""Tasks written past the API: many at once, or as no request could make them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert

from taskapi import epochs
from taskapi.clock import now
from taskapi.exports.models import Export
from taskapi.ids import new_id
from taskapi.imports.models import Import
from taskapi.jobs import OutboxRow
from taskapi.parts import Parts
from taskapi.tasks.models import Task
from taskapi.tasks.schemas import WholeTask, columns_of
from tests.people import Person


def plant_tasks(person: Person, tasks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Tasks from what a client would send, and from columns over that; their ids in order."""
    rows = [_row(person, task) for task in tasks]
    with person.parts.database.writer() as session:
        newest = epochs.move(session, epochs.scope_key(person.id), by=max(len(rows), 1))
        for epoch, row in enumerate(rows, newest - len(rows) + 1):
            row["epoch"] = epoch
        if rows:
            session.run(insert(Task), rows)
    return [row["id"] for row in rows]


def plant_job(parts: Parts, **columns: Any) -> str:
    """A job as a row of the outbox, waiting unless its columns say otherwise; its id."""
    row = {
        "id": new_id(),
        "kind": "test.nothing",
        "payload": '{"secret": "sesame"}',
        "request_id": "made-by-a-test",
        "created_at": now(),
        "due_at": now(),
        "attempts": 0,
        "fence": 0,
    }
    with parts.database.writer() as session:
        session.run(insert(OutboxRow), row | columns)
    return str((row | columns)["id"])


def plant_export(person: Person, **columns: Any) -> str:
    """An export that waits, unless its columns say otherwise; its id."""
    return _plant_file(person, Export, {"format": "csv"} | columns)


def plant_import(person: Person, **columns: Any) -> str:
    """An import that waits, unless its columns say otherwise; its id."""
    blank = {"format": "csv", "dry_run": False, "failed": 0, "faults": "[]", "projects": 0}
    return _plant_file(person, Import, blank | {"project_ids": "{}"} | columns)


def _plant_file(person: Person, model: type[Export | Import], columns: Mapping[str, Any]) -> str:
    row = {"id": new_id(), "user_id": person.id, "scope_id": person.id, "status": "waiting", "done": 0}
    row |= {"created_at": now(), **columns}
    with person.parts.database.writer() as session:
        session.run(insert(model), row)
    return str(row["id"])


def outrun_the_clock(person: Person) -> int:
    """The epoch of somebody's scope, now hours ahead: what is used twice from here on is seen to be."""
    with person.parts.database.writer() as session:
        return epochs.move(session, epochs.scope_key(person.id), by=10**10)


def _row(person: Person, task: Mapping[str, Any]) -> dict[str, Any]:
    sent = {name: value for name, value in task.items() if name in WholeTask.model_fields}
    content = WholeTask(**{"title": "Pay rent"} | sent).model_dump()
    columns = {name: value for name, value in task.items() if name not in WholeTask.model_fields}
    return {
        **columns_of(content, None, 0),
        "scope_id": person.id,
        "id": new_id(),
        "position": "0",
        "trashed_at": None,
        "reminder_due_at": None,
        "created_at": 0,
        "updated_at": 0,
        "created_by": person.id,
        "version": 1,
        **columns,
    }

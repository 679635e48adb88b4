"""Keeping tasks: what a person does with them, as plain functions of a session and an actor.

Every change is: lock the row, move the scope's epoch, write the row with that epoch, remember what changed.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from taskapi import epochs, positions
from taskapi.actors import Actor
from taskapi.clock import DAY, milliseconds_of_day, milliseconds_of_instant, now, rfc3339
from taskapi.db import Session, new_id
from taskapi.errors import Conflict, Invalid, NotFound
from taskapi.etags import Match, etag_of
from taskapi.tasks import queries
from taskapi.tasks.queries import visible_to
from taskapi.tasks.schemas import (
    PRIORITIES,
    Day,
    Instant,
    Label,
    NewTask,
    Priority,
    Status,
    TaskContent,
    TaskOut,
    TaskPatch,
    content_of,
    represented,
)
from taskapi.text import label_keys, searchable, title_key

# What other features use of this one.
__all__ = [
    "PRIORITIES",
    "Day",
    "Instant",
    "Label",
    "Priority",
    "Shown",
    "Status",
    "TaskOut",
    "change",
    "create",
    "etag",
    "get",
    "history_row",
    "replace",
    "represented",
    "restore",
    "trash",
    "visible_to",
]

FIELDS = ("title", "description", "status", "priority", "due_at", "due_on", "labels", "project_id")
_DEFAULTS = {
    name: field.get_default(call_default_factory=True) for name, field in TaskContent.model_fields.items()
}


@dataclass(frozen=True)
class Shown:
    """A representation and its ETag; for what was only read also the epoch that came with it."""

    json: dict[str, Any]
    etag: str
    under: dict[str, int] | None = None


class NotTrashed(Conflict):
    def __init__(self) -> None:
        super().__init__("The task is not in the trash, so there is nothing to restore.")


def create(session: Session, actor: Actor, wanted: NewTask) -> Shown:
    """A new task at the top. Raises Invalid where its project does not exist."""
    content = wanted.model_dump()
    _require_project(session, actor, wanted.project_id)
    epoch = epochs.move(session, epochs.scope_key(actor.scope_id))
    moment = now()
    values = _columns(content, None, moment) | {
        "scope_id": actor.scope_id,
        "id": new_id(),
        "position": positions.top(epoch),
        "trashed_at": None,
        "remind_at": None,
        "created_at": moment,
        "updated_at": moment,
        "created_by": actor.user_id,
        "version": 1,
        "epoch": epoch,
    }
    session.run(queries.CREATE, values)
    set_fields = {name: value for name, value in content.items() if value != _DEFAULTS[name]}
    _remember(
        session, actor, values["id"], epoch, {name: (None, value) for name, value in set_fields.items()}
    )
    return _shown(_Row(values))


def get(session: Session, actor: Actor, task_id: str) -> Shown:
    """A live task. Raises NotFound."""
    key = epochs.scope_key(actor.scope_id)
    row = session.row(queries.ONE, task=task_id, epoch_key=key, **visible_to(actor))
    if row is None or row.id is None:
        raise NotFound
    return Shown(represented(row), etag(row.id, row.epoch), {key: row.under})


def replace(session: Session, actor: Actor, task_id: str, wanted: NewTask, if_match: Match | None) -> Shown:
    """A task as sent, missing fields at their defaults. Raises NotFound, StaleMatch, Invalid."""
    row = _locked(session, actor, task_id, if_match)
    return _write(session, actor, row, wanted.model_dump())


def change(session: Session, actor: Actor, task_id: str, wanted: TaskPatch, if_match: Match | None) -> Shown:
    """A task with the sent fields changed. Raises NotFound, StaleMatch, Invalid."""
    row = _locked(session, actor, task_id, if_match)
    content = content_of(row) | wanted.model_dump(include=wanted.model_fields_set)
    if content["due_at"] is not None and content["due_on"] is not None:
        field, other = ("due_at", "due_on") if wanted.due_at is not None else ("due_on", "due_at")
        raise Invalid.field(f"/{field}", f"the task has {other}; clear it in the same change")
    return _write(session, actor, row, content)


def trash(session: Session, actor: Actor, task_id: str, if_match: Match | None) -> None:
    """Put a task into the trash. Raises NotFound (also where it is there already) and StaleMatch."""
    row = _locked(session, actor, task_id, if_match)
    _set_trashed(session, actor, row, now())


def restore(session: Session, actor: Actor, task_id: str) -> Shown:
    """Take a task out of the trash. Raises NotFound, and NotTrashed for a live one."""
    row = _found(session.row(queries.ANY_LOCKED, task=task_id, **visible_to(actor)))
    if row.trashed_at is None:
        raise NotTrashed
    _set_trashed(session, actor, row, None)
    return get(session, actor, task_id)


def etag(task_id: str, epoch: int) -> str:
    """The tag of a task: it changes with the task alone, not with its neighbours in the scope."""
    return etag_of("task", task_id, epoch)


def _write(session: Session, actor: Actor, row: Any, content: dict[str, Any]) -> Shown:
    """Write what differs. Writing equal values is no change: same version, same ETag, no history."""
    before = content_of(row)
    changes = {name: (before[name], content[name]) for name in FIELDS if content[name] != before[name]}
    if not changes:
        return _shown(row)
    if "project_id" in changes:
        _require_project(session, actor, content["project_id"])
    epoch = epochs.move(session, epochs.scope_key(actor.scope_id))
    moment = now()
    columns = _columns(content, row.completed_at, moment)
    new = columns | {"epoch": epoch, "updated_at": moment}
    session.run(
        queries.CHANGE,
        {f"new_{name}": value for name, value in new.items()} | {"task": row.id, **visible_to(actor)},
    )
    _remember(session, actor, row.id, epoch, changes)
    return _shown(_Row(row._asdict() | new | {"version": row.version + 1}))


def _set_trashed(session: Session, actor: Actor, row: Any, moment: int | None) -> None:
    epoch = epochs.move(session, epochs.scope_key(actor.scope_id))
    values = {"new_trashed_at": moment, "new_epoch": epoch, "new_updated_at": now()}
    session.run(queries.MOVE_TO_TRASH_OR_BACK, values | {"task": row.id, **visible_to(actor)})
    changes = {"trashed_at": (rfc3339(row.trashed_at), rfc3339(moment))}
    _remember(session, actor, row.id, epoch, changes)


def _remember(
    session: Session, actor: Actor, task_id: str, epoch: int, changes: dict[str, tuple[Any, Any]]
) -> None:
    session.run(queries.REMEMBER, history_row(actor, task_id, epoch, now(), changes))


def history_row(
    actor: Actor, task_id: str, epoch: int, moment: int, changes: dict[str, tuple[Any, Any]]
) -> dict[str, Any]:
    """A row of TaskChange: each changed field with what it was before and after."""
    return {
        "scope_id": actor.scope_id,
        "task_id": task_id,
        "id": new_id(),
        "at": moment,
        "actor_id": actor.user_id,
        "via": actor.via,
        "request_id": actor.request_id,
        "changes": orjson.dumps(
            [{"field": name, "before": old, "after": new} for name, (old, new) in changes.items()]
        ).decode(),
        "epoch": epoch,
    }


def _locked(session: Session, actor: Actor, task_id: str, if_match: Match | None) -> Any:
    row = _found(session.row(queries.ONE_LOCKED, task=task_id, **visible_to(actor)))
    if if_match is not None:
        if_match.admit(etag(row.id, row.epoch))
    return row


def _found(row: Any) -> Any:
    if row is None:
        raise NotFound
    return row


def _require_project(session: Session, actor: Actor, project_id: str | None) -> None:
    if project_id is None:
        return
    if session.row(queries.PROJECT_EXISTS, project=project_id, **visible_to(actor)) is None:
        raise Invalid.field("/project_id", "is not one of your projects")


class _Row:
    """Values not read back from the database but written to it, under the names a row has."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__ = values


def _columns(content: dict[str, Any], completed_at: int | None, moment: int) -> dict[str, Any]:
    """The columns for a content: its own, and those computed from it."""
    due_at = milliseconds_of_instant(content["due_at"])
    due_on = content["due_on"]
    labels = content["labels"]
    return content | {
        "priority": PRIORITIES.index(content["priority"]),
        "due_at": due_at,
        "labels": orjson.dumps(labels).decode(),
        "completed_at": (completed_at or moment) if content["status"] == "done" else None,
        "title_key": title_key(content["title"]),
        "label_keys": label_keys(labels),
        "search_text": searchable(content["title"], content["description"], *labels),
        "due_sort": due_at if due_on is None else milliseconds_of_day(date.fromisoformat(due_on)) + DAY - 1,
    }


def _shown(row: Any) -> Shown:
    return Shown(represented(row), etag(row.id, row.epoch))

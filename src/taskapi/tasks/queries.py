"""The statements of this feature, built once. Every one of them names the scope."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Executable,
    Integer,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    text,
    update,
)

from taskapi.actors import Actor
from taskapi.columns import Base
from taskapi.epochs import with_epoch
from taskapi.ids import new_id
from taskapi.notifications.models import NotificationSettings
from taskapi.placing import Placing
from taskapi.projects.models import Project
from taskapi.tasks.models import SHOWN, Task, TaskChange

# What a change writes.
_CHANGED = (
    "title",
    "description",
    "status",
    "priority",
    "due_at",
    "due_on",
    "remind_at",
    "reminder_due_at",
    "labels",
    "project_id",
    "completed_at",
    "title_key",
    "label_keys",
    "search_text",
    "due_sort",
    "position",
    "epoch",
    "updated_at",
    "version",
)
# What is written where only its place changes, or whether it is in the trash: no text is written again.
_MOVED = ("position", "trashed_at", "epoch", "updated_at", "version")


def visible_to(actor: Actor) -> dict[str, Any]:
    """The parameters that limit a statement to what an actor may see, and so may change."""
    return {"scope": actor.scope_id}


def _changed(row: Any) -> dict[str, Any]:
    """The parameters of CHANGE, but for the scope."""
    return {"task": row.id} | {f"new_{name}": getattr(row, name) for name in _CHANGED}


def _moved(row: Any) -> dict[str, Any]:
    """The parameters of MOVE, but for the scope."""
    return {"task": row.id} | {f"new_{name}": getattr(row, name) for name in _MOVED}


def history_row(
    actor: Actor, task_id: str, epoch: int, moment: int, changes: dict[str, tuple[Any, Any]]
) -> dict[str, Any]:
    """The parameters of REMEMBER: each changed field with what it was before and after."""
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


_IN_SCOPE: ColumnElement[bool] = Task.scope_id == bindparam("scope")
_THIS = _IN_SCOPE & (Task.id == bindparam("task"))
_LIVE = Task.trashed_at.is_(None)

ONE = with_epoch(select(*SHOWN).where(_THIS, _LIVE))
ONE_LOCKED = select(*SHOWN).where(_THIS, _LIVE).with_for_update()
ANY_LOCKED = select(*SHOWN).where(_THIS).with_for_update()

CREATE = insert(Task)
CHANGE = update(Task).where(_THIS).values({name: bindparam(f"new_{name}") for name in _CHANGED})
MOVE = update(Task).where(_THIS).values({name: bindparam(f"new_{name}") for name in _MOVED})
REMEMBER = insert(TaskChange)


def _values(model: type[Base]) -> str:
    """Columns and parameters of the same names; of a change's own id the parameter is `change_id`."""
    names = [column.name for column in model.__table__.columns]
    own = {"id": "change_id"} if model is TaskChange else {}
    return f"({', '.join(names)}) VALUES ({', '.join(f':{own.get(name, name)}' for name in names)})"


# Both for one task, as PostgreSQL takes it: a statement sent costs as much as what it does.
CREATE_AND_REMEMBER = text(
    f"WITH remembered AS (INSERT INTO {TaskChange.__tablename__} {_values(TaskChange)})"
    f" INSERT INTO {Task.__tablename__} {_values(Task)}"
)


def writes(
    created: Sequence[Any],
    changed: Sequence[Any],
    moved: Sequence[Any],
    history: Sequence[dict[str, Any]],
    scope: dict[str, Any],
    *,
    is_one: bool,
) -> Iterator[tuple[Executable, Sequence[Mapping[str, Any]]]]:
    """The statements that write rows and what is remembered of them; `is_one` task of PostgreSQL's by one."""
    if is_one and created and len(history) == 1:
        yield CREATE_AND_REMEMBER, [history[0] | vars(created[0]) | {"change_id": history[0]["id"]}]
        return
    for statement, values in (
        (CREATE, [vars(row) for row in created]),
        (CHANGE, [_changed(row) | scope for row in changed]),
        (MOVE, [_moved(row) | scope for row in moved]),
        (REMEMBER, history),
    ):
        if values:
            yield statement, values


ERASE = delete(Task).where(_THIS)
FORGET = delete(TaskChange).where(
    TaskChange.scope_id == bindparam("scope"), TaskChange.task_id == bindparam("task")
)

PLACING = Placing(Task)

REMIND_BEFORE = select(NotificationSettings.remind_before).where(
    NotificationSettings.user_id == bindparam("user")
)

PROJECT_EXISTS = select(literal_column("1", Integer)).where(
    Project.scope_id == bindparam("scope"), Project.id == bindparam("project")
)

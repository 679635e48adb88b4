"""The statements of this feature, built once. Every one of them names the scope."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    true,
    tuple_,
    update,
)

from taskapi.actors import Actor
from taskapi.epochs import Epoch, scope_key
from taskapi.projects.models import Project
from taskapi.tasks.models import Task, TaskChange

# What an answer shows, and the epoch its ETag is made of.
SHOWN = (
    Task.id,
    Task.title,
    Task.description,
    Task.status,
    Task.priority,
    Task.due_at,
    Task.due_on,
    Task.labels,
    Task.project_id,
    Task.position,
    Task.completed_at,
    Task.trashed_at,
    Task.created_at,
    Task.updated_at,
    Task.version,
    Task.epoch,
)

# What a change may write.
MUTABLE = (
    "title",
    "description",
    "status",
    "priority",
    "due_at",
    "due_on",
    "labels",
    "project_id",
    "completed_at",
    "title_key",
    "label_keys",
    "search_text",
    "due_sort",
)


def visible_to(actor: Actor) -> dict[str, Any]:
    """The parameters that limit a statement to what an actor may see, and so may change."""
    return {"scope": actor.scope_id}


def epoch_and_rows(page: Select[*tuple[Any, ...]], *order: str) -> Select[*tuple[Any, ...]]:
    """A page together with its scope's epoch, from one snapshot; an empty page still yields the epoch."""
    value = select(Epoch.value).where(Epoch.key == bindparam("epoch_key")).scalar_subquery()
    epoch = select(func.coalesce(value, 0).label("scope_epoch")).subquery("e")
    rows = page.subquery("t")
    joined = select(epoch.c.scope_epoch, *rows.c).select_from(epoch.outerjoin(rows, true()))
    return joined.order_by(*(rows.c[name].desc() for name in order))


def epoch_parameters(actor: Actor) -> dict[str, Any]:
    return {"epoch_key": scope_key(actor.scope_id)}


_IN_SCOPE: ColumnElement[bool] = Task.scope_id == bindparam("scope")
_THIS = _IN_SCOPE & (Task.id == bindparam("task"))
_LIVE = Task.trashed_at.is_(None)

ONE = select(*SHOWN).where(_THIS, _LIVE)
ONE_LOCKED = ONE.with_for_update()
ANY_LOCKED = select(*SHOWN).where(_THIS).with_for_update()

_NEWEST = (
    select(*SHOWN)
    .where(_IN_SCOPE, _LIVE)
    .order_by(Task.created_at.desc(), Task.id.desc())
    .limit(bindparam("most"))
)
_AFTER = tuple_(Task.created_at, Task.id) < tuple_(
    bindparam("after_created_at", type_=Task.created_at.type), bindparam("after_id", type_=Task.id.type)
)

FIRST_PAGE = epoch_and_rows(_NEWEST, "created_at", "id")
NEXT_PAGE = epoch_and_rows(_NEWEST.where(_AFTER), "created_at", "id")

CREATE = insert(Task)

CHANGE = (
    update(Task)
    .where(_THIS)
    .values(
        {name: bindparam(f"new_{name}") for name in (*MUTABLE, "epoch", "updated_at")}
        | {"version": Task.version + 1}
    )
)

MOVE_TO_TRASH_OR_BACK = (
    update(Task)
    .where(_THIS)
    .values(
        trashed_at=bindparam("new_trashed_at"),
        epoch=bindparam("new_epoch"),
        updated_at=bindparam("new_updated_at"),
        version=Task.version + 1,
    )
)

REMEMBER = insert(TaskChange)

_CHANGES = (
    select(
        TaskChange.epoch,
        TaskChange.id,
        TaskChange.at,
        TaskChange.actor_id,
        TaskChange.via,
        TaskChange.request_id,
        TaskChange.changes,
    )
    .where(TaskChange.scope_id == bindparam("scope"), TaskChange.task_id == bindparam("task"))
    .order_by(TaskChange.epoch.desc(), TaskChange.id.desc())
    .limit(bindparam("most"))
)

FIRST_CHANGES = epoch_and_rows(_CHANGES, "epoch", "id")
_BEFORE = tuple_(TaskChange.epoch, TaskChange.id) < tuple_(
    bindparam("after_epoch", type_=TaskChange.epoch.type), bindparam("after_id", type_=TaskChange.id.type)
)
NEXT_CHANGES = epoch_and_rows(_CHANGES.where(_BEFORE), "epoch", "id")

PROJECT_EXISTS = select(literal_column("1", Integer)).where(
    Project.scope_id == bindparam("scope"), Project.id == bindparam("project")
)

"""The statements of this feature, built once. Every one of them names the scope."""

from typing import Any

from sqlalchemy import ColumnElement, Integer, bindparam, insert, literal_column, select, update

from taskapi.actors import Actor
from taskapi.epochs import with_epoch
from taskapi.projects.models import Project
from taskapi.tasks.models import SHOWN, Task, TaskChange

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


_IN_SCOPE: ColumnElement[bool] = Task.scope_id == bindparam("scope")
_THIS = _IN_SCOPE & (Task.id == bindparam("task"))
_LIVE = Task.trashed_at.is_(None)

ONE = with_epoch(select(*SHOWN).where(_THIS, _LIVE))
ONE_LOCKED = select(*SHOWN).where(_THIS, _LIVE).with_for_update()
ANY_LOCKED = select(*SHOWN).where(_THIS).with_for_update()

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

PROJECT_EXISTS = select(literal_column("1", Integer)).where(
    Project.scope_id == bindparam("scope"), Project.id == bindparam("project")
)

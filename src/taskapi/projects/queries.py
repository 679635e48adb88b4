"""The statements of this feature, built once. Every one of them names the scope."""

from sqlalchemy import bindparam, delete, func, insert, select, tuple_, update

from taskapi.epochs import with_epoch
from taskapi.projects.models import Project
from taskapi.tasks.models import Task, TaskChange

_IN_SCOPE = Project.scope_id == bindparam("scope")
_THIS = _IN_SCOPE & (Project.id == bindparam("project"))

_LIVE_TASKS = (
    select(func.count())
    .where(Task.scope_id == Project.scope_id, Task.project_id == Project.id, Task.trashed_at.is_(None))
    .correlate(Project)
    .scalar_subquery()
    .label("task_count")
)

# What an answer shows, and the epoch its ETag is made of.
_SHOWN = (
    Project.id,
    Project.name,
    Project.color,
    Project.archived,
    Project.position,
    _LIVE_TASKS,
    Project.created_at,
    Project.updated_at,
    Project.version,
    Project.epoch,
)

_ONE = select(*_SHOWN).where(_THIS)
ONE = with_epoch(_ONE)
# A lock that lets others put tasks into the project: they have moved the epoch already, and must not wait for
# whoever holds this row and is about to move it.
ONE_LOCKED = _ONE.with_for_update(key_share=True, of=Project)

_IN_ORDER = (
    select(*_SHOWN)
    .where(_IN_SCOPE, Project.archived.in_(bindparam("archived", expanding=True)))
    .order_by(Project.position, Project.id)
    .limit(bindparam("most"))
)
_AFTER = tuple_(Project.position, Project.id) > tuple_(
    bindparam("after_position", type_=Project.position.type), bindparam("after_id", type_=Project.id.type)
)

FIRST_PAGE = with_epoch(_IN_ORDER, "position", "id")
NEXT_PAGE = with_epoch(_IN_ORDER.where(_AFTER), "position", "id")

CREATE = insert(Project)

CHANGE = (
    update(Project)
    .where(_THIS)
    .values(
        {name: bindparam(f"new_{name}") for name in ("name", "color", "archived", "epoch", "updated_at")}
        | {"version": Project.version + 1}
    )
)

DELETE = delete(Project).where(_THIS)

TASKS = select(Task.id, Task.trashed_at).where(
    Task.scope_id == bindparam("scope"), Task.project_id == bindparam("project")
)
TASKS_LOCKED = TASKS.order_by(Task.id).with_for_update()

TAKE_OUT = (
    update(Task)
    .where(Task.scope_id == bindparam("scope"), Task.id == bindparam("task"))
    .values(
        project_id=None,
        trashed_at=bindparam("new_trashed_at"),
        epoch=bindparam("new_epoch"),
        updated_at=bindparam("new_updated_at"),
        version=Task.version + 1,
    )
)

REMEMBER = insert(TaskChange)

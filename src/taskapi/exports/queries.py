"""The statements of this feature, built once."""

from sqlalchemy import bindparam, delete, func, insert, select, tuple_, update

from taskapi.exports.models import Export
from taskapi.projects.models import Project
from taskapi.tasks.models import Task

PAGE = 2000
SHOWN = 20

_COLUMNS = (
    *(Export.id, Export.user_id, Export.scope_id, Export.format, Export.status, Export.done, Export.total),
    *(Export.size, Export.sha256, Export.created_at, Export.finished_at, Export.expires_at),
)
_THIS = Export.id == bindparam("export")

CREATE = insert(Export)
ONE = select(*_COLUMNS).where(_THIS)
NEWEST = select(*_COLUMNS).where(Export.user_id == bindparam("user")).order_by(Export.id.desc()).limit(SHOWN)
OPEN = select(func.count()).where(
    Export.user_id == bindparam("user"),
    Export.status.in_(("waiting", "running")),
    Export.created_at > bindparam("since"),
)
PROGRESS = (
    update(Export).where(_THIS).values(status="running", done=bindparam("written"), total=bindparam("all"))
)
FINISH = (
    update(Export)
    .where(_THIS)
    .values(
        status="done",
        done=bindparam("written"),
        total=bindparam("written"),
        size=bindparam("bytes"),
        sha256=bindparam("digest"),
        finished_at=bindparam("moment"),
        expires_at=bindparam("until"),
    )
)
FAIL = update(Export).where(_THIS).values(status="failed", finished_at=bindparam("moment"))
DELETE = delete(Export).where(_THIS, Export.user_id == bindparam("user"))
FORGET = delete(Export).where(Export.created_at < bindparam("before"))
KEPT = select(Export.id).where(
    Export.id.in_(bindparam("exports", expanding=True)), Export.expires_at > bindparam("moment")
)

_IN_SCOPE = Task.scope_id == bindparam("scope")
COUNT = select(func.count()).where(_IN_SCOPE, Task.trashed_at.is_(None))
COUNT_TRASH = select(func.count()).where(_IN_SCOPE, Task.trashed_at.is_not(None))
PROJECTS = (
    select(Project.id, Project.name, Project.color, Project.archived)
    .where(Project.scope_id == bindparam("scope"))
    .order_by(Project.position, Project.id)
)
_TASK = (
    *(Task.id, Task.title, Task.description, Task.status, Task.priority, Task.due_at, Task.due_on),
    *(Task.remind_at, Task.labels, Task.project_id, Task.position, Task.completed_at, Task.trashed_at),
    *(Task.created_at, Task.updated_at),
)
# In the order of the list, and then the trash.
LIVE = (
    select(*_TASK)
    .where(
        _IN_SCOPE,
        Task.trashed_at.is_(None),
        tuple_(Task.position, Task.id)
        > tuple_(
            bindparam("after_position", type_=Task.position.type), bindparam("after_id", type_=Task.id.type)
        ),
    )
    .order_by(Task.position, Task.id)
    .limit(PAGE)
)
TRASH = (
    select(*_TASK)
    .where(
        _IN_SCOPE,
        tuple_(Task.trashed_at, Task.id)
        > tuple_(
            bindparam("after_trashed", type_=Task.trashed_at.type), bindparam("after_id", type_=Task.id.type)
        ),
    )
    .order_by(Task.trashed_at, Task.id)
    .limit(PAGE)
)

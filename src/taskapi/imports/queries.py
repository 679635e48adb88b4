"""The statements of this feature, built once."""

from sqlalchemy import bindparam, delete, func, insert, select, update

from taskapi.imports.models import Import
from taskapi.notifications.models import NotificationSettings
from taskapi.projects.models import Project

SHOWN = 20

_COLUMNS = (
    *(Import.id, Import.user_id, Import.scope_id, Import.format, Import.dry_run, Import.status, Import.done),
    *(Import.total, Import.failed, Import.faults, Import.projects, Import.project_ids, Import.first_epoch),
    *(Import.error, Import.created_at, Import.finished_at),
)
_THIS = Import.id == bindparam("one")

CREATE = insert(Import)
ONE = select(*_COLUMNS).where(_THIS)
NEWEST = select(*_COLUMNS).where(Import.user_id == bindparam("user")).order_by(Import.id.desc()).limit(SHOWN)
OPEN = select(func.count()).where(
    Import.user_id == bindparam("user"),
    Import.status.in_(("waiting", "running")),
    Import.created_at > bindparam("since"),
)
EXAMINED = (
    update(Import)
    .where(_THIS)
    .values(
        status="running",
        total=bindparam("all"),
        failed=bindparam("wrong"),
        faults=bindparam("told"),
        projects=bindparam("made"),
        project_ids=bindparam("ids"),
        first_epoch=bindparam("epoch"),
    )
)
# Of two who do the same, one finds that it was done.
TAKEN = update(Import).where(_THIS, Import.done == bindparam("before")).values(done=bindparam("after"))
FINISH = (
    update(Import)
    .where(_THIS)
    .values(status=bindparam("state"), error=bindparam("why"), finished_at=bindparam("moment"))
)
FORGET = delete(Import).where(Import.created_at < bindparam("before"))
UNFINISHED = select(Import.id).where(
    Import.id.in_(bindparam("imports", expanding=True)), Import.finished_at.is_(None)
)

PROJECTS = select(Project.id, Project.name).where(Project.scope_id == bindparam("scope"))
CREATE_PROJECT = insert(Project)
REMIND_BEFORE = select(NotificationSettings.remind_before).where(
    NotificationSettings.user_id == bindparam("user")
)

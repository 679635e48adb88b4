"""The statements that walk tasks, built once. Every one of them names the scope."""

from sqlalchemy import bindparam, select, tuple_

from taskapi.epochs import with_epoch
from taskapi.tasks.models import SHOWN, Task

_NEWEST = (
    select(*SHOWN)
    .where(Task.scope_id == bindparam("scope"), Task.trashed_at.is_(None))
    .order_by(Task.created_at.desc(), Task.id.desc())
    .limit(bindparam("most"))
)
_AFTER = tuple_(Task.created_at, Task.id) < tuple_(
    bindparam("after_created_at", type_=Task.created_at.type), bindparam("after_id", type_=Task.id.type)
)

FIRST_PAGE = with_epoch(_NEWEST, "-created_at", "-id")
NEXT_PAGE = with_epoch(_NEWEST.where(_AFTER), "-created_at", "-id")

"""The one statement that counts a scope's tasks."""

from sqlalchemy import and_, bindparam, case, func, or_, select

from taskapi.accounts.models import User
from taskapi.epochs import with_epoch
from taskapi.tasks.models import Task

# How many days are told apart, today among them.
DAYS = 30

_OPEN = and_(Task.trashed_at.is_(None), Task.status != "done")
_OVERDUE = and_(_OPEN, or_(Task.due_at < bindparam("now"), Task.due_on < bindparam("today")))
_DUE_LATER = and_(_OPEN, Task.due_at >= bindparam("now"))

_STATE = case((Task.trashed_at.is_not(None), "trashed"), else_=Task.status)
# The number of the day it was completed on: the last one that had begun. Day DAYS is tomorrow, which only a
# clock that was ahead can have written.
_DAY = case(*((Task.completed_at >= bindparam(f"day_{day}"), day) for day in range(DAYS, -1, -1)))

_COUNTED = (
    select(
        _STATE.label("state"),
        _DAY.label("day"),
        func.count().label("tasks"),
        func.count().filter(_OVERDUE).label("overdue"),
        func.min(Task.due_at).filter(_DUE_LATER).label("next_due"),
    )
    .where(Task.scope_id == bindparam("scope"))
    .group_by(_STATE, _DAY)
)

COUNTS = with_epoch(_COUNTED).add_columns(
    select(User.timezone).where(User.id == bindparam("user")).scalar_subquery().label("timezone")
)

"""The statements that empty the trash, built once."""

from sqlalchemy import BindParameter, bindparam, delete, select

from taskapi.tasks.models import Task, TaskChange

# The one statement that names no scope: it finds one.
SCOPE_WITH_OLD_TRASH = select(Task.scope_id).where(Task.trashed_at < bindparam("before")).limit(1)

_OLD = (Task.scope_id == bindparam("scope")) & (Task.trashed_at < bindparam("before"))
_BATCH = select(Task.id).where(_OLD).order_by(Task.id).limit(bindparam("most"))
BATCH_LOCKED = _BATCH.with_for_update()

_THESE: BindParameter[str] = bindparam("tasks", expanding=True)
FORGET = delete(TaskChange).where(TaskChange.scope_id == bindparam("scope"), TaskChange.task_id.in_(_THESE))
ERASE = delete(Task).where(Task.scope_id == bindparam("scope"), Task.id.in_(_THESE))

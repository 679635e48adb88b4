"""The statements of this feature, built once."""

from sqlalchemy import bindparam, select, update

from taskapi.notifications.models import NotificationSettings
from taskapi.tasks.models import Task

BATCH = 500

_IS_DUE = Task.reminder_due_at <= bindparam("moment")
# It names no scope: it finds tasks of any.
ANY_DUE = select(Task.id).where(_IS_DUE).limit(1)
DUE_LOCKED = (
    select(Task.scope_id, Task.id, Task.created_by, Task.reminder_due_at, Task.trashed_at)
    .where(_IS_DUE)
    .order_by(Task.reminder_due_at)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_THIS = (Task.scope_id == bindparam("scope")) & (Task.id == bindparam("task"))
REMIND_AT = update(Task).where(_THIS).values(reminder_due_at=bindparam("due"))

TASK = select(Task.title, Task.due_at, Task.due_on, Task.status, Task.trashed_at).where(_THIS)
IS_WANTED = select(NotificationSettings.reminders).where(NotificationSettings.user_id == bindparam("user"))
BEFORE = select(NotificationSettings.remind_before).where(NotificationSettings.user_id == bindparam("user"))

# A batch of those that a user's default is for, after a task.
BY_DEFAULT_LOCKED = (
    select(Task.id, Task.remind_at, Task.due_at, Task.status, Task.reminder_due_at)
    .where(
        Task.scope_id == bindparam("scope"),
        Task.id > bindparam("after"),
        Task.remind_at.is_(None),
        Task.due_at > bindparam("moment"),
    )
    .order_by(Task.id)
    .limit(BATCH)
    .with_for_update()
)

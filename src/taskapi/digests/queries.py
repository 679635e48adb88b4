"""The statements of this feature, built once."""

from sqlalchemy import bindparam, func, or_, select, update

from taskapi.accounts.models import User
from taskapi.notifications.models import NotificationSettings
from taskapi.tasks.models import Task

BATCH = 500
LISTED = 20

_IS_DUE = NotificationSettings.digest_due_at <= bindparam("moment")
# These name no scope: they find the digests of any user.
ANY_DUE = select(NotificationSettings.user_id).where(_IS_DUE).limit(1)
DUE_LOCKED = (
    select(
        NotificationSettings.user_id,
        NotificationSettings.digest,
        NotificationSettings.digest_hour,
        NotificationSettings.digest_due_at,
        User.timezone,
    )
    .join(User, User.id == NotificationSettings.user_id)
    .where(_IS_DUE)
    .order_by(NotificationSettings.digest_due_at)
    .limit(BATCH)
    .with_for_update(skip_locked=True, of=NotificationSettings)
)
SENT = (
    update(NotificationSettings)
    .where(NotificationSettings.user_id == bindparam("user"))
    .values(digest_due_at=bindparam("due"), digest_sent_for=bindparam("day"))
)
IS_WANTED = select(NotificationSettings.digest).where(NotificationSettings.user_id == bindparam("user"))

# Days are of the user's own zone; `due_sort` is at most half a day off them, and has an index.
_OPEN = (
    Task.scope_id == bindparam("scope"),
    Task.trashed_at.is_(None),
    Task.status != "done",
    Task.due_sort < bindparam("bound"),
)
_OVERDUE = or_(Task.due_on < bindparam("today"), Task.due_at < bindparam("moment"))
_TODAY = or_(
    Task.due_on == bindparam("today"),
    (Task.due_at >= bindparam("moment")) & (Task.due_at < bindparam("tomorrow")),
)
_SHOWN = (Task.id, Task.title, Task.due_at, Task.due_on, func.count().over().label("total"))
OVERDUE = select(*_SHOWN).where(*_OPEN, _OVERDUE).order_by(Task.due_sort, Task.id).limit(LISTED)
TODAY = select(*_SHOWN).where(*_OPEN, _TODAY).order_by(Task.due_sort, Task.id).limit(LISTED)

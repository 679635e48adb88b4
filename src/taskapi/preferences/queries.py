"""The statements of this feature, built once."""

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from taskapi.accounts.models import User
from taskapi.epochs import with_epoch
from taskapi.notifications.models import NotificationSettings

_COLUMNS = ("reminders", "remind_before", "digest", "digest_hour", "digest_due_at", "updated_at")
_THIS = NotificationSettings.user_id == bindparam("user")

SHOWN = (
    NotificationSettings.reminders,
    NotificationSettings.remind_before,
    NotificationSettings.digest,
    NotificationSettings.digest_hour,
    NotificationSettings.digest_sent_for,
)

ONE = select(*SHOWN).where(_THIS)
ONE_UNDER = with_epoch(ONE)

ZONE = select(User.timezone).where(User.id == bindparam("user"))

_sqlite = sqlite.insert(NotificationSettings)
_postgresql = postgresql.insert(NotificationSettings)
# One set of them a user, made when the first is changed.
KEEP = {
    "sqlite": _sqlite.on_conflict_do_update(
        index_elements=["user_id"], set_={name: _sqlite.excluded[name] for name in _COLUMNS}
    ),
    "postgresql": _postgresql.on_conflict_do_update(
        index_elements=["user_id"], set_={name: _postgresql.excluded[name] for name in _COLUMNS}
    ),
}

DIGEST_AT = update(NotificationSettings).where(_THIS).values(digest_due_at=bindparam("due"))

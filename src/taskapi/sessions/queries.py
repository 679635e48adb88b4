"""The statements of this feature, built once."""

from sqlalchemy import bindparam, case, delete, distinct, func, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from taskapi.accounts.models import User
from taskapi.sessions.models import LoginSession

NEW_SESSION = insert(LoginSession)

HEAD = (
    select(
        LoginSession.kind,
        LoginSession.generation,
        LoginSession.rotated_at,
        LoginSession.expires_at,
        LoginSession.ended_at,
        User.epoch,
        User.disabled_at,
    )
    .join(User, User.id == LoginSession.user_id)
    .where(LoginSession.user_id == bindparam("user_id"), LoginSession.id == bindparam("session_id"))
    .with_for_update(of=LoginSession)
)

ROTATE = (
    update(LoginSession)
    .where(LoginSession.user_id == bindparam("owner"), LoginSession.id == bindparam("session_id"))
    .values(
        generation=bindparam("next_generation"),
        rotated_at=bindparam("moment"),
        last_seen_at=bindparam("moment"),
        expires_at=bindparam("new_expiry"),
        address=bindparam("from_address"),
        user_agent=bindparam("from_agent"),
    )
)

LIVE = (
    select(
        LoginSession.id,
        LoginSession.created_at,
        LoginSession.last_seen_at,
        LoginSession.address,
        LoginSession.user_agent,
    )
    .where(
        LoginSession.user_id == bindparam("user_id"),
        LoginSession.ended_at.is_(None),
        LoginSession.expires_at > bindparam("moment"),
    )
    .order_by(LoginSession.last_seen_at.desc(), LoginSession.id.desc())
)

LIVE_LOCKED = (
    select(LoginSession.id)
    .where(LoginSession.user_id == bindparam("user_id"), LoginSession.ended_at.is_(None))
    .order_by(LoginSession.id)
    .with_for_update()
)

END = (
    update(LoginSession)
    .where(
        LoginSession.user_id == bindparam("owner"),
        LoginSession.id == bindparam("session_id"),
        LoginSession.ended_at.is_(None),
    )
    .values(ended_at=bindparam("moment"))
)

# Of those that are shown: a session nobody refreshed in time is over, though nobody ended it.
END_LIVE = END.where(LoginSession.expires_at > bindparam("moment"))

# One that ended had an end of its own, at most as long after that as it is kept: the index finds all of them.
OLD = (
    select(LoginSession.user_id.label("owner"), LoginSession.id.label("session_id"))
    .where(
        LoginSession.expires_at < bindparam("moment"),
        or_(LoginSession.expires_at < bindparam("before"), LoginSession.ended_at < bindparam("before")),
    )
    .order_by(LoginSession.user_id, LoginSession.id)
    .limit(bindparam("most"))
)
FORGET = delete(LoginSession).where(
    LoginSession.user_id == bindparam("owner"), LoginSession.id == bindparam("session_id")
)

STANDING = select(User.auth_epoch, User.disabled_at).where(User.id == bindparam("user_id"))


def _seen_since(span: str) -> ColumnElement[int]:
    is_recent = LoginSession.last_seen_at > bindparam(span)
    return func.count(distinct(case((is_recent, LoginSession.user_id)))).label(span)


ACTIVE = select(*(_seen_since(span) for span in ("day", "week", "month")))

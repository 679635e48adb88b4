"""The statements of this feature, built once."""

from sqlalchemy import bindparam, select

from taskapi.accounts.models import User
from taskapi.sessions.models import LoginSession

_RECIPIENT = select(
    User.id,
    User.email,
    User.email_key,
    User.pending_email,
    User.password_hash,
    User.name,
    User.language,
    User.timezone,
    User.email_verified_at,
    User.disabled_at,
    User.delete_after,
    User.created_at,
)

RECIPIENT = _RECIPIENT.where(User.id == bindparam("user_id"))

RECIPIENT_AT = _RECIPIENT.where(User.email_key == bindparam("email_key"))

SESSION = select(
    LoginSession.created_at, LoginSession.last_seen_at, LoginSession.address, LoginSession.user_agent
).where(LoginSession.user_id == bindparam("user_id"), LoginSession.id == bindparam("session_id"))

# Ids are ordered by time.
EARLIER_SESSION = (
    select(LoginSession.id)
    .where(LoginSession.user_id == bindparam("user_id"), LoginSession.id < bindparam("session_id"))
    .limit(1)
)

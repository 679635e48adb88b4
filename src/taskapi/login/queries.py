"""The statements of this feature, built once."""

from sqlalchemy import bindparam, or_, select, update

from taskapi.accounts.models import User
from taskapi.sessions.models import LoginSession

CANDIDATE = select(
    User.id, User.password_hash, User.email_verified_at, User.disabled_at, User.delete_after, User.epoch
).where(User.email_key == bindparam("email_key"))

# The same again inside the transaction: what was checked before it may have changed.
CANDIDATE_LOCKED = CANDIDATE.with_for_update()

KNOWN_DEVICE = (
    select(LoginSession.id)
    .where(
        LoginSession.user_id == bindparam("user_id"),
        or_(
            LoginSession.device_id == bindparam("device_id"),
            LoginSession.address == bindparam("address"),
        ),
    )
    .limit(1)
)

REHASH = update(User).where(User.id == bindparam("user_id")).values(password_hash=bindparam("fresh_hash"))

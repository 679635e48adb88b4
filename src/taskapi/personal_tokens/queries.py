"""The statements of this feature, built once."""

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from taskapi.accounts.models import User
from taskapi.personal_tokens.models import PersonalToken

NEW_TOKEN = insert(PersonalToken)

_MINE = PersonalToken.user_id == bindparam("owner")
_LIVE = PersonalToken.revoked_at.is_(None) & or_(
    PersonalToken.expires_at.is_(None), PersonalToken.expires_at > bindparam("moment")
)

# Whoever counts tokens in order to add one queues here.
OWNER_LOCKED = select(User.id).where(User.id == bindparam("owner")).with_for_update()
COUNT_LIVE = select(func.count()).select_from(PersonalToken).where(_MINE, _LIVE)

LIST_LIVE = (
    select(
        PersonalToken.id,
        PersonalToken.name,
        PersonalToken.scopes,
        PersonalToken.prefix,
        PersonalToken.created_at,
        PersonalToken.expires_at,
        PersonalToken.last_used_at,
    )
    .where(_MINE, _LIVE)
    .order_by(PersonalToken.created_at.desc(), PersonalToken.id.desc())
)

LIVE_LOCKED = (
    select(PersonalToken.id)
    .where(_MINE, PersonalToken.revoked_at.is_(None))
    .order_by(PersonalToken.id)
    .with_for_update()
)

REVOKE = (
    update(PersonalToken)
    .where(_MINE, PersonalToken.id == bindparam("token_id"), PersonalToken.revoked_at.is_(None))
    .values(revoked_at=bindparam("when"))
)
REVOKE_LIVE = REVOKE.where(_LIVE)

# A token counts for nothing while its user is disabled or has asked to be forgotten.
_GOOD = (
    select(
        PersonalToken.user_id,
        PersonalToken.id,
        PersonalToken.scopes,
        PersonalToken.expires_at,
        User.epoch,
    )
    .join(User, User.id == PersonalToken.user_id)
    .where(_LIVE, User.disabled_at.is_(None), User.delete_after.is_(None))
)
GOOD_BY_DIGEST = _GOOD.where(PersonalToken.digest == bindparam("digest"))
GOOD_BY_ID = _GOOD.where(_MINE, PersonalToken.id == bindparam("token_id"))

USED = (
    update(PersonalToken)
    .where(
        _MINE,
        PersonalToken.id == bindparam("token_id"),
        or_(PersonalToken.last_used_at.is_(None), PersonalToken.last_used_at < bindparam("moment")),
    )
    .values(last_used_at=bindparam("moment"))
)

# All tokens are looked at: they are few, and it is done once an hour, by a reader.
OLD = (
    select(PersonalToken.user_id.label("owner"), PersonalToken.id.label("token_id"))
    .where(
        or_(PersonalToken.revoked_at < bindparam("before"), PersonalToken.expires_at < bindparam("before"))
    )
    .order_by(PersonalToken.user_id, PersonalToken.id)
    .limit(bindparam("most"))
)
FORGET = delete(PersonalToken).where(_MINE, PersonalToken.id == bindparam("token_id"))

"""What has to be done to a restored copy before anybody uses it.

After its moment the world went on: people logged out, tokens were revoked, mails were sent, answers were
given under epochs that the copy does not know. None of that may come back or be believed. The statements name
only columns that the first schema had, so that a copy is made safe before it is migrated.
"""

from pydantic import BaseModel
from sqlalchemy import (
    BigInteger,
    Select,
    String,
    bindparam,
    cast,
    exists,
    func,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy import update as change
from sqlalchemy.orm import InstrumentedAttribute

from taskapi.accounts.models import User
from taskapi.clock import now
from taskapi.db import Session
from taskapi.epochs import Epoch, scope_key, session_key, user_key
from taskapi.jobs import OutboxRow
from taskapi.personal_tokens.models import PersonalToken
from taskapi.sessions.models import LoginSession

PARKED_BY_RESTORE = (
    "parked by a restore: it was waiting when the backup was made, and may have been sent since"
)
# In microseconds: epochs of the lost time are older than ours also where this clock is behind by so much.
_AHEAD = 60_000_000

_CLOCK = {
    "sqlite": text("SELECT database_microseconds()"),
    "postgresql": text("SELECT (extract(epoch from clock_timestamp()) * 1000000)::bigint"),
}


class Safety(BaseModel):
    """What was done, in numbers."""

    users: int
    ended_sessions: int
    revoked_tokens: int
    parked_mails: int


def _without_epoch(prefix: str, identity: InstrumentedAttribute[str]) -> Select[str, int]:
    """The keys of this kind that have no epoch yet, each with the one it is to have."""
    key = literal(prefix) + cast(identity, String)
    return select(key, bindparam("value", type_=BigInteger)).where(~exists().where(Epoch.key == key))


_LIVE = LoginSession.ended_at.is_(None)
_MISSING = [
    insert(Epoch).from_select(["key", "value"], keys)
    for keys in (
        _without_epoch(scope_key(""), User.id),
        _without_epoch(user_key(""), User.id),
        _without_epoch(session_key(""), LoginSession.id).where(_LIVE),
    )
]
_MOVE = change(Epoch).values(value=bindparam("value"))
_REFUSE = change(User).values(epoch=bindparam("value"), auth_epoch=bindparam("value"))
_END = change(LoginSession).where(_LIVE).values(ended_at=bindparam("moment"))
_REVOKE = (
    change(PersonalToken).where(PersonalToken.revoked_at.is_(None)).values(revoked_at=bindparam("moment"))
)
_PARK = (
    change(OutboxRow)
    .where(OutboxRow.done_at.is_(None), OutboxRow.parked_at.is_(None), OutboxRow.kind.startswith("mail."))
    .values(parked_at=bindparam("moment"), lease_until=None, last_error=PARKED_BY_RESTORE)
)


def make_safe(session: Session, keep_tokens: bool) -> Safety:
    """End sessions, refuse all access tokens, make each epoch newer than any was, park waiting mails."""
    clock = int(session.value(_CLOCK[session.dialect]))
    value = max(clock + _AHEAD, 1 + int(session.value(select(func.max(Epoch.value))) or 0))
    moment = {"moment": now()}
    for statement in _MISSING:
        session.run(statement, {"value": value})
    session.run(_MOVE, {"value": value})
    return Safety(
        users=session.run(_REFUSE, {"value": value}),
        ended_sessions=session.run(_END, moment),
        revoked_tokens=0 if keep_tokens else session.run(_REVOKE, moment),
        parked_mails=session.run(_PARK, moment),
    )

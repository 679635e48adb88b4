"""Tokens that people make for their scripts: they live until they are revoked, and do what their scopes say.

The database holds a digest of each, found by index: what is drawn from 214 random bits needs no slow hash. A
password that its owner changes ends none; one that is reset by mail ends all (docs/tokens.md says why).
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from taskapi import epochs
from taskapi.actors import Actor, Author, Client
from taskapi.audit.service import remember
from taskapi.callers import Caller
from taskapi.clock import DAY, MINUTE, milliseconds_of_instant, now, rfc3339
from taskapi.db import Session
from taskapi.errors import Conflict, Invalid, NotFound, Unauthorized
from taskapi.ids import new_id
from taskapi.parts import Parts
from taskapi.personal_tokens import queries
from taskapi.personal_tokens.schemas import NewToken
from taskapi.tokens import Access, is_personal_token, new_personal_token, scopes_from

MOST = 50
# A token is looked up again after this long, so that nobody has to know for ever that it was revoked.
REMEMBERED_MILLISECONDS = 5 * MINUTE
# What can no longer be used is kept for this long, for whoever looks into what happened.
KEPT_MILLISECONDS = 30 * DAY

_BATCH = 500
_PREFIX_LENGTH = 11


class TooManyTokens(Conflict):
    def __init__(self) -> None:
        super().__init__(
            f"You have {MOST} tokens, which is the most there can be. Revoke one, then try again."
        )


def create(session: Session, actor: Actor, wanted: NewToken) -> dict[str, object]:
    """A new token, and for this once what it is. Raises Invalid for an end in the past, TooManyTokens."""
    moment, expires_at = now(), milliseconds_of_instant(wanted.expires_at)
    if expires_at is not None and expires_at <= moment:
        raise Invalid.field("/expires_at", "must be in the future")
    if session.row(queries.OWNER_LOCKED, owner=actor.user_id) is None:
        raise Unauthorized
    if session.value(queries.COUNT_LIVE, owner=actor.user_id, moment=moment) >= MOST:
        raise TooManyTokens
    token = new_personal_token()
    row: dict[str, Any] = {
        "id": new_id(),
        "name": wanted.name,
        "scopes": " ".join(sorted(wanted.scopes)),
        "prefix": token[:_PREFIX_LENGTH],
        "created_at": moment,
        "expires_at": expires_at,
        "last_used_at": None,
    }
    session.run(queries.NEW_TOKEN, row | {"user_id": actor.user_id, "digest": _digest(token)})
    _remember(session, actor, "token.created", ("token", row["id"]))
    return _shown(row) | {"token": token}


def list_tokens(session: Session, actor: Actor) -> list[dict[str, object]]:
    """The actor's live tokens, the newest first."""
    rows = session.rows(queries.LIST_LIVE, owner=actor.user_id, moment=now())
    return [_shown(row._asdict()) for row in rows]


def revoke(session: Session, actor: Actor, token_id: str) -> None:
    """End one of the actor's live tokens, everywhere from the commit on. Raises NotFound."""
    moment = now()
    values = {"owner": actor.user_id, "token_id": token_id, "moment": moment, "when": moment}
    if not session.run(queries.REVOKE_LIVE, values):
        raise NotFound
    epochs.move(session, epochs.session_key(token_id))
    _remember(session, actor, "token.revoked", ("token", token_id))


def revoke_all(session: Session, user_id: str, request_id: str, by: Author | None = None) -> None:
    """End every token of a user who has come back by mail, or by `by`: somebody else may have made one."""
    revoked = [row.id for row in session.rows(queries.LIVE_LOCKED, owner=user_id)]
    if not revoked:
        return
    moment = now()
    session.run(queries.REVOKE, [{"owner": user_id, "token_id": one, "when": moment} for one in revoked])
    epochs.move_all(session, map(epochs.session_key, revoked))
    remember(
        session,
        "user.tokens_revoked",
        actor_id=user_id if by is None else by.user_id,
        target=("user", user_id),
        via="api" if by is None else by.via,
        request_id=request_id,
    )


def recognised(parts: Parts, token: str, client: Client) -> Caller | None:
    """Whom a personal token stands for, who is remembered from here on; None where it stands for nobody.

    Raises TooMany where too many of such tokens came from the client's network.
    """
    if not is_personal_token(token):
        return None
    # Counted before it is looked up, and given back if it was good: so no race admits more than the quota.
    parts.limiter.spend("token_address", client.network)
    moment = now()
    with parts.database.reader() as reading:
        row = reading.row(queries.GOOD_BY_DIGEST, digest=_digest(token), moment=moment)
    if row is None:
        return None
    parts.limiter.give_back("token_address", client.network)
    until = moment + REMEMBERED_MILLISECONDS
    access = Access(
        user_id=row.user_id,
        session_id=row.id,
        user_epoch=row.epoch,
        via="api",
        until=until if row.expires_at is None else min(until, row.expires_at),
        scopes=scopes_from(row.scopes),
        is_personal=True,
    )
    return parts.callers.remember(token, access)


def still_good(parts: Parts, access: Access) -> bool:
    """Whether a token outlived the changes of its user since it was looked up."""
    with parts.database.reader() as reading:
        row = reading.row(queries.GOOD_BY_ID, owner=access.user_id, token_id=access.session_id, moment=now())
    return row is not None


def write_uses(parts: Parts) -> None:
    """Write down when tokens were used in this process since the last time; no epoch moves for it."""
    uses = sorted(parts.callers.take_uses().items())
    if uses:
        with parts.database.writer() as session:
            session.run(
                queries.USED,
                [
                    {"owner": user_id, "token_id": token_id, "moment": moment}
                    for (user_id, token_id), moment in uses
                ],
            )


def forget_old(reading: Session, session: Session) -> int:
    """Remove a batch of tokens that ended long ago, and what told that they did; how many.

    Nobody asks for that any more: where a token is remembered, it is for minutes.
    """
    before = now() - KEPT_MILLISECONDS
    old = [row._asdict() for row in reading.rows(queries.OLD, before=before, most=_BATCH)]
    if old:
        session.run(queries.FORGET, old)
        epochs.remove(session, [epochs.session_key(row["token_id"]) for row in old])
    return len(old)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _shown(row: Mapping[str, Any]) -> dict[str, object]:
    moments = {name: rfc3339(row[name]) for name in ("created_at", "expires_at", "last_used_at")}
    return {
        "id": row["id"],
        "name": row["name"],
        "scopes": row["scopes"].split(),
        "prefix": row["prefix"],
        **moments,
    }


def _remember(session: Session, actor: Actor, action: str, target: tuple[str, str]) -> None:
    remember(
        session, action, actor_id=actor.user_id, target=target, via=actor.via, request_id=actor.request_id
    )

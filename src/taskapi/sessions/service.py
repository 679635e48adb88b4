"""Logging in, staying in and getting out; and whether a bearer token holds.

Refresh tokens rotate (RFC 9700, 4.14). A token is sealed over (user, session, generation), so that the
successor of a token can be made again: a client that lost the answer retries with the predecessor within
RETRY_MILLISECONDS and gets the very same successor. Anything older was copied: its family ends.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Update

from taskapi import epochs
from taskapi.actors import Actor, Client, Standing
from taskapi.audit.service import remember, remember_act
from taskapi.clock import DAY, SECOND, now, rfc3339
from taskapi.db import Session
from taskapi.errors import NotFound, Unauthorized
from taskapi.facts import Fact
from taskapi.ids import new_id
from taskapi.jobs import enqueue
from taskapi.parts import Parts
from taskapi.personal_tokens.service import recognised, still_good
from taskapi.sessions import queries
from taskapi.tokens import Access, Grant

RETRY_MILLISECONDS = 10 * SECOND
# A session that was not refreshed for this long is over.
IDLE_MILLISECONDS = 30 * DAY
# A session that is over is kept for this long: it tells which devices are known.
KEPT_MILLISECONDS = 30 * DAY

_BATCH = 500

_log = logging.getLogger("taskapi.security")


class InvalidRefreshToken(Unauthorized):
    def __init__(self) -> None:
        super().__init__("The session is over. Log in again.", code="invalid_refresh_token")


class ReusedRefreshToken(InvalidRefreshToken):
    """A used refresh token came back: its family has ended, and that is kept."""

    keep = True


@dataclass(frozen=True)
class _Head:
    """The newest token of a family."""

    user_id: str
    session_id: str
    generation: int
    epoch: int
    kind: str


def authenticate(parts: Parts, token: str, client: Client) -> tuple[Actor, Standing]:
    """Who a bearer token stands for.

    Raises Unauthorized for one that does not hold (any more), TooMany for too many of those.
    """
    caller = parts.callers.verified(token) or recognised(parts, token, client)
    if caller is None:
        raise Unauthorized
    access = caller.access
    # The scope's epoch is asked for along with the two that are needed here: whoever reads needs it next.
    keys = (caller.user_key, caller.session_key, caller.scope_key)
    user_epoch, ended, scope_epoch = parts.epochs.current(*keys)
    if ended or (user_epoch != caller.standing and not _still_stands(parts, access)):
        raise Unauthorized
    caller.standing = user_epoch
    if access.is_personal:
        parts.callers.note_use(access)
    under = {caller.user_key: user_epoch, caller.session_key: 0}
    standing = Standing(under, access.until, {**under, caller.scope_key: scope_epoch})
    actor = Actor(access.user_id, access.session_id, access.via, client.request_id, access.scopes)
    return actor, standing


def open_session(
    parts: Parts, session: Session, client: Client, user_id: str, epoch: int, kind: str, device: str
) -> Grant:
    """A new session of somebody verified; `kind` is ui or api, `device` names the browser."""
    session_id, moment = new_id(), now()
    session.run(
        queries.NEW_SESSION,
        {
            "user_id": user_id,
            "id": session_id,
            "kind": kind,
            "generation": 0,
            "rotated_at": moment,
            "created_at": moment,
            "last_seen_at": moment,
            "expires_at": moment + IDLE_MILLISECONDS,
            "address": client.address,
            "user_agent": client.user_agent,
            "device_id": device,
        },
    )
    remember(
        session,
        "session.opened",
        actor_id=user_id,
        target=("session", session_id),
        via=kind,
        request_id=client.request_id,
    )
    return _grant(parts, _Head(user_id, session_id, 0, epoch, kind), parts.devices.close(device))


def refresh(parts: Parts, session: Session, client: Client, token: str | None) -> Grant:
    """The successor of a refresh token, and a fresh access token.

    Raises InvalidRefreshToken; ReusedRefreshToken where the token's family had to end; TooMany.
    """
    headers = parts.limiter.spend("refresh", client.network)
    try:
        user_id, session_id, generation = parts.refresh_tokens.open(token or "")
    except ValueError:
        raise InvalidRefreshToken from None
    head = session.row(queries.HEAD, user_id=user_id, session_id=session_id)
    moment = now()
    if head is None or head.ended_at or head.expires_at <= moment or head.disabled_at:
        raise InvalidRefreshToken
    is_predecessor = generation == head.generation - 1
    if is_predecessor and moment - head.rotated_at <= RETRY_MILLISECONDS:
        successor = head.generation
    elif generation < head.generation:
        _end_family(session, user_id, session_id, client)
        raise ReusedRefreshToken
    else:
        # Above the head: sealed by us, then lost by a failover of the database. It is the newest there is.
        successor = generation + 1
        _rotate(session, user_id, session_id, successor, client)
    grant = _grant(parts, _Head(user_id, session_id, successor, head.epoch, head.kind))
    return grant.with_headers(headers)


def logout(session: Session, actor: Actor) -> None:
    """End the actor's own session; its tokens are refused from the commit on."""
    if _end_one(session, actor.user_id, actor.session_id):
        remember_act(session, actor, "session.ended", ("session", actor.session_id))


def list_sessions(session: Session, actor: Actor) -> list[dict[str, object]]:
    """The actor's live sessions, the last seen first."""
    return [
        {
            "id": row.id,
            "created_at": rfc3339(row.created_at),
            "last_seen_at": rfc3339(row.last_seen_at),
            "ip": row.address,
            "user_agent": row.user_agent,
            "current": row.id == actor.session_id,
        }
        for row in session.rows(queries.LIVE, user_id=actor.user_id, moment=now())
    ]


def end_session(session: Session, actor: Actor, session_id: str) -> None:
    """End one of the actor's sessions. Raises NotFound where there is no such live one."""
    if not _end_one(session, actor.user_id, session_id, queries.END_LIVE):
        raise NotFound
    remember_act(session, actor, "session.ended", ("session", session_id))


def end_sessions(session: Session, actor: Actor, keep_current: bool) -> None:
    """End the actor's sessions: all of them, or all others."""
    end_all(session, actor.user_id, keep=actor.session_id if keep_current else None)
    remember_act(session, actor, "user.sessions_ended", ("user", actor.user_id), {"kept": keep_current})


def end_all(session: Session, user_id: str, keep: str | None = None) -> None:
    """End every live session of a user but the one to keep, and with them their tokens."""
    moment = now()
    ended = [row.id for row in session.rows(queries.LIVE_LOCKED, user_id=user_id) if row.id != keep]
    if ended:
        session.run(queries.END, [{"owner": user_id, "session_id": one, "moment": moment} for one in ended])
    epochs.move_all(session, map(epochs.session_key, ended))


def forget_old(reading: Session, session: Session) -> int:
    """Remove a batch of sessions that were over long ago; how many."""
    moment = now()
    before = moment - KEPT_MILLISECONDS
    old = reading.rows(queries.OLD, moment=moment, before=before, most=_BATCH)
    if old:
        forget(session, [row._asdict() for row in old])
    return len(old)


def forget(session: Session, ended: Sequence[Mapping[str, str]]) -> None:
    """Remove sessions that ended longer ago than an access token lives, named by `owner` and `session_id`.

    What told that they ended is removed along with them: no token that could ask for it holds any more.
    """
    session.run(queries.FORGET, ended)
    epochs.remove(session, [epochs.session_key(one["session_id"]) for one in ended])


def _still_stands(parts: Parts, access: Access) -> bool:
    """Whether a token outlived the changes of its user since: a new name does not end it, disabling does."""
    if access.is_personal:
        return still_good(parts, access)
    with parts.database.reader() as session:
        standing = session.row(queries.STANDING, user_id=access.user_id)
    return standing is not None and standing.disabled_at is None and access.user_epoch >= standing.auth_epoch


def _rotate(session: Session, user_id: str, session_id: str, generation: int, client: Client) -> None:
    moment = now()
    session.run(
        queries.ROTATE,
        {
            "owner": user_id,
            "session_id": session_id,
            "next_generation": generation,
            "moment": moment,
            "new_expiry": moment + IDLE_MILLISECONDS,
            "from_address": client.address,
            "from_agent": client.user_agent,
        },
    )


def _end_one(session: Session, user_id: str, session_id: str, statement: Update = queries.END) -> bool:
    """End a session that is live; whether it was."""
    values = {"owner": user_id, "session_id": session_id, "moment": now()}
    if not session.run(statement, values):
        return False
    epochs.move(session, epochs.session_key(session_id))
    return True


def _end_family(session: Session, user_id: str, session_id: str, client: Client) -> None:
    _log.warning(
        "authn_token_reuse: a used refresh token of session %s came back; the session has ended", session_id
    )
    _end_one(session, user_id, session_id)
    # By whoever has the token: that it was the user is just what nobody knows.
    remember(
        session,
        "session.token_reused",
        actor_id=None,
        target=("session", session_id),
        via="api",
        request_id=client.request_id,
        details={"user_id": user_id},
    )
    enqueue(session, "mail.session_stolen", {"session_id": session_id}, client.request_id, user_id)


def _grant(parts: Parts, head: "_Head", device: str = "") -> Grant:
    return Grant(
        access_token=parts.access_tokens.issue(head.user_id, head.session_id, head.epoch, head.kind),
        refresh_token=parts.refresh_tokens.close([head.user_id, head.session_id, head.generation]),
        by_cookie=head.kind == "ui",
        device=device,
        session_id=head.session_id,
    )


def _active(session: Session) -> dict[str, int]:
    """How many people were here within the last day, week and 30 days, by their log-ins."""
    moment = now()
    spans = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}
    found = session.row(queries.ACTIVE, **{name: moment - length for name, length in spans.items()})
    return {} if found is None else found._asdict()


ACTIVE = Fact(
    "taskapi_active_users", "People who were here within a span, by their log-ins.", "within", _active
)

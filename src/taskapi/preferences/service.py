"""Which mails somebody wants of their tasks, and how one of them is declined by the mail itself."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Literal
from uuid import UUID

from taskapi import epochs
from taskapi.actors import Actor
from taskapi.clock import now
from taskapi.days import at_hour, local_day, number_of, zone_of
from taskapi.db import Session
from taskapi.errors import Invalid
from taskapi.etags import Match, etag_of
from taskapi.jobs import enqueue
from taskapi.parts import Parts
from taskapi.preferences import queries
from taskapi.preferences.schemas import PreferencesChange, PreferencesOut

# Changes when each task is to be reminded of, where that is by default.
RESCHEDULE = "reminders.reschedule"

Declined = Literal["reminders", "digest"]

_FIELDS = tuple(PreferencesOut.model_fields)
_DEFAULTS = PreferencesChange().model_dump()


def get(session: Session, actor: Actor) -> tuple[dict[str, Any], str, dict[str, int]]:
    """What the actor wants, the ETag of that, and the epoch it was read under."""
    key = epochs.scope_key(actor.scope_id)
    row = session.row(queries.ONE_UNDER, user=actor.user_id, epoch_key=key)
    wanted = _fields(row if row is not None and row.reminders is not None else None)
    return wanted, _etag(actor, wanted), {key: row.under if row is not None else 0}


def change(
    session: Session, actor: Actor, wanted: PreferencesChange, if_match: Match | None
) -> tuple[dict[str, Any], str]:
    """What the actor wants from now on, and its ETag. Raises StaleMatch."""
    # By this epoch changes of tasks queue: each has the default from before, and is rescheduled, or the new.
    epochs.move(session, epochs.scope_key(actor.scope_id))
    row = session.row(queries.ONE, user=actor.user_id)
    current = _fields(row)
    if if_match is not None:
        if_match.admit(_etag(actor, current))
    new = current | {name: getattr(wanted, name) for name in wanted.model_fields_set}
    if new != current:
        _keep(session, actor.user_id, new, row)
    if new["remind_before"] != current["remind_before"]:
        enqueue(session, RESCHEDULE, {}, actor.request_id, actor.user_id)
    return new, _etag(actor, new)


def decline(parts: Parts, session: Session, token: str) -> None:
    """No more mails of the kind that the token came with. Raises Invalid."""
    try:
        user_id, kind = parts.unsubscribing.open(token)
    except (ValueError, TypeError):
        raise Invalid.field("query/token", "is not one that came with a mail of this service") from None
    user_id = str(UUID(user_id))
    if session.value(queries.ZONE, user=user_id) is None:
        return  # There is nobody left to write to.
    epochs.move(session, epochs.scope_key(user_id))
    row = session.row(queries.ONE, user=user_id)
    _keep(session, user_id, _fields(row) | {kind: False}, row)


def link_to_decline(parts: Parts, user_id: str, kind: Declined) -> str:
    """Where the mails of a kind are declined, by a person or by a mail program (RFC 8058)."""
    return f"{parts.settings.public_url}/unsubscribe?token={parts.unsubscribing.close([user_id, kind])}"


def follow_zone(session: Session, user_id: str) -> None:
    """Have the next digest come at its hour of the zone that the user has by now."""
    row = session.row(queries.ONE, user=user_id)
    if row is not None and row.digest:
        due = _next_digest(session, user_id, row.digest_hour, row.digest_sent_for)
        session.run(queries.DIGEST_AT, {"user": user_id, "due": due})


def next_digest(hour: int, zone: str, moment: int, sent_for: int | None) -> int:
    """The next time after a moment that the clock shows the hour, on a day after the one it was sent for."""
    where = zone_of(zone)
    day = local_day(moment, where)
    while at_hour(day, hour, where) <= moment or number_of(day) <= (sent_for or 0):
        day += timedelta(days=1)
    return at_hour(day, hour, where)


def _keep(session: Session, user_id: str, wanted: dict[str, Any], row: Any) -> None:
    sent_for = row.digest_sent_for if row is not None else None
    due = _next_digest(session, user_id, wanted["digest_hour"], sent_for) if wanted["digest"] else None
    kept = {"user_id": user_id, "updated_at": now(), "digest_due_at": due, "digest_sent_for": sent_for}
    session.run(queries.KEEP[session.dialect], kept | wanted)


def _next_digest(session: Session, user_id: str, hour: int, sent_for: int | None) -> int:
    return next_digest(hour, session.value(queries.ZONE, user=user_id), now(), sent_for)


def _fields(row: Any) -> dict[str, Any]:
    found = SimpleNamespace(**_DEFAULTS) if row is None else row
    return {name: getattr(found, name) for name in _FIELDS}


def _etag(actor: Actor, wanted: dict[str, Any]) -> str:
    return etag_of("preferences", actor.user_id, *wanted.values())

"""The daily digest: what is due, at the user's hour, in their zone and language (ADR 18)."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from taskapi.clock import DAY, now
from taskapi.days import beginning, local_day, number_of, zone_of
from taskapi.db import Session
from taskapi.digests import queries
from taskapi.jobs import Job, enqueue_many_once
from taskapi.letters import Letter, Section, catalogue_for, written_day, written_moment
from taskapi.notifications.service import may_be_written_to, name_for, whose
from taskapi.parts import Parts
from taskapi.preferences.service import link_to_decline, next_digest

MAIL = "mail.digest"


def is_due(reading: Session) -> bool:
    """Whether there is anybody whose hour has come."""
    return reading.value(queries.ANY_DUE, moment=now()) is not None


def leave_due(session: Session) -> int:
    """Leave the digests of a batch of users whose hour has come; how many users were found.

    Where the service was away for days there is one, for today.
    """
    moment = now()
    rows = session.rows(queries.DUE_LOCKED, moment=moment)
    if not rows:
        return 0
    days = [number_of(local_day(moment, zone_of(row.timezone))) for row in rows]
    session.run(
        queries.SENT,
        [
            {"user": row.user_id, "day": day, "due": next_digest(row.digest_hour, row.timezone, moment, day)}
            for row, day in zip(rows, days, strict=True)
        ],
    )
    enqueue_many_once(
        session,
        MAIL,
        {
            f"digest:{row.user_id}:{day}": (row.user_id, {})
            for row, day in zip(rows, days, strict=True)
            if row.digest
        },
    )
    return len(rows)


def digest(parts: Parts, reading: Session, job: Job) -> Letter | None:
    """What is overdue and what is due today; nothing where there is neither."""
    user = whose(reading, job)
    if not may_be_written_to(parts, user) or not reading.value(queries.IS_WANTED, user=user.id):
        return None
    # As of when it was left, so that a redo is the same mail, but for what changed meanwhile.
    zone, moment = zone_of(user.timezone), job.created_at
    today = local_day(moment, zone)
    tomorrow = beginning(today + timedelta(days=1), zone)
    when = {"scope": user.id, "moment": moment, "today": today.isoformat(), "tomorrow": tomorrow}
    overdue = reading.rows(queries.OVERDUE, bound=tomorrow + DAY, **when)
    due = reading.rows(queries.TODAY, bound=tomorrow + DAY, **when)
    if not overdue and not due:
        return None
    return Letter(
        kind="digest",
        address=user.email,
        name=name_for(user, user.email),
        language=user.language,
        timezone=user.timezone,
        link=f"{parts.settings.public_url}/",
        values={"date": written_day(today, catalogue_for(user.language))},
        sections=_sections(user, overdue=overdue, today=due),
        unsubscribe=link_to_decline(parts, user.id, "digest"),
    )


def _sections(user: Any, **found: Sequence[Any]) -> tuple[Section, ...]:
    return tuple(
        Section(name, tuple((row.title, _when(row, user)) for row in rows), rows[0].total - len(rows))
        for name, rows in found.items()
        if rows
    )


def _when(row: Any, user: Any) -> str:
    catalogue = catalogue_for(user.language)
    if row.due_on is not None:
        return written_day(date.fromisoformat(row.due_on), catalogue)
    return written_moment(row.due_at, user.timezone, catalogue)

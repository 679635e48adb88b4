"""Somebody's tasks in numbers, and how long the numbers hold."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from taskapi.accounts.service import by_id
from taskapi.actors import Actor
from taskapi.clock import now
from taskapi.days import beginning, local_day
from taskapi.db import Session
from taskapi.epochs import scope_key
from taskapi.stats import queries
from taskapi.stats.queries import DAYS
from taskapi.tasks.service import visible_to


@dataclass(frozen=True)
class Counted:
    """The numbers, the epoch they were read under, and the millisecond at which they become wrong.

    Until then they change only with the epoch: at `until` the day ends, or an open task becomes overdue.
    """

    json: dict[str, Any]
    under: int
    until: int


def count(session: Session, actor: Actor) -> Counted:
    """The actor's tasks in numbers, by the days of their own time zone."""
    zone = by_id(session, actor.user_id).timezone
    moment = now()
    days = _days(moment, ZoneInfo(zone))
    begins = [beginning(day, ZoneInfo(zone)) for day in days]
    found = session.rows(
        queries.COUNTS,
        user=actor.user_id,
        now=moment,
        today=days[DAYS - 1].isoformat(),
        epoch_key=scope_key(actor.scope_id),
        **{f"day_{number}": begin for number, begin in enumerate(begins)},
        **visible_to(actor),
    )
    if found[0].timezone != zone:
        # The zone has been changed since it was read, and with it the scope's epoch: numbers for the old one
        # would be taken for numbers under the new epoch.
        return count(session, actor)
    dues = [row.next_due + 1 for row in found if row.next_due is not None]
    return Counted(_represented(found, days), found[0].under, min([begins[DAYS], *dues]))


def _represented(found: Any, days: list[date]) -> dict[str, Any]:
    states: Counter[str] = Counter()
    done: Counter[int] = Counter()
    overdue = 0
    # Where there are no tasks at all, the one row has the epoch and the zone alone.
    for row in (row for row in found if row.state is not None):
        states[row.state] += row.tasks
        overdue += row.overdue
        if row.state == "done" and row.day is not None:
            done[row.day] += row.tasks
    per_day = [{"date": day.isoformat(), "count": done[number]} for number, day in enumerate(days[:DAYS])]
    return {
        "todo": states["todo"],
        "in_progress": states["in_progress"],
        "done": states["done"],
        "overdue": overdue,
        "trashed": states["trashed"],
        "done_per_day": per_day,
    }


def _days(moment: int, zone: ZoneInfo) -> list[date]:
    """The local days that are shown, today last, and tomorrow after them."""
    today = local_day(moment, zone)
    return [today + timedelta(days=number) for number in range(1 - DAYS, 2)]

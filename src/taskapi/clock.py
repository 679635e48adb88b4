"""The time, as the integer that rows carry: milliseconds since 1970 in UTC (ADR 1)."""

import time
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def milliseconds(instant: datetime) -> int:
    """An aware datetime as milliseconds since 1970; what is finer is cut off."""
    return (instant - _EPOCH) // _MILLISECOND


def milliseconds_of_instant(text: str | None) -> int | None:
    """RFC 3339 as milliseconds since 1970."""
    return None if text is None else milliseconds(datetime.fromisoformat(text))


def milliseconds_of_day(day: date) -> int:
    """The first millisecond of a day in UTC."""
    return (day - _EPOCH.date()).days * DAY


# Remembered, because it is half of what a row costs, and lists show the same moments again and again.
@lru_cache(maxsize=1 << 15)
def rfc3339(moment: int | None) -> str | None:
    """Milliseconds since 1970 as RFC 3339 in UTC, with no more digits than it needs."""
    if moment is None:
        return None
    text = (_EPOCH + timedelta(milliseconds=moment)).isoformat(
        timespec="milliseconds" if moment % 1000 else "seconds"
    )
    return text[:-6] + "Z"

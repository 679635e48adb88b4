"""Days as people have them: by the clock of their time zone."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from taskapi.clock import milliseconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def zone_of(name: str) -> ZoneInfo:
    """A time zone; one that this machine does not know any more is UTC."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def local_day(moment: int, zone: ZoneInfo) -> date:
    """The day that it is at a moment."""
    return (_EPOCH + timedelta(milliseconds=moment)).astimezone(zone).date()


def beginning(day: date, zone: ZoneInfo) -> int:
    """The first millisecond of a local day."""
    return at_hour(day, 0, zone)


def at_hour(day: date, hour: int, zone: ZoneInfo) -> int:
    """The millisecond at which the clock shows a full hour.

    Where it does so twice it is the first time, and where it jumps over the hour it is the jump: `fold=0`
    means the first of two, and the offset before a jump (PEP 495).
    """
    return milliseconds(datetime.combine(day, time(hour), zone).astimezone(UTC))


def number_of(day: date) -> int:
    """A day as the number of days since 1970."""
    return (day - _EPOCH.date()).days

"""Tasks in calendars: the to-dos of iCalendar (RFC 5545)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, BinaryIO

from icalendar import Calendar, Component

from taskapi.formats.records import FoundTask, Unreadable
from taskapi.formats.writing import STATUSES

_STATUSES = {word: status for status, word in STATUSES.items()} | {"CANCELLED": "done"}
# Longer is no to-do of anybody: descriptions have at most 20,000 characters.
_MOST_BYTES = 1 << 20


def tasks_of(file: BinaryIO) -> Iterator[FoundTask]:
    """The to-dos of a calendar, in their order. Raises Unreadable."""
    number, block, size, is_calendar = 0, [b""], 0, False
    for line in file:
        word = line.strip().upper()
        is_calendar = is_calendar or word.removeprefix(b"\xef\xbb\xbf") == b"BEGIN:VCALENDAR"
        if word == b"BEGIN:VTODO":
            block, size = [], 0
        block.append(line)
        size += len(line)
        if size > _MOST_BYTES:
            if block[0].strip().upper() == b"BEGIN:VTODO":
                raise Unreadable(f"the to-do after number {number} is longer than a mebibyte")
            block, size = [b""], 0
        if word == b"END:VTODO":
            number += 1
            yield FoundTask(number, _fields_of(b"".join(block), number))
            block, size = [b""], 0
    if not is_calendar:
        raise Unreadable("it is no calendar: there is no line BEGIN:VCALENDAR")


def _fields_of(block: bytes, number: int) -> dict[str, Any]:
    try:
        whole = Calendar.from_ical(b"BEGIN:VCALENDAR\r\n" + block + b"END:VCALENDAR\r\n")
    except (ValueError, IndexError, KeyError) as error:
        raise Unreadable(f"to-do {number} cannot be read: {error}") from None
    to_do = next(iter(whole.walk("VTODO")))
    fields = {
        "title": _line(to_do.get("SUMMARY")),
        "description": _said(to_do.get("DESCRIPTION")),
        "status": _STATUSES.get(_said(to_do.get("STATUS")).upper(), "todo"),
        "priority": _priority(to_do),
        "labels": _categories(to_do),
        "project": _line(to_do.get("X-TASKAPI-PROJECT")),
        "completed_at": _moment(to_do.get("COMPLETED")),
        "created_at": _moment(to_do.get("CREATED")),
        "updated_at": _moment(to_do.get("LAST-MODIFIED")),
        "remind_at": _alarm(to_do),
        **_due(to_do),
    }
    return {name: value for name, value in fields.items() if value}


def _said(value: Any) -> str:
    return "" if value is None else str(value)


def _line(value: Any) -> str:
    return " ".join(_said(value).split("\n"))


def _priority(to_do: Component) -> str:
    """Of 1 to 9, where 0 is none (RFC 5545, 3.8.1.9)."""
    try:
        rank = int(to_do.get("PRIORITY", 0))
    except ValueError:
        return "none"
    steps = ((0, "none"), (1, "urgent"), (4, "high"), (5, "medium"))
    return next((word for last, word in steps if rank <= last), "low")


def _categories(to_do: Component) -> list[str]:
    found = to_do.get("CATEGORIES", [])
    several = found if isinstance(found, list) else [found]
    labels = [str(label).strip() for one in several for label in one.cats]
    return list({label.casefold(): label for label in labels if label}.values())


def _due(to_do: Component) -> dict[str, str]:
    found = to_do.get("DUE")
    value = getattr(found, "dt", None)
    if isinstance(value, datetime):
        return {"due_at": _written(value)}
    return {"due_on": value.isoformat()} if isinstance(value, date) else {}


def _alarm(to_do: Component) -> str | None:
    """When its first alarm goes off, by itself or so long before it is due (RFC 5545, 3.8.6.3)."""
    for alarm in to_do.walk("VALARM"):
        trigger = getattr(alarm.get("TRIGGER"), "dt", None)
        if isinstance(trigger, datetime):
            return _written(trigger)
        due = getattr(to_do.get("DUE"), "dt", None)
        if trigger is not None and isinstance(due, datetime):
            return _written(due + trigger)
    return None


def _moment(found: Any) -> str | None:
    value = getattr(found, "dt", None)
    return _written(value) if isinstance(value, datetime) else None


def _written(moment: datetime) -> str:
    """In UTC; a time of no zone is taken for one of UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

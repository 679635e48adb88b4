"""Days and times as people type them: tomorrow, fri 17:30, +3d, 2026-12-01."""

import re
from datetime import UTC, date, datetime, time, timedelta

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NEAR = {"today": 0, "tomorrow": 1, "yesterday": -1}
_STEP = re.compile(r"\+(\d{1,4})(h|d|w)?")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d))? ?(am|pm)?")
_HINT = (
    "try today, tomorrow, fri, +3d, +2w or 2026-12-01, with a time like 17:30 behind it if you want, or +4h"
)


def due_of(text: str, now: datetime) -> dict[str, str | None]:
    """The fields of a task that is due then: a day is `due_on`, a moment `due_at`. Raises ValueError."""
    found = moment_of(text, now)
    if isinstance(found, datetime):
        return {"due_on": None, "due_at": _instant(found)}
    return {"due_on": found.isoformat(), "due_at": None}


def instant_of(text: str, now: datetime) -> str:
    """A moment; a day alone is nine o'clock of it. Raises ValueError."""
    found = moment_of(text, now)
    return _instant(found if isinstance(found, datetime) else datetime.combine(found, time(9)))


def bound_of(text: str, now: datetime) -> str:
    """A day or a moment, as lists are asked for what is due before or after it. Raises ValueError."""
    found = moment_of(text, now)
    return _instant(found) if isinstance(found, datetime) else found.isoformat()


def moment_of(text: str, now: datetime) -> date | datetime:
    """The day, or the moment where the text has a time. `now` is local and without a zone, as the text is.

    A weekday is the next one after today. Raises ValueError.
    """
    typed = " ".join(text.lower().split())
    try:
        if len(typed) > 10 and typed[10] in "t ":
            return datetime.fromisoformat(text.strip().upper())
        if (step := _STEP.fullmatch(typed)) and step[2] == "h":
            return now.replace(second=0, microsecond=0) + timedelta(hours=int(step[1]))
        first, _, rest = typed.partition(" ")
        day = _day(first, now.date())
        if day is None:
            return datetime.combine(now.date(), _time(typed))
        return datetime.combine(day, _time(rest)) if rest else day
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no day or time that is understood; {_HINT}") from None


def _day(word: str, today: date) -> date | None:
    """The day of this word; None where it is none."""
    if word in _NEAR:
        return today + timedelta(days=_NEAR[word])
    if step := _STEP.fullmatch(word):
        return today + timedelta(days=int(step[1]) * (7 if step[2] == "w" else 1))
    if len(word) >= 3 and (named := [number for number, name in enumerate(_DAYS) if name.startswith(word)]):
        return today + timedelta(days=(named[0] - today.weekday() - 1) % 7 + 1)
    return date.fromisoformat(word) if re.fullmatch(r"\d{4}-\d\d-\d\d", word) else None


def _time(text: str) -> time:
    found = _CLOCK.fullmatch(text)
    if found is None or (found[2] is None and found[3] is None):
        raise ValueError
    hour = int(found[1])
    if found[3] is not None:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if found[3] == "pm" else 0)
    return time(hour, int(found[2] or 0))


def _instant(moment: datetime) -> str:
    """RFC 3339 in UTC; a moment without a zone is one of this machine's."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

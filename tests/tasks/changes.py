"""What a client may write into each field of a task, good and bad, and what it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone
from typing import Any, Final

from hypothesis import strategies as st

from taskapi.text import label_key

REFUSED: Final = "refused"
UNKNOWN = ("id", "version", "position_", "Title", "completed_at", "a/b", "~", "")
DEFAULTS: Mapping[str, Any] = {
    "description": "",
    "status": "todo",
    "priority": "none",
    "due_at": None,
    "due_on": None,
    "remind_at": None,
    "labels": [],
    "project_id": None,
}


@dataclass(frozen=True)
class Value:
    """A value as it is sent, and as it is kept: REFUSED where the field cannot have it."""

    sent: Any
    kept: Any


_LINES: tuple[Any, ...] = (None, "", " \t\u3000", 5, True, [], {}, "nul\0", "half\ud800", "\udfffhalf")
_BREAKS = tuple(f"two{mark}lines" for mark in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_FULL: list[str] = [f"label {number}" for number in range(20)]
# What a field cannot have, and its longest and oddest values that it can.
BAD: Mapping[str, tuple[Any, ...]] = {
    "title": (*_LINES, *_BREAKS, "x" * 201, "\U0001f600" * 201),
    "description": ("x" * 20_001, 5, [], "nul\0", "half\ud83d"),
    "status": (None, "", "Done", "done ", 1),
    "priority": (None, "", "High", 4),
    "due_at": (
        "",
        5,
        "2026-01-31",
        "2026-01-31T09:00:00",
        "2026-01-31T09:00Z",
        "2026-02-30T09:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T09:60:00Z",
        "2026-01-31T09:00:00.Z",
        "2026-01-31T09:00:00,5Z",
        "2026-01-31T09:00:00+24:00",
        "2026-01-31T09:00:00+05:99",
        "2026-01-31T09:00:00+0500",
        "2026-01-31T09:00:00Z ",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "20260131T090000Z",
        "٢٠٢٦-01-31T09:00:00Z",
    ),
    "remind_at": ("", 5, "2026-01-31", "2026-01-31T09:00:00", "2026-02-30T09:00:00Z"),
    "due_on": (
        "",
        5,
        "2026-02-30",
        "2026-1-1",
        "20260131",
        "2026-W05-6",
        "2026-01-31T00:00:00Z",
        "0000-01-01",
    ),
    "labels": (
        *(None, "home", {}, [1], [None], [["a"]]),
        *(["a", "A"], ["é", "É"], ["a", " a "], ["ß", "SS"], ["e\u0301", "é"], ["ａ", "A"]),
        *(["home", line] for line in (*_LINES, *_BREAKS, "x" * 41)),
        [*_FULL, "one more"],
    ),
    "project_id": ("", "x", 5, [], "0190c0de-0000-7000-8000-00000000000", "0190c0de000070008000000000000000"),
}
EDGES: Mapping[str, tuple[Value, ...]] = {
    "title": (
        Value("x" * 200, "x" * 200),
        Value("\U0001f600" * 200, "\U0001f600" * 200),
        Value(f" \n\u2028{'x' * 200}\u3000\r\n", "x" * 200),
        Value("inner  space", "inner  space"),
    ),
    "description": (
        Value("\U0001f600" * 20_000, "\U0001f600" * 20_000),
        Value(" kept as it is \r\n", " kept as it is \r\n"),
        Value(None, ""),
    ),
    "due_at": (
        Value("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        Value("9999-12-31t23:59:59.999999999z", "9999-12-31T23:59:59.999Z"),
        Value("2026-01-31T09:00:00.0009+23:59", "2026-01-30T09:01:00Z"),
        Value("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        Value(None, None),
    ),
    "labels": (
        Value(_FULL, _FULL),
        Value([" home\t", "x" * 40, "\U0001f600" * 40], ["home", "x" * 40, "\U0001f600" * 40]),
        Value(["e", "é", "ё", "е"], ["e", "é", "ё", "е"]),
        Value([], []),
    ),
}


def refused(*values: Any) -> st.SearchStrategy[Value]:
    return st.sampled_from([Value(value, REFUSED) for value in values])


def kept(*values: Any) -> st.SearchStrategy[Value]:
    return st.sampled_from([Value(value, value) for value in values])


# No character of these is trimmed, breaks a line or is half of a pair.
_PLAIN = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"])
_PADDING = st.text(" \t\n\r\u00a0\u2003\u2028\u3000", max_size=3)


def _lines(longest: int) -> st.SearchStrategy[Value]:
    """One line of text, trimmed before it is counted in code points."""
    core = st.text(_PLAIN, min_size=1, max_size=longest // 2)
    return st.builds(lambda left, text, right: Value(left + text + right, text), _PADDING, core, _PADDING)


@st.composite
def instants(draw: st.DrawFn) -> Value:
    """RFC 3339 with any offset, case and number of digits; kept in UTC, cut to milliseconds."""
    # The widest range there is: hypothesis' own, from the year 1 to the year 9999.
    local = draw(st.datetimes()).replace(microsecond=0)
    digits = draw(st.text("0123456789", max_size=12))
    minutes = draw(st.just(0) | st.integers(-1439, 1439))
    offset = "-" if minutes < 0 else "+"
    offset += f"{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    if minutes == 0:
        offset = draw(st.sampled_from(["Z", "z", "+00:00", "-00:00"]))
    text = local.isoformat(draw(st.sampled_from("Tt"))) + (f".{digits}" if digits else "") + offset
    try:
        utc = local.replace(tzinfo=timezone(timedelta(minutes=minutes))).astimezone(UTC)
    except OverflowError:
        return Value(text, REFUSED)
    cut = digits[:3].ljust(3, "0")
    return Value(text, utc.isoformat()[:19] + ("" if cut == "000" else f".{cut}") + "Z")


def _labels() -> st.SearchStrategy[Value]:
    lists = st.lists(_lines(40), max_size=20, unique_by=lambda value: label_key(value.kept))
    return lists.map(lambda found: Value([one.sent for one in found], [one.kept for one in found]))


def writable(own_project: str) -> dict[str, st.SearchStrategy[Value]]:
    """Each writable field with what may be sent for it, good and bad."""
    prose = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
    project = st.sampled_from([Value(own_project, own_project), Value(own_project.upper(), own_project)])
    good = {
        "title": _lines(200),
        "description": prose.map(lambda text: Value(text, text)),
        "status": kept("todo", "in_progress", "done"),
        "priority": kept("none", "low", "medium", "high", "urgent"),
        "due_at": instants(),
        "due_on": st.dates().map(lambda day: Value(day.isoformat(), day.isoformat())) | kept(None),
        "remind_at": instants(),
        "labels": _labels(),
        "project_id": project | kept(None),
    }
    edges = {name: st.sampled_from(values) for name, values in EDGES.items()}
    return {
        name: good[name] | edges.get(name, good[name]) | good[name] | refused(*BAD[name]) for name in good
    }


def patches(own_project: str) -> st.SearchStrategy[dict[str, Value]]:
    """Some fields with values: mostly few, so that many patches are good as a whole."""
    fields = writable(own_project)
    few = st.lists(st.sampled_from(sorted(fields)), max_size=3, unique=True)
    many = st.lists(st.sampled_from(sorted(fields)), max_size=len(fields), unique=True)
    known = (few | few | many).flatmap(
        lambda names: st.fixed_dictionaries({name: fields[name] for name in names})
    )
    unknown = st.sampled_from(UNKNOWN).map(lambda name: {name: Value("x", REFUSED)})
    return known | known | known | known | st.tuples(known, unknown).map(lambda both: both[0] | both[1])

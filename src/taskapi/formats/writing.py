"""Writing tasks into files, batch by batch: each writer gives the bytes of beginning, tasks and end."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson

# A task as it is written: the names and values of the API, labels as a list.
Record = Mapping[str, Any]

TASK_FIELDS = (
    "id",
    "title",
    "description",
    "status",
    "priority",
    "due_at",
    "due_on",
    "remind_at",
    "labels",
    "project_id",
    "completed_at",
    "trashed_at",
    "created_at",
    "updated_at",
)
PROJECT_FIELDS = ("id", "name", "color", "archived")
COLUMNS = (
    *("title", "description", "status", "priority", "due_at", "due_on", "remind_at", "labels", "project"),
    *("completed_at", "created_at", "updated_at", "id"),
)
# What a spreadsheet takes for a formula (OWASP, CSV injection), behind marks that we wrote before.
FORMULA = re.compile(r"'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
PRIORITIES = {"none": 0, "low": 7, "medium": 5, "high": 3, "urgent": 1}
STATUSES = {"todo": "NEEDS-ACTION", "in_progress": "IN-PROCESS", "done": "COMPLETED"}
# RFC 5545 has no room for other control characters than tabs.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_BYTES = 75


class Writer(Protocol):
    """Whether the trash is in it, and the three parts of a file."""

    kind: str
    has_trash: bool

    def begin(self, projects: Sequence[Record]) -> bytes: ...

    def tasks(self, tasks: Sequence[Record]) -> bytes: ...

    def end(self) -> bytes: ...


class JsonWriter:
    """Everything that is there, in one document: projects, and a task a line in the order of the list."""

    kind = "application/json"
    has_trash = True

    def __init__(self) -> None:
        self._is_first = True

    def begin(self, projects: Sequence[Record]) -> bytes:
        return b'{"format":"taskapi","version":1,"projects":' + orjson.dumps(projects) + b',"tasks":['

    def tasks(self, tasks: Sequence[Record]) -> bytes:
        lines = b",\n".join(map(orjson.dumps, tasks))
        before = b"\n" if self._is_first else b",\n"
        self._is_first = self._is_first and not tasks
        return before + lines if lines else b""

    def end(self) -> bytes:
        return b"\n]}\n"


class CsvWriter:
    """RFC 4180 in UTF-8 with a mark, by which spreadsheets know it; nothing in it is a formula there."""

    kind = "text/csv"
    has_trash = False

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def begin(self, projects: Sequence[Record]) -> bytes:
        self._names = {one["id"]: one["name"] for one in projects}
        return b"\xef\xbb\xbf" + _rows([COLUMNS])

    def tasks(self, tasks: Sequence[Record]) -> bytes:
        return _rows([self._cells(task) for task in tasks])

    def end(self) -> bytes:
        return b""

    def _cells(self, task: Record) -> list[str]:
        given = {
            **task,
            "labels": _rows([task["labels"]]).decode().rstrip("\r\n") if task["labels"] else "",
            "project": self._names.get(task["project_id"], ""),
        }
        return [_harmless(given[name] or "") for name in COLUMNS]


class IcsWriter:
    """iCalendar (RFC 5545), each task a to-do; times to the second, as that has no finer ones."""

    kind = "text/calendar"
    has_trash = False

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def begin(self, projects: Sequence[Record]) -> bytes:
        self._names = {one["id"]: one["name"] for one in projects}
        return b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//taskapi//tasks//EN\r\n"

    def tasks(self, tasks: Sequence[Record]) -> bytes:
        return b"".join(self._to_do(task) for task in tasks)

    def end(self) -> bytes:
        return b"END:VCALENDAR\r\n"

    def _to_do(self, task: Record) -> bytes:
        lines = [
            "BEGIN:VTODO",
            f"UID:{task['id']}",
            f"DTSTAMP:{_instant(task['updated_at'])}",
            f"CREATED:{_instant(task['created_at'])}",
            f"LAST-MODIFIED:{_instant(task['updated_at'])}",
            f"SUMMARY:{_text(task['title'])}",
            f"STATUS:{STATUSES[task['status']]}",
        ]
        if task["description"]:
            lines.append(f"DESCRIPTION:{_text(task['description'])}")
        if PRIORITIES[task["priority"]]:
            lines.append(f"PRIORITY:{PRIORITIES[task['priority']]}")
        if task["due_on"]:
            lines.append(f"DUE;VALUE=DATE:{task['due_on'].replace('-', '')}")
        if task["due_at"]:
            lines.append(f"DUE:{_instant(task['due_at'])}")
        if task["labels"]:
            lines.append(f"CATEGORIES:{','.join(map(_text, task['labels']))}")
        if task["completed_at"]:
            lines.append(f"COMPLETED:{_instant(task['completed_at'])}")
        if task["project_id"] in self._names:
            lines.append(f"X-TASKAPI-PROJECT:{_text(self._names[task['project_id']])}")
        if task["remind_at"]:
            lines += [
                "BEGIN:VALARM",
                "ACTION:DISPLAY",
                f"DESCRIPTION:{_text(task['title'])}",
                f"TRIGGER;VALUE=DATE-TIME:{_instant(task['remind_at'])}",
                "END:VALARM",
            ]
        return b"".join(map(_folded, [*lines, "END:VTODO"]))


WRITERS: dict[str, type[Writer]] = {"json": JsonWriter, "csv": CsvWriter, "ics": IcsWriter}


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet computes; reading takes the mark off again."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def _instant(text: str) -> str:
    """RFC 3339 as RFC 5545 has it."""
    return text[:19].replace("-", "").replace(":", "") + "Z"


def _text(text: str) -> str:
    """As a value of the type TEXT."""
    plain = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return plain.replace("\\", "\\\\").replace("\n", "\\n").replace(";", "\\;").replace(",", "\\,")


def _folded(line: str) -> bytes:
    """A line of at most 75 bytes, gone on with in further ones; no character is cut in two."""
    raw = line.encode()
    if len(raw) <= _LINE_BYTES:
        return raw + b"\r\n"
    parts, start = [], 0
    while start < len(raw):
        end = min(start + _LINE_BYTES - (1 if start else 0), len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:
            end -= 1
        parts.append(raw[start:end])
        start = end
    return b"\r\n ".join(parts) + b"\r\n"

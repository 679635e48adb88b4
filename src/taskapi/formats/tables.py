"""Tasks in tables: our CSV, or anybody's with a line of names above it, and Todoist's."""

import csv
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Any, TextIO

from dateutil import parser

from taskapi.formats.records import FoundTask, Unreadable
from taskapi.formats.writing import FORMULA

# What others call the fields of a task.
_NAMES = {
    "name": "title",
    "task": "title",
    "summary": "title",
    "subject": "title",
    "notes": "description",
    "note": "description",
    "details": "description",
    "tags": "labels",
    "label": "labels",
    "categories": "labels",
    "list": "project",
    "due": "due",
    "due date": "due",
    "deadline": "due",
    "reminder": "remind_at",
    "completed": "completed_at",
    "created": "created_at",
}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TODOIST_LABEL = re.compile(r"(?<!\S)@(\S+)")
# Todoist's first is ours that is urgent.
_TODOIST_PRIORITIES = {"1": "urgent", "2": "high", "3": "medium"}


def rows_of(text: TextIO) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table by the names in its first line, with the lines that they end in.

    Raises Unreadable where there is no such line, and csv.Error.
    """
    first = text.readline()
    delimiter = max(",;\t", key=first.count)
    lines = csv.reader(chain([first], text), delimiter=delimiter, strict=True)
    names = [name.strip().lower() for name in next(lines, [])]
    if not any(names):
        raise Unreadable("its first line has to name the columns")
    for cells in lines:
        if any(cells):
            yield lines.line_num, dict(zip(names, cells, strict=False))


def tasks_of(rows: Iterator[tuple[int, dict[str, str]]]) -> Iterator[FoundTask]:
    """Tasks by the names of their fields, ours or those that others use for them."""
    for number, row in rows:
        fields: dict[str, Any] = {}
        for name, cell in row.items():
            value = cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell
            if value:
                fields[_NAMES.get(name, name)] = value
        if "title" not in fields and not any(_NAMES.get(name, name) == "title" for name in row):
            raise Unreadable("none of its columns is called title, name, task, summary or subject")
        if "labels" in fields:
            fields["labels"] = [
                one.strip() for one in next(csv.reader([fields["labels"]]), []) if one.strip()
            ]
        due = fields.pop("due", None)
        if due is not None:
            fields["due_on" if _DAY.fullmatch(due) else "due_at"] = due
        yield FoundTask(number, fields)


def tasks_of_todoist(rows: Iterator[tuple[int, dict[str, str]]]) -> Iterator[FoundTask]:
    """Tasks of Todoist's CSV; notes go to the description of the task that they are below."""
    waiting: FoundTask | None = None
    for number, row in rows:
        if "type" not in row or "content" not in row:
            raise Unreadable("it has no columns TYPE and CONTENT, as Todoist's have")
        kind = row["type"].strip().lower()
        if kind == "note" and waiting is not None:
            _add(waiting.fields, row["content"])
        elif kind == "task":
            if waiting is not None:
                yield waiting
            waiting = FoundTask(number, _of_todoist(row))
    if waiting is not None:
        yield waiting


def _of_todoist(row: dict[str, str]) -> dict[str, Any]:
    content = row["content"]
    fields: dict[str, Any] = {
        "title": " ".join(_TODOIST_LABEL.sub("", content).split()) or content,
        "labels": list({one.lower(): one for one in _TODOIST_LABEL.findall(content)}.values()),
        "priority": _TODOIST_PRIORITIES.get(row.get("priority", "").strip(), "none"),
    }
    if row.get("description"):
        fields["description"] = row["description"]
    date = row.get("date", "").strip()
    if date:
        fields |= _due_of_todoist(date) or {}
        if "due_on" not in fields and "due_at" not in fields:
            # As of what comes again and again: it is kept in words.
            _add(fields, f"Todoist: {date}")
    return fields


def _due_of_todoist(date: str) -> dict[str, str] | None:
    """A day, or a moment (of UTC where no zone is named); None where it is neither."""
    if _DAY.fullmatch(date):
        return {"due_on": date}
    # What is not said in a date is filled in from another: so from two, which tell whether it was said.
    try:
        found, other = (parser.parse(date, default=datetime(2000, 1, day, day)) for day in (1, 2))  # noqa: DTZ001 - a zone is what may be said
    except (ValueError, OverflowError):
        return None
    if found.date() != other.date() or str(found.year) not in date:
        return None
    if found.hour != other.hour:
        return {"due_on": found.date().isoformat()}
    moment = found.isoformat(timespec="seconds")
    return {"due_at": moment if found.tzinfo else f"{moment}Z"}


def _add(fields: dict[str, Any], text: str) -> None:
    fields["description"] = "\n\n".join(filter(None, (fields.get("description", ""), text)))

"""Tasks as a person reads them. Nothing that somebody wrote reaches the terminal as a control character."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

# C0, DEL and C1, line and paragraph separators, and what turns the direction of text around.
_CONTROLS = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_CONTROL = re.compile(f"[{_CONTROLS}]")
_LATER_CONTROL = re.compile(f"[{_CONTROLS.removeprefix(chr(0) + '-' + chr(0x1F))}]")
# As much of an id's end as tells tasks of one list apart.
_SHORTEST = 6
_UNBROKEN = 1000

_PRIORITY_STYLES = {"urgent": "bold red", "high": "yellow", "low": "dim"}
_STATUS_STYLES = {"done": "green", "in_progress": "cyan"}


def clean(text: str) -> str:
    """The text on one line, each control character made visible."""
    return _CONTROL.sub("\ufffd", text)


def escaped(json_text: str) -> str:
    """A JSON text with the control characters escaped that JSON would let through."""
    return _LATER_CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text)


def show_json(value: Any) -> None:
    click.echo(escaped(json.dumps(value, ensure_ascii=False)))


def short_ids(tasks: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The end of each id, as long as it has to be to tell them apart: ids made together begin alike."""
    ids = [task["id"] for task in tasks]
    length = _SHORTEST
    while length < 36 and len({one[-length:] for one in ids}) < len(set(ids)):
        length += 1
    return {one: one[-length:] for one in ids}


def show_tasks(tasks: Sequence[Mapping[str, Any]], projects: Mapping[str, str]) -> None:
    """A table; a column that would be empty is not there."""
    # Where it is not a terminal that would break lines, programs want a line for each task.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _UNBROKEN)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    ids = short_ids(tasks)
    columns = {
        "id": [Text(ids[task["id"]], style="dim") for task in tasks],
        "title": [_title(task) for task in tasks],
        "due": [_due(task) for task in tasks],
        "priority": [_styled(task["priority"], _PRIORITY_STYLES, "none") for task in tasks],
        "status": [_styled(task["status"], _STATUS_STYLES, "todo") for task in tasks],
        "labels": [Text(clean(", ".join(task["labels"]))) for task in tasks],
        "project": [Text(clean(projects.get(task["project_id"] or "", ""))) for task in tasks],
    }
    shown = {name: cells for name, cells in columns.items() if any(cell.plain for cell in cells)}
    for name in shown:
        is_text = name in {"title", "labels", "project"}
        table.add_column(
            name, no_wrap=not is_text, overflow="fold", min_width=20 if name == "title" else None
        )
    for cells in zip(*shown.values(), strict=True):
        table.add_row(*cells)
    console.print(table)


def show_task(task: Mapping[str, Any], project: str) -> None:
    """Everything of one task, a line for each field that says something."""
    fields = {
        "id": task["id"],
        "title": task["title"],
        "status": task["status"],
        "priority": task["priority"],
        "due": _due(task).plain,
        # A server of an older release has none.
        "reminder": _local(task.get("remind_at")),
        "labels": ", ".join(task["labels"]),
        "project": project,
        "completed": _local(task["completed_at"]),
        "trashed": _local(task["trashed_at"]),
        "created": _local(task["created_at"]),
        "changed": _local(task["updated_at"]),
    }
    for name, value in fields.items():
        if value:
            click.echo(f"{name:10} {clean(value)}")
    if task["description"]:
        click.echo()
        for line in task["description"].split("\n"):
            click.echo(clean(line))


def show_history(changes: Sequence[Mapping[str, Any]]) -> None:
    click.echo()
    for change in changes:
        fields = "; ".join(
            f"{one['field']}: {_value(one['before'])} → {_value(one['after'])}" for one in change["changes"]
        )
        click.echo(clean(f"{_local(change['at'])}  {change['via']:4} {fields or 'made'}"))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _title(task: Mapping[str, Any]) -> Text:
    return Text(clean(task["title"]), style="strike dim" if task["status"] == "done" else "")


def _styled(word: str, styles: Mapping[str, str], usual: str) -> Text:
    return Text("" if word == usual else clean(word).replace("_", " "), style=styles.get(word, ""))


def _due(task: Mapping[str, Any]) -> Text:
    """The day, or the day and time here; red once it is past and the task open."""
    if task["due_on"] is not None:
        past = date.fromisoformat(task["due_on"]) < datetime.now().astimezone().date()
        shown = task["due_on"]
    elif task["due_at"] is not None:
        past = datetime.fromisoformat(task["due_at"]) < datetime.now().astimezone()
        shown = _local(task["due_at"])
    else:
        return Text("")
    return Text(clean(shown), style="red" if past and task["status"] != "done" else "")


def _local(instant: str | None) -> str:
    return "" if instant is None else f"{datetime.fromisoformat(instant).astimezone():%Y-%m-%d %H:%M}"

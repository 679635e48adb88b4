"""Reading tasks out of files, one after the other: however long a file is, a task of it is held at a time."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import ijson

from taskapi.formats import calendars, tables
from taskapi.formats.records import FoundProject, FoundTask, Unreadable

# Gives what is found in a file from its beginning to its end. Raises Unreadable, in the middle of it too.
Reader = Callable[[BinaryIO], Iterator[FoundProject | FoundTask]]


def found_in(path: Path, form: str) -> Iterator[FoundProject | FoundTask]:
    """What a file holds: projects before the tasks that name them. Raises Unreadable."""
    if path.stat().st_size == 0:
        raise Unreadable("it is empty")
    with path.open("rb") as file:
        try:
            yield from READERS[form](file)
        except UnicodeDecodeError as error:
            raise Unreadable(f"it is not UTF-8 (byte {error.start + 1} of a part of it)") from None


def _json(file: BinaryIO) -> Iterator[FoundProject | FoundTask]:
    """Our own document, or an array of tasks."""
    is_array = _first_byte(file) == b"["
    try:
        if not is_array:
            for number, one in enumerate(ijson.items(file, "projects.item", use_float=True), 1):
                if not isinstance(one, dict):
                    raise Unreadable(f"project {number} is not an object")
                yield FoundProject(str(one.get("id", "")), one)
            file.seek(0)
        tasks = ijson.items(file, "item" if is_array else "tasks.item", use_float=True)
        for number, one in enumerate(tasks, 1):
            yield FoundTask(number, one if isinstance(one, dict) else {"title": one})
    except ijson.JSONError as error:
        raise Unreadable(f"it is not JSON ({_reason(error)})") from None


def _csv(file: BinaryIO) -> Iterator[FoundTask]:
    return _in_rows(file, tables.tasks_of)


def _todoist(file: BinaryIO) -> Iterator[FoundTask]:
    return _in_rows(file, tables.tasks_of_todoist)


def _in_rows(
    file: BinaryIO, tasks_of: Callable[[Iterator[tuple[int, dict[str, str]]]], Iterator[FoundTask]]
) -> Iterator[FoundTask]:
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    try:
        yield from tasks_of(tables.rows_of(text))
    except csv.Error as error:
        raise Unreadable(f"it is not CSV: {error}") from None
    finally:
        text.detach()


def _ics(file: BinaryIO) -> Iterator[FoundTask]:
    return calendars.tasks_of(file)


READERS: dict[str, Reader] = {"json": _json, "csv": _csv, "todoist": _todoist, "ics": _ics}


def _reason(error: ijson.JSONError) -> str:
    """The first line of what the library says, which it says in bytes and with a piece of the file below."""
    said = error.args[0] if error.args else ""
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return text.partition("\n")[0].strip(" .")


def _first_byte(file: BinaryIO) -> bytes:
    """The first that is no white space or byte order mark; the file is at its beginning afterwards."""
    start = file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    file.seek(0)
    return start

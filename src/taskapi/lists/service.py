"""Walking through one's tasks: filtered, searched and sorted, a page at a time."""

from datetime import date
from typing import Any

import orjson

from taskapi.actors import Actor
from taskapi.clock import milliseconds_of_day, milliseconds_of_instant
from taskapi.cursors import opened, page_of
from taskapi.db import Session
from taskapi.epochs import scope_key
from taskapi.lists import queries
from taskapi.lists.schemas import TaskList, all_represented
from taskapi.tasks.service import PRIORITIES, visible_to
from taskapi.text import label_pattern, word_pattern, words
from taskapi.tokens import Seal


def search(session: Session, actor: Actor, cursors: Seal, wanted: TaskList) -> tuple[dict[str, Any], int]:
    """A page of the actor's tasks, and the epoch of their scope it was read under.

    Raises BadRequest for a cursor that is not ours or not for this list.
    """
    filters = _filters(wanted)
    binding = _binding(actor, wanted, filters)
    parameters = visible_to(actor) | {"epoch_key": scope_key(actor.scope_id), "most": wanted.limit + 1}
    for name, values in filters.items():
        parameters |= {queries.parameter(name, number): value for number, value in enumerate(values)}
    after: queries.After = "beginning"
    if wanted.cursor is not None:
        key, parameters["after_id"] = opened(cursors, wanted.cursor, binding)
        after = "null" if key is None else "key"
        parameters["after_key"] = key
    counts = tuple((name, len(values)) for name, values in filters.items())
    shape = queries.Shape(wanted.sort, counts, wanted.trashed, wanted.count, after)
    found = session.rows(queries.page(shape), **parameters)
    page = page_of(found, wanted.limit)
    last = cursors.close([page.rows[-1].sort_key, page.rows[-1].id], binding) if page.has_more else None
    total = {"total": found[0].total} if wanted.count else {}
    return {"items": all_represented(page.rows), "next_cursor": last} | total, page.under


def _filters(wanted: TaskList) -> dict[str, list[Any]]:
    """The filters asked for with what their columns are compared with, alike however they were asked for."""
    given: dict[str, list[Any] | None] = {
        "status": sorted(set(wanted.status)) or None,
        "priority": sorted({PRIORITIES.index(name) for name in wanted.priority}) or None,
        "project": [wanted.project] if wanted.project not in {None, "inbox"} else None,
        "inbox": [] if wanted.project == "inbox" else None,
        "due_before": _moment(wanted.due_before),
        "due_after": _moment(wanted.due_after),
        "label": sorted({label_pattern(label) for label in wanted.label}) or None,
        "word": sorted({word_pattern(word) for word in words(wanted.q)}) or None,
    }
    return {name: values for name, values in given.items() if values is not None}


def _moment(text: str | None) -> list[int | None] | None:
    """The milliseconds of an instant, or of the beginning of a day in UTC."""
    if text is None:
        return None
    is_day = "T" not in text
    return [milliseconds_of_day(date.fromisoformat(text)) if is_day else milliseconds_of_instant(text)]


def _binding(actor: Actor, wanted: TaskList, filters: dict[str, list[Any]]) -> str:
    """What a cursor is for: whose list, its filters and its order; not how much of it is shown at once."""
    list_of = [actor.user_id, wanted.sort, wanted.trashed, filters]
    return f"tasks:{orjson.dumps(list_of).decode()}"

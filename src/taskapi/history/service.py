"""What was done to a task, by whom and how."""

from typing import Any

import orjson

from taskapi.actors import Actor
from taskapi.clock import rfc3339
from taskapi.cursors import opened, page_of
from taskapi.db import Session
from taskapi.epochs import scope_key
from taskapi.errors import NotFound
from taskapi.history import queries
from taskapi.history.schemas import HistoryList
from taskapi.tasks.service import visible_to
from taskapi.tokens import Seal


def history(
    session: Session, actor: Actor, task_id: str, cursors: Seal, wanted: HistoryList
) -> tuple[dict[str, Any], int]:
    """What was done to a task, live or trashed, newest first, and the epoch. Raises NotFound, BadRequest."""
    binding = f"history:{actor.user_id}:{task_id}"
    parameters = visible_to(actor) | {"epoch_key": scope_key(actor.scope_id)}
    parameters |= {"task": task_id, "most": wanted.limit + 1}
    statement = queries.FIRST_CHANGES
    if wanted.cursor is not None:
        parameters["after_epoch"], parameters["after_id"] = opened(cursors, wanted.cursor, binding)
        statement = queries.NEXT_CHANGES
    page = page_of(session.rows(statement, **parameters), wanted.limit)
    if not page.rows:
        # A task has its making in its history: where there is none, there is no task.
        raise NotFound
    last = cursors.close([page.rows[-1].epoch, page.rows[-1].id], binding) if page.has_more else None
    return {"items": [_represented(row) for row in page.rows], "next_cursor": last}, page.under


def _represented(row: Any) -> dict[str, Any]:
    return {
        "at": rfc3339(row.at),
        "actor_id": row.actor_id,
        "via": row.via,
        "request_id": row.request_id,
        "changes": orjson.Fragment(row.changes),
    }

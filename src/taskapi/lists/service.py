"""Walking through one's tasks, a page at a time."""

from typing import Any

from taskapi.actors import Actor
from taskapi.cursors import opened, page_of
from taskapi.db import Session
from taskapi.epochs import scope_key
from taskapi.lists import queries
from taskapi.lists.schemas import TaskList
from taskapi.tasks.service import represented, visible_to
from taskapi.tokens import Seal


def search(session: Session, actor: Actor, cursors: Seal, wanted: TaskList) -> tuple[dict[str, Any], int]:
    """A page of the actor's tasks, and the epoch of their scope it was read under.

    Raises BadRequest for a cursor that is not ours or not for this list.
    """
    binding = f"tasks:{actor.user_id}:-created_at"
    parameters = visible_to(actor) | {"epoch_key": scope_key(actor.scope_id), "most": wanted.limit + 1}
    statement = queries.FIRST_PAGE
    if wanted.cursor is not None:
        after_created_at, after_id = opened(cursors, wanted.cursor, binding)
        parameters |= {"after_created_at": after_created_at, "after_id": after_id}
        statement = queries.NEXT_PAGE
    page = page_of(session.rows(statement, **parameters), wanted.limit)
    last = cursors.close([page.rows[-1].created_at, page.rows[-1].id], binding) if page.has_more else None
    return {"items": [represented(row) for row in page.rows], "next_cursor": last}, page.under

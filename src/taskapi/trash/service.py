"""Emptying the trash of what has been in it for long."""

from taskapi import epochs
from taskapi.db import Session
from taskapi.trash import queries

_BATCH = 500


def purge_trash(reading: Session, session: Session, before: int) -> int:
    """Remove for good a batch of what one scope trashed before a moment; how many it were.

    Whoever calls it does so until there are none, each time in a transaction of its own, which begins when it
    is known what to remove. Stored answers of such tasks expired long ago.
    """
    scope = reading.value(queries.SCOPE_WITH_OLD_TRASH, before=before)
    if scope is None:
        return 0
    rows = session.rows(queries.BATCH_LOCKED, scope=scope, before=before, most=_BATCH)
    if rows:
        epochs.move(session, epochs.scope_key(scope))
        for statement in (queries.FORGET, queries.ERASE):
            session.run(statement, {"scope": scope, "tasks": [row.id for row in rows]})
    return len(rows)

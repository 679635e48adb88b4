"""Carrying out jobs of the outbox in this thread, as a worker does."""

from typing import Any

import orjson
from sqlalchemy import select, update

from taskapi.clock import now
from taskapi.handlers import HANDLERS
from taskapi.ids import new_id
from taskapi.jobs import Job, OutboxRow
from taskapi.parts import Parts

_WAITING = (
    select(OutboxRow.id, OutboxRow.kind, OutboxRow.payload)
    .where(OutboxRow.done_at.is_(None), OutboxRow.parked_at.is_(None))
    .order_by(OutboxRow.id)
)


def carry_out(parts: Parts, kind: str) -> int:
    """Do one job of a kind, and those that it leaves; how many there were. Raises what a handler raises."""
    done = 1
    _do(parts, kind, {}, None)
    while True:
        with parts.database.reader() as reader:
            waiting = [row for row in reader.rows(_WAITING) if row.kind.startswith(OURS)]
        for row in waiting:
            _do(parts, row.kind, orjson.loads(row.payload), row.id)
        if not waiting:
            return done
        done += len(waiting)


# What is done by nobody else in tests: the mails have handlers too.
OURS = ("accounts.", "idempotency.", "sessions.", "tokens.", "trash.")


def _do(parts: Parts, kind: str, payload: dict[str, Any], row_id: str | None) -> None:
    job = Job(row_id or new_id(), kind, payload, None, "made-by-a-test", now(), 1)
    with parts.database.writer() as session:
        HANDLERS[kind](parts, session, job)
        if row_id is not None:
            session.run(update(OutboxRow).where(OutboxRow.id == row_id).values(done_at=now()))

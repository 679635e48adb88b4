"""Claims on jobs: the statements by which a worker takes a job, holds on to it, and says what became of it.

A claim is a lease with a fence: who marks a job names the fence it was claimed with, so that a worker whose
lease ran out changes nothing about what another has claimed since.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Update, bindparam, or_, select, update

from taskapi.clock import SECOND, now
from taskapi.db import Database, Session
from taskapi.jobs import Interrupted, OutboxRow

# A job takes less than this, or holds on to itself; whoever has it longer has lost it.
LEASE_MILLISECONDS = 60 * SECOND

_OPEN = (OutboxRow.done_at.is_(None), OutboxRow.parked_at.is_(None))
_CLAIMED = (OutboxRow.id == bindparam("job_id"), OutboxRow.fence == bindparam("claim"), *_OPEN)
_DONE = (
    update(OutboxRow)
    .where(*_CLAIMED)
    .values(done_at=bindparam("moment"), due_at=bindparam("moment"), lease_until=None, last_error=None)
)
_HOLD = update(OutboxRow).where(*_CLAIMED).values(lease_until=bindparam("until"), due_at=bindparam("until"))
_GIVE_BACK = (
    update(OutboxRow)
    .where(*_CLAIMED)
    .values(lease_until=None, due_at=bindparam("moment"), attempts=OutboxRow.attempts - 1)
)
_FAILED = (
    update(OutboxRow)
    .where(*_CLAIMED)
    .values(
        due_at=bindparam("due"),
        parked_at=bindparam("parked"),
        failures=OutboxRow.failures + 1,
        last_error=bindparam("error"),
        lease_until=None,
    )
)


class LostClaim(Interrupted):
    """The lease ran out and another worker has the job: nothing of this try may be kept."""


class Claims:
    """The jobs of some kinds, and those that are claimed of them."""

    def __init__(self, database: Database, only: Collection[str] = (), but: Collection[str] = ()) -> None:
        """Of `only` these kinds where any are named, and of none of those in `but`."""
        self._database = database
        kinds = []
        if only:
            kinds.append(OutboxRow.kind.in_(sorted(only)))
        if but:
            kinds.append(OutboxRow.kind.not_in(sorted(but)))
        self._due = _due(*kinds)
        # SQLite has one writer at a time, and no locks of rows: there the clause is left out.
        self._claim = _claim(self._due)

    def due(self, most: int) -> int:
        """How many are due, as far as `most`.

        Looked up before anything is claimed, so that waiting never takes the right to write.
        """
        with self._database.reader(patient=False) as session:
            return len(session.rows(self._due, moment=now(), most=most))

    def take(self) -> Row[Any] | None:
        """Claim the one that has been due for the longest; None where there is none."""
        moment = now()
        with self._database.writer() as session:
            return session.row(self._claim, moment=moment, until=moment + LEASE_MILLISECONDS, most=1)

    def done(self, session: Session, row: Row[Any]) -> None:
        """Mark it done, in the transaction of what it did. Raises LostClaim."""
        if not session.run(_DONE, _of(row) | {"moment": now()}):
            raise LostClaim

    def hold(self, row: Row[Any]) -> None:
        """Have the lease begin anew. Raises LostClaim."""
        with self._database.writer() as session:
            if not session.run(_HOLD, _of(row) | {"until": now() + LEASE_MILLISECONDS}):
                raise LostClaim

    def give_back(self, row: Row[Any]) -> None:
        """Leave it for somebody else at once, as if it had not been tried."""
        with self._database.writer() as session:
            session.run(_GIVE_BACK, _of(row) | {"moment": now()})

    def failed(self, row: Row[Any], error: str, due: int, parked: int | None) -> None:
        """Write down why it did not work; whoever has lost it writes nothing."""
        with self._database.writer() as session:
            session.run(_FAILED, {**_of(row), "error": error, "due": due, "parked": parked})


def _of(row: Row[Any]) -> dict[str, Any]:
    return {"job_id": row.id, "claim": row.fence}


def _due(*kinds: ColumnElement[bool]) -> Select[str]:
    return (
        select(OutboxRow.id)
        .where(
            *_OPEN,
            *kinds,
            OutboxRow.due_at <= bindparam("moment"),
            or_(OutboxRow.lease_until.is_(None), OutboxRow.lease_until <= bindparam("moment")),
        )
        .order_by(OutboxRow.due_at, OutboxRow.id)
        .limit(bindparam("most"))
    )


def _claim(due: Select[str]) -> Update:
    return (
        update(OutboxRow)
        .where(OutboxRow.id == due.with_for_update(skip_locked=True).scalar_subquery())
        .values(
            lease_until=bindparam("until"),
            # Where its worker dies it comes behind those that wait, and does not meet the next death first.
            due_at=bindparam("until"),
            fence=OutboxRow.fence + 1,
            attempts=OutboxRow.attempts + 1,
        )
        .returning(
            OutboxRow.id,
            OutboxRow.kind,
            OutboxRow.payload,
            OutboxRow.user_id,
            OutboxRow.request_id,
            OutboxRow.traceparent,
            OutboxRow.created_at,
            OutboxRow.attempts,
            OutboxRow.failures,
            OutboxRow.fence,
        )
    )

"""Background work leaves through the outbox: a row written in the transaction of what it is for."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import BigInteger, Index, SmallInteger, String, Text, insert, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.clock import now
from taskapi.columns import Base, Id
from taskapi.db import Session
from taskapi.ids import new_id
from taskapi.parts import Parts

# A good deal shorter than a lease.
HELD_SECONDS = 10.0

_OPEN = "done_at IS NULL AND parked_at IS NULL"


class OutboxRow(Base):
    """A job to be done, at least once, after the transaction that wrote it has committed.

    A worker claims it by setting `lease_until` and counting up `fence`; marking it done asks for the fence it
    was claimed with, so that a worker whose lease ran out cannot mark what another has claimed since.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_due", "due_at", "id", postgresql_where=text(_OPEN), sqlite_where=text(_OPEN)),
        Index(
            "ix_outbox_parked",
            "parked_at",
            postgresql_where=text("parked_at IS NOT NULL"),
            sqlite_where=text("parked_at IS NOT NULL"),
        ),
        # The same job twice is one job: a reminder, a digest of a day.
        Index("uq_outbox_once_key", "once_key", unique=True),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(48))
    payload: Mapped[str] = mapped_column(Text)
    once_key: Mapped[str | None] = mapped_column(Text)
    user_id: Mapped[str | None] = mapped_column(Id)
    request_id: Mapped[str] = mapped_column(Text)
    traceparent: Mapped[str | None] = mapped_column(String(55))
    created_at: Mapped[int] = mapped_column(BigInteger)
    due_at: Mapped[int] = mapped_column(BigInteger)
    # How often it was claimed, and how often that ended by an error: the rest ended with the process.
    attempts: Mapped[int] = mapped_column(SmallInteger)
    failures: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    fence: Mapped[int] = mapped_column(BigInteger)
    lease_until: Mapped[int | None] = mapped_column(BigInteger)
    done_at: Mapped[int | None] = mapped_column(BigInteger)
    parked_at: Mapped[int | None] = mapped_column(BigInteger)
    last_error: Mapped[str | None] = mapped_column(Text)


class Interrupted(Exception):
    """This try ends, and the job goes on elsewhere: no fault of the job's, and nothing to tell its owner."""


@dataclass(frozen=True)
class Job:
    """A claimed job, as its handler sees it; `attempt` counts from 1.

    What takes longer than some seconds calls `hold` again and again, outside of any transaction: it keeps the
    lease, and raises where that is lost or the process is to end.
    """

    id: str
    kind: str
    payload: dict[str, Any]
    user_id: str | None
    request_id: str
    created_at: int
    attempt: int
    hold: Callable[[], None] = field(default=lambda: None, compare=False)
    # Whether it is given up where this try fails.
    is_last: bool = field(default=False, compare=False)


# Does a job. The session's transaction begins at its first statement, and commits together with the mark that
# the job is done: what is only written there happens exactly once. Raising means: it has to be tried again.
Handler = Callable[[Parts, Session, Job], None]


@contextmanager
def held(job: Job) -> Iterator[None]:
    """Hold on to a job while something lasts that cannot be interrupted, such as a file on its way."""
    over = threading.Event()

    def hold() -> None:
        # Whoever lost it is told by what comes next.
        with suppress(Exception):
            while not over.wait(HELD_SECONDS):
                job.hold()

    holding = threading.Thread(target=hold, name="taskapi-hold", daemon=True)
    holding.start()
    try:
        yield
    finally:
        over.set()
        holding.join()


@dataclass(frozen=True)
class Periodic:
    """A job that is due once in each period, however many processes there are.

    A period is shorter than the week that jobs are remembered for after they are done.
    """

    kind: str
    milliseconds: int


@dataclass(frozen=True)
class Source:
    """Rows that become jobs when their time comes, found by whichever process looks first.

    `is_due` asks a reader, so that waiting never takes the right to write; `leave` leaves jobs for a batch
    of them, and answers with how many rows it found.
    """

    name: str
    is_due: Callable[[Session], bool]
    leave: Callable[[Session], int]


@dataclass(frozen=True)
class Chore:
    """What each process does again and again by itself, every so many seconds, with what it alone knows."""

    name: str
    seconds: float
    work: Callable[[Parts], None]


_ENQUEUE = insert(OutboxRow)
_ENQUEUE_ONCE = {
    "sqlite": sqlite.insert(OutboxRow).on_conflict_do_nothing(index_elements=["once_key"]),
    "postgresql": postgresql.insert(OutboxRow).on_conflict_do_nothing(index_elements=["once_key"]),
}


def enqueue(
    session: Session, kind: str, payload: Mapping[str, object], request_id: str, user_id: str | None = None
) -> None:
    """Leave a job to be done once this transaction has committed."""
    of_whom = {"user_id": user_id, "traceparent": session.traceparent}
    session.run(_ENQUEUE, _row(kind, payload, request_id) | of_whom)
    session.left_jobs = True


def enqueue_once(session: Session, kind: str, once_key: str) -> None:
    """Leave a job, unless one of this key was left before: by whichever process."""
    enqueue_many_once(session, kind, {once_key: (None, {})})


def enqueue_many_once(
    session: Session, kind: str, wanted: Mapping[str, tuple[str | None, Mapping[str, object]]]
) -> None:
    """Leave a job for each key that none was left for before; a key's is of a user, with a payload."""
    rows = [
        _row(kind, payload, once_key) | {"once_key": once_key, "user_id": user_id}
        for once_key, (user_id, payload) in wanted.items()
    ]
    session.run(_ENQUEUE_ONCE[session.dialect], rows)
    session.left_jobs = True


def payload_of(payload: Mapping[str, object]) -> str:
    """A payload as it is kept."""
    return orjson.dumps(payload).decode()


def _row(kind: str, payload: Mapping[str, object], request_id: str) -> dict[str, object]:
    moment = now()
    return {
        "id": new_id(),
        "kind": kind,
        "payload": payload_of(payload),
        "request_id": request_id,
        "created_at": moment,
        "due_at": moment,
        "attempts": 0,
        "failures": 0,
        "fence": 0,
    }

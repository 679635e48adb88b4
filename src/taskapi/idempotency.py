"""Idempotency keys: what a key was used for and what was answered, kept in the effect's own transaction.

So there is no moment at which the effect exists without its record, or the record without its effect. Whoever
comes with the same key waits for nobody on PostgreSQL (an advisory lock tells that it is in use) and in
SQLite's one queue of writers otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    bindparam,
    delete,
    func,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.clock import DAY, now
from taskapi.columns import Base, Id
from taskapi.db import Session
from taskapi.errors import AppError, Conflict

HEADER = "Idempotency-Key"
# How long a key is remembered.
LIFETIME = DAY

_BATCH = 500

APPLIED, NOT_APPLIED, PENDING = "applied", "not_applied", "pending"
# The subject of an answer that may be about several tasks.
MANY = "00000000-0000-0000-0000-000000000000"


class IdempotencyRecord(Base):
    """One key of one user: `applied` with the stored answer, or `not_applied`, a tombstone that is final."""

    __tablename__ = "idempotency"
    __table_args__ = (
        Index("ix_idempotency_expires_at", "expires_at"),
        # A permanent delete purges the stored answers of that task.
        Index(
            "ix_idempotency_subject",
            "user_id",
            "subject_id",
            postgresql_where=text("subject_id IS NOT NULL"),
            sqlite_where=text("subject_id IS NOT NULL"),
        ),
    )

    user_id: Mapped[str] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(12))
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    status: Mapped[int | None] = mapped_column(SmallInteger)
    headers: Mapped[str | None] = mapped_column(Text)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    subject_id: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)


class IdempotencyKeyInUse(Conflict):
    """The first request with this key has not ended yet."""

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is being carried out. Ask again in a second.")
        self.headers["Retry-After"] = "1"


class IdempotencyKeyAbandoned(Conflict):
    """Somebody asked what became of it and was told that nothing did: that stays true."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was reported as not applied, which is final. Use a fresh one.")


class IdempotentAnswerPurged(Conflict):
    """It was applied, but its task was deleted for good since, and the stored answer with it."""

    def __init__(self) -> None:
        super().__init__("It was applied, but what it answered was deleted for good since.")


class IdempotencyKeyReused(AppError):
    """A key stands for one request; this is another."""

    status = 422
    title = "Unprocessable content"

    def __init__(self) -> None:
        fault = {"pointer": f"header/{HEADER}", "detail": "was used for another request; use a fresh one"}
        super().__init__("This Idempotency-Key was used for another request.", errors=[fault])


@dataclass(frozen=True)
class Kept:
    """A stored answer; `spent` says what it cost in budgets, which a replay costs again."""

    status: int
    headers: dict[str, str]
    body: bytes
    epochs: dict[str, int]
    spent: dict[str, int]


_LOCK = text("SELECT pg_try_advisory_xact_lock(:name)")
# Both at a time: what whoever had the lock before has left since this began is not seen, and met by `_KEEP`.
_LOCK_AND_FIND = text(
    "SELECT pg_try_advisory_xact_lock(:name) AS is_mine, outcome, fingerprint, status, headers, body"
    ", created_at, expires_at FROM (SELECT 1) AS one LEFT JOIN idempotency ON user_id = :user AND key = :key"
)
_FIND = select(
    IdempotencyRecord.outcome,
    IdempotencyRecord.fingerprint,
    IdempotencyRecord.status,
    IdempotencyRecord.headers,
    IdempotencyRecord.body,
    IdempotencyRecord.created_at,
    IdempotencyRecord.expires_at,
).where(IdempotencyRecord.user_id == bindparam("user_id"), IdempotencyRecord.key == bindparam("key"))

_COLUMNS = ("outcome", "fingerprint", "status", "headers", "body", "subject_id", "created_at", "expires_at")


def _keep(dialect: Any) -> Any:
    """An insert that takes the place of a record whose time is over, and of no other."""
    insert = dialect.insert(IdempotencyRecord)
    return insert.on_conflict_do_update(
        index_elements=["user_id", "key"],
        set_={name: insert.excluded[name] for name in _COLUMNS},
        where=IdempotencyRecord.expires_at <= insert.excluded.created_at,
    )


_KEEP = {"sqlite": _keep(sqlite), "postgresql": _keep(postgresql)}


def fingerprint(secret: bytes, method: str, path: str, query: str, body: bytes) -> str:
    """What tells one request from another: 64 hexadecimal digits.

    Made with a secret of ours, because it is stored, and a body may hold a password that could be guessed.
    """
    digest = blake2b(orjson.dumps([method, path, query]), digest_size=32, key=secret)
    digest.update(body)
    return digest.hexdigest()


def claim(session: Session, user_id: str, key: str, fingerprint: str, with_lock: bool = True) -> Kept | None:
    """Take a key for this transaction; what was answered where it was used for the same request already.

    Without the lock it is only looked up, for a reader.

    Raises IdempotencyKeyInUse, IdempotencyKeyReused, IdempotencyKeyAbandoned, IdempotentAnswerPurged.
    """
    row = _claimed(session, user_id, key) if with_lock else _found(session, user_id, key)
    if row is None:
        return None
    if row.outcome == NOT_APPLIED:
        raise IdempotencyKeyAbandoned
    if row.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    if row.body is None:
        raise IdempotentAnswerPurged
    return Kept(row.status, body=row.body, **orjson.loads(row.headers))


def keep(session: Session, user_id: str, key: str, fingerprint: str, answer: Kept, subject_id: str) -> None:
    """Remember what a claimed key's request was answered, in the transaction of its effect."""
    about = {"headers": answer.headers, "epochs": answer.epochs, "spent": answer.spent}
    _write(
        session,
        user_id,
        key,
        {
            "outcome": APPLIED,
            "fingerprint": fingerprint,
            "status": answer.status,
            "headers": orjson.dumps(about).decode(),
            "body": answer.body,
            "subject_id": subject_id,
        },
    )


def outcome(session: Session, user_id: str, key: str) -> Mapping[str, Any]:
    """What became of the request with a key: `outcome`, and for an applied one its `status` and `at`.

    Where nothing did, a tombstone sees to it that nothing will: the answer stays true.
    """
    if not _locked(session, user_id, key):
        return {"outcome": PENDING}
    row = _found(session, user_id, key)
    if row is None:
        _write(session, user_id, key, {"outcome": NOT_APPLIED})
        return {"outcome": NOT_APPLIED}
    if row.outcome == NOT_APPLIED:
        return {"outcome": NOT_APPLIED}
    return {"outcome": APPLIED, "status": row.status, "at": row.created_at}


def _claimed(session: Session, user_id: str, key: str) -> Any:
    """The record of a key that is still remembered, and that is this transaction's alone until it ends.

    Raises IdempotencyKeyInUse.
    """
    if session.dialect != "postgresql":
        return _found(session, user_id, key)
    row = session.row(_LOCK_AND_FIND, name=_lock_of(user_id, key), user=user_id, key=key)
    assert row is not None  # noqa: S101 - of a join with one row
    if not row.is_mine:
        raise IdempotencyKeyInUse
    return row if row.outcome is not None and row.expires_at > now() else None


def _locked(session: Session, user_id: str, key: str) -> bool:
    """Whether the key is this transaction's alone, until it ends. SQLite has one writer at a time anyway."""
    return session.dialect != "postgresql" or bool(session.value(_LOCK, name=_lock_of(user_id, key)))


def _lock_of(user_id: str, key: str) -> int:
    return int.from_bytes(blake2b(f"{user_id} {key}".encode(), digest_size=8).digest(), "big", signed=True)


def _found(session: Session, user_id: str, key: str) -> Any:
    """The record of a key that is still remembered; read after the lock, so that none is missed."""
    row = session.row(_FIND, user_id=user_id, key=key)
    return None if row is None or row.expires_at <= now() else row


def _write(session: Session, user_id: str, key: str, values: dict[str, Any]) -> None:
    """Raises IdempotencyKeyInUse."""
    moment = now()
    empty = dict.fromkeys(_COLUMNS)
    times = {"user_id": user_id, "key": key, "created_at": moment, "expires_at": moment + LIFETIME}
    if not session.run(_KEEP[session.dialect], empty | values | times):
        # Somebody else was first, and has ended since this transaction looked.
        raise IdempotencyKeyInUse


_ID = bindparam("id", type_=LargeBinary)
_MENTIONED_AT = {
    "sqlite": func.instr(IdempotencyRecord.body, _ID),
    # Qualified, because the bare word has a syntax of its own.
    "postgresql": func.pg_catalog.position(IdempotencyRecord.body, _ID),
}
_PURGE = {
    dialect: update(IdempotencyRecord)
    .where(
        IdempotencyRecord.user_id == bindparam("user"),
        # So written for the index of subjects, which is partial.
        IdempotencyRecord.subject_id.in_([bindparam("subject"), MANY]),
        or_(IdempotencyRecord.subject_id == bindparam("subject"), mentioned_at > 0),
    )
    .values(body=null(), headers=null())
    for dialect, mentioned_at in _MENTIONED_AT.items()
}


_EXPIRED = (
    select(IdempotencyRecord.user_id.label("owner"), IdempotencyRecord.key.label("name"))
    .where(IdempotencyRecord.expires_at <= bindparam("moment"))
    .limit(bindparam("most"))
)
# A key that is used anew at this moment has another end by now.
_FORGET = delete(IdempotencyRecord).where(
    IdempotencyRecord.user_id == bindparam("owner"),
    IdempotencyRecord.key == bindparam("name"),
    IdempotencyRecord.expires_at <= bindparam("moment"),
)


def forget_expired(reading: Session, session: Session) -> int:
    """Remove a batch of records whose time is over; how many were found."""
    moment = now()
    expired = reading.rows(_EXPIRED, moment=moment, most=_BATCH)
    if expired:
        # In one order, so that two processes at it wait for each other and do not deadlock.
        named = sorted((row.owner, row.name) for row in expired)
        session.run(_FORGET, [{"owner": owner, "name": name, "moment": moment} for owner, name in named])
    return len(expired)


def purge(session: Session, user_id: str, task_id: str) -> None:
    """Empty what is stored of a task that was removed for good; that the keys were used stays known."""
    session.run(_PURGE[session.dialect], {"user": user_id, "subject": task_id, "id": task_id.encode()})

"""The epoch: one integer per scope, user, session and collection that carries consistency (design, part 2).

A transaction that changes anything under a key moves it, inside itself, to the greater of `value + 1` and
the database's clock in microseconds: it only grows, and never repeats where a failover lost commits. What a
process knows of them is in its map (epoch_map.py).

The order of locks is: rows by id, then epochs by key, then the writes that carry the epoch.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, Select, String, bindparam, delete, func, select, text, true
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.columns import Base
from taskapi.db import Session


class Epoch(Base):
    __tablename__ = "epochs"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


def scope_key(scope_id: str) -> str:
    """The tasks, projects and history of one scope."""
    return f"s:{scope_id}"


def user_key(user_id: str) -> str:
    """The profile of a user and what decides whether their tokens hold."""
    return f"u:{user_id}"


def session_key(session_id: str) -> str:
    """Moved once, when the session ends: absent means live."""
    return f"d:{session_id}"


# The collection of users, as the admin list shows it.
USERS = "users"

# On which PostgreSQL tells who listens what moved.
NOTIFIED = "taskapi_epochs"

_MOVE_ON_SQLITE = text(
    "INSERT INTO epochs (key, value) VALUES (:key, max(database_microseconds(), :by))"
    " ON CONFLICT (key) DO UPDATE SET value = max(epochs.value + :by, excluded.value)"
    " RETURNING value"
)
# As PostgreSQL takes it: each is some request's, and named by it.
_MOVE = (
    "INSERT INTO epochs (key, value)"
    " VALUES ({key}, greatest((extract(epoch from clock_timestamp()) * 1000000)::bigint, {by}))"
    " ON CONFLICT (key) DO UPDATE SET value = greatest(epochs.value + {by}, excluded.value)"
    " RETURNING value"
)
# It is told where and when the transaction is committed, and not before.
_MOVE_AND_NOTIFY = (
    f"WITH moved AS ({_MOVE}) SELECT value, pg_notify('{NOTIFIED}', {{key}} || ' ' || value) FROM moved"  # noqa: S608 - constants of ours
)
# What decides whether somebody may still come in: users, and sessions that ended.
_ALWAYS_NOTIFIED = ("u:", "d:")
_REMOVE = delete(Epoch).where(Epoch.key.in_(bindparam("keys", expanding=True)), Epoch.key.startswith("d:"))
_LOOK_UP_ON_SQLITE = select(Epoch.key, Epoch.value).where(Epoch.key.in_(bindparam("keys", expanding=True)))
_LOOK_UP = text("SELECT epochs.key, epochs.value FROM epochs WHERE epochs.key = ANY (:keys)")


def move(session: Session, key: str, by: int = 1) -> int:
    """Move one epoch inside the transaction; the new value.

    With `by` more than one, that many values up to the new one were never used: one for each of many changes.
    """
    if session.dialect == "sqlite":
        value = int(session.value(_MOVE_ON_SQLITE, key=key, by=by))
    else:
        is_notified = session.notifies or key.startswith(_ALWAYS_NOTIFIED)
        statement = _MOVE_AND_NOTIFY if is_notified else _MOVE
        value = int(session.named_value(statement, key=key, by=by))
    session.moved[key] = value
    return value


def move_all(session: Session, keys: Iterable[str]) -> dict[str, int]:
    """Move several, locked in the order of their keys so that two transactions cannot deadlock."""
    return {key: move(session, key) for key in sorted(set(keys))}


def look_up(session: Session, keys: Iterable[str]) -> dict[str, int]:
    """The epochs of some keys; those that were never moved are missing."""
    statement = _LOOK_UP_ON_SQLITE if session.dialect == "sqlite" else _LOOK_UP
    return {row.key: row.value for row in session.rows(statement, keys=list(keys))}


def remove(session: Session, keys: Iterable[str]) -> None:
    """Forget epochs of sessions nobody can ask for any more; those of scopes and users are never removed."""
    session.run(_REMOVE, {"keys": sorted(keys)})


def with_epoch(page: Select[*tuple[Any, ...]], *order: str) -> Select[*tuple[Any, ...]]:
    """Rows together with an epoch, from one snapshot: two statements could meet two.

    The key is the parameter `epoch_key`, the epoch the column `under`; no rows still yield it, in one row of
    nulls. `order` names columns, as `name` or `-name`.
    """
    value = select(Epoch.value).where(Epoch.key == bindparam("epoch_key")).scalar_subquery()
    epoch = select(func.coalesce(value, 0).label("under")).subquery("e")
    rows = page.subquery("t")
    joined = select(epoch.c.under, *rows.c).select_from(epoch.outerjoin(rows, true()))
    return joined.order_by(
        *(rows.c[name[1:]].desc() if name.startswith("-") else rows.c[name] for name in order)
    )

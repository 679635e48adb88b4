"""The epoch: one integer per scope, user, session and collection that carries consistency (design, part 2).

A transaction that changes anything under a key moves it, inside itself, to the greater of `value + 1` and
the database's clock in microseconds: it only grows, and never repeats where a failover lost commits. After
the commit and before the client's answer the new value is published to this process's map.

The order of locks is: rows by id, then epochs by key, then the writes that carry the epoch.
"""

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Select, String, bindparam, delete, func, select, text, true
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.columns import Base
from taskapi.db import Database, Session

# What is remembered is looked up again after this long, whatever was heard.
LIFETIME_SECONDS = 10.0
# How often SQLite is asked whether another process (the command line) has written.
WATCH_SECONDS = 0.2
# How often what is used is looked up again, and how many at once.
REFRESH_SECONDS = 4.0
REFRESH_BATCH = 500
_MOST_KEYS = 200_000


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

_MOVE = {
    "sqlite": text(
        "INSERT INTO epochs (key, value) VALUES (:key, max(database_microseconds(), :by))"
        " ON CONFLICT (key) DO UPDATE SET value = max(epochs.value + :by, excluded.value)"
        " RETURNING value"
    ),
    "postgresql": text(
        "INSERT INTO epochs (key, value)"
        " VALUES (:key, greatest((extract(epoch from clock_timestamp()) * 1000000)::bigint, :by))"
        " ON CONFLICT (key) DO UPDATE SET value = greatest(epochs.value + :by, excluded.value)"
        " RETURNING value"
    ),
}
# As the driver of PostgreSQL takes it, for a transaction that is some request's.
_MOVE_BY_DRIVER = re.sub(r"(?<!:):(key|by)\b", r"%(\1)s", _MOVE["postgresql"].text)
_REMOVE = delete(Epoch).where(Epoch.key.in_(bindparam("keys", expanding=True)), Epoch.key.startswith("d:"))
_LOOK_UP = select(Epoch.key, Epoch.value).where(Epoch.key.in_(bindparam("keys", expanding=True)))


def move(session: Session, key: str, by: int = 1) -> int:
    """Move one epoch inside the transaction; the new value.

    With `by` more than one, that many values up to the new one were never used: one for each of many changes.
    """
    if session.request_id and session.dialect == "postgresql":
        value = int(session.named_value(_MOVE_BY_DRIVER, {"key": key, "by": by}))
    else:
        value = int(session.value(_MOVE[session.dialect], key=key, by=by))
    session.moved[key] = value
    return value


def move_all(session: Session, keys: Iterable[str]) -> dict[str, int]:
    """Move several, locked in the order of their keys so that two transactions cannot deadlock."""
    return {key: move(session, key) for key in sorted(set(keys))}


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


@dataclass(slots=True, eq=False)
class _Known:
    value: int
    fresh_until: float
    # Whether anybody asked since the last refreshing.
    used: bool = True


class Epochs:
    """The epochs this process knows.

    With `remember` they are kept in a map: right only where every write to the database is published here
    or noticed by `watch` (SQLite). Without it each question goes to the primary: right everywhere, at the
    price of one statement.
    """

    def __init__(
        self, database: Database, remember: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._remember = remember
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        database.after_commit = lambda session: self.publish(session.moved)
        database.unknown_outcome = lambda session: self.forget(session.moved)

    def current(self, *keys: str) -> list[int]:
        """The epochs of some keys in their order; 0 for one that was never moved."""
        if not self._remember:
            found = self._look_up(keys)
            return [found.get(key, 0) for key in keys]
        now = self._clock()
        with self._lock:
            entries = [self._entry(key) for key in keys]
            missing = [key for key, entry in zip(keys, entries, strict=True) if entry.fresh_until <= now]
        if missing:
            self._fill(missing, dict(zip(keys, entries, strict=True)))
        with self._lock:
            return [entry.value for entry in entries]

    def hold(self, keys: Sequence[str], values: Sequence[int]) -> bool:
        """Whether none of these epochs is newer than its value. Asks no database about what is known."""
        if self._remember:
            now, known = self._clock(), self._known
            for key, value in zip(keys, values, strict=True):
                entry = known.get(key)
                if entry is None or entry.fresh_until <= now:
                    break
                if entry.value > value:
                    return False
                entry.used = True
            else:
                return True
        return all(now <= then for now, then in zip(self.current(*keys), values, strict=True))

    def known(self, key: str) -> int | None:
        """An epoch, if no database has to be asked for it."""
        entry = self._known.get(key)
        return None if entry is None or entry.fresh_until <= self._clock() else entry.value

    def publish(self, moved: dict[str, int]) -> None:
        """A commit moved these. A key nobody asked for is not learnt: a newer value may be on its way."""
        with self._lock:
            for key, value in moved.items():
                entry = self._known.get(key)
                if entry is not None:
                    entry.value = max(entry.value, value)

    def forget(self, moved: Iterable[str]) -> None:
        """Nobody knows whether these moved: the database is asked before they are believed again."""
        with self._lock:
            for key in moved:
                self._known.pop(key, None)

    def clear(self) -> None:
        """Forget everything: something was written that may not have been published here."""
        with self._lock:
            self._known.clear()

    def watch(self, stop: threading.Event) -> None:
        """Until `stop`: notice what other processes write to the SQLite file, and keep what is used fresh.

        Runs in a thread of its own.
        """
        seen, refreshed = None, self._clock()
        asking = ThreadPoolExecutor(1, thread_name_prefix="taskapi-data-version")
        while not stop.wait(WATCH_SECONDS):
            if self._clock() - refreshed >= REFRESH_SECONDS:
                self.refresh()
                refreshed = self._clock()
            version = self._version(asking)
            if version is None or version != seen:
                self.clear()
            seen = version
        asking.shutdown(wait=False, cancel_futures=True)

    def _version(self, asking: ThreadPoolExecutor) -> tuple[int, int] | None:
        """The file's version; None where it cannot be had in time, so that nothing is to be trusted.

        It is asked for on the one connection that writes, which a long write of ours may hold.
        """
        asked = asking.submit(self._database.data_version)
        try:
            return asked.result(timeout=WATCH_SECONDS)
        except (TimeoutError, SQLAlchemyError, sqlite3.Error):  # PRAGMA is asked of the driver itself.
            asked.cancel()
            return None

    def refresh(self) -> None:
        """Look up again, many at once, what was asked for lately, and forget the rest.

        So a request has to ask only for what nobody asked for in the last seconds.
        """
        soon = self._clock() + LIFETIME_SECONDS - REFRESH_SECONDS
        with self._lock:
            due = {key: entry for key, entry in self._known.items() if entry.fresh_until <= soon}
            for key in [key for key, entry in due.items() if not entry.used]:
                del self._known[key], due[key]
            for entry in due.values():
                entry.used = False
        keys = list(due)
        for begin in range(0, len(keys), REFRESH_BATCH):
            try:
                self._fill(keys[begin : begin + REFRESH_BATCH], due)
            except SQLAlchemyError:
                return  # Then a request asks, and is told what is wrong.

    def _entry(self, key: str) -> _Known:
        """What is known of a key, or a placeholder: publications during the look-up find it and merge."""
        entry = self._known.get(key)
        if entry is None:
            if len(self._known) >= _MOST_KEYS:
                self._known.clear()
            entry = self._known[key] = _Known(0, 0.0)
        entry.used = True
        return entry

    def _fill(self, missing: Sequence[str], entries: dict[str, _Known]) -> None:
        fresh_until = self._clock() + LIFETIME_SECONDS
        found = self._look_up(missing)
        with self._lock:
            for key in missing:
                entry = entries[key]
                entry.value = max(entry.value, found.get(key, 0))
                # After a `clear` the entry is no longer in the map: then only this caller sees it.
                entry.fresh_until = fresh_until

    def _look_up(self, keys: Iterable[str]) -> dict[str, int]:
        with self._database.reader() as session:
            return {row.key: row.value for row in session.rows(_LOOK_UP, keys=list(keys))}

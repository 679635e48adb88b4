"""Connections that were used a moment ago, for whoever comes next: past the pool (ADR 27).

SQLAlchemy's pool takes a lock, looks a connection over and undoes what was set on it, each time it is given
and taken back: a quarter of what a list takes. What was in use a moment ago needs none of that.
"""

import threading
from time import monotonic
from typing import cast

from sqlalchemy import Connection, Engine, QueuePool

from taskapi.engines import RESTED_SINCE, TRUSTED_SECONDS, is_silent

# For so long a connection stays out of the pool, which sees to it that none grows too old.
_OUT_SECONDS = 60.0
_TAKEN_AT = "taskapi.taken_at"


class Limits:
    """How many connections the pool of an engine has at most, and all that are kept of it."""

    def __init__(self, engine: Engine, most: int) -> None:
        self._engine = engine
        self._most = most
        self._lock = threading.Lock()
        # How many are asking the pool.
        self._asking = 0
        self.kept: list[Kept] = []

    @property
    def are_near(self) -> bool:
        """Whether somebody may be waiting for a connection of the pool."""
        pool = cast("QueuePool", self._engine.pool)
        return pool.checkedout() + self._asking >= self._most

    def connect(self, engine: Engine) -> Connection:
        """A connection of the pool: before anybody waits for one, those that are only kept go back there."""
        with self._lock:
            self._asking += 1
        try:
            if self.are_near:
                self.empty()
            connection = engine.connect()
        finally:
            with self._lock:
                self._asking -= 1
        connection.info[_TAKEN_AT] = monotonic()
        return connection

    def empty(self) -> None:
        """Hand all that are kept to the pool."""
        for kept in self.kept:
            kept.empty()


class Kept:
    """Of one engine; safe from any thread, as each step is one operation of a list."""

    def __init__(self, engine: Engine, limits: Limits, most: int, is_tried: bool) -> None:
        """`most` are kept. `is_tried`: whether one is looked at first, as who gets it could not ask again."""
        self._engine = engine
        self._limits = limits
        self._most = most
        self._is_tried = is_tried
        # With when they were given back, the latest last.
        self._idle: list[tuple[float, Connection]] = []

    def __len__(self) -> int:
        return len(self._idle)

    def take(self) -> Connection:
        """One that was used within the last seconds, or else one of the pool's."""
        try:
            rested_since, connection = self._idle.pop()
        except IndexError:
            return self._limits.connect(self._engine)
        if monotonic() - rested_since < TRUSTED_SECONDS and self._is_well(connection):
            return connection
        _hand_over(connection, rested_since)
        # The others rested for longer.
        self.empty()
        return self._limits.connect(self._engine)

    def give_back(self, connection: Connection) -> None:
        """Keep a connection that is in no transaction, or hand it to the pool."""
        now = monotonic()
        is_lost = connection.invalidated
        if is_lost or len(self._idle) >= self._most or now - connection.info[_TAKEN_AT] > _OUT_SECONDS:
            connection.close()
            return
        self._idle.append((now, connection))
        # In this order: who asks the pool meanwhile finds it here, or is seen.
        if self._limits.are_near:
            self._limits.empty()

    def empty(self) -> None:
        """Hand all to the pool."""
        while self._idle:
            try:
                rested_since, connection = self._idle.pop()
            except IndexError:
                return
            _hand_over(connection, rested_since)

    def _is_well(self, connection: Connection) -> bool:
        return not self._is_tried or is_silent(connection.connection.driver_connection)


def _hand_over(connection: Connection, rested_since: float) -> None:
    """Give the pool a connection, and say how long it has rested: it trusts what was used a moment ago."""
    connection.info[RESTED_SINCE] = rested_since
    connection.close()

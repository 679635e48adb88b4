"""Connections that were used a moment ago, for whoever comes next: past the pool (ADR 27).

SQLAlchemy's pool takes a lock, looks a connection over and undoes what was set on it, each time it is given
and taken back: a quarter of what a list takes. What was in use a moment ago needs none of that.
"""

from time import monotonic
from typing import cast

from sqlalchemy import Connection, Engine, Pool, QueuePool

from taskapi.engines import TRUSTED_SECONDS, is_silent

# For so long a connection stays out of the pool, which sees to it that none grows too old.
_OUT_SECONDS = 60.0
_TAKEN_AT = "taskapi.taken_at"


class Limits:
    """How many connections a pool has at most, and all that are kept of it."""

    def __init__(self, pool: Pool, most: int) -> None:
        self._pool = cast("QueuePool", pool)
        self._most = most
        self.kept: list[Kept] = []

    @property
    def are_reached(self) -> bool:
        """Whether somebody may be waiting for a connection of the pool."""
        return self._pool.checkedout() >= self._most

    def empty(self) -> None:
        """Hand all that are kept to the pool."""
        for kept in self.kept:
            kept.empty()


class Kept:
    """Of one engine; safe from any thread, as each step is one operation of a list."""

    def __init__(self, engine: Engine, limits: Limits, most: int, is_tried: bool) -> None:
        """`is_tried`: whether it is looked at before it is given, since its user could not ask again."""
        self._engine = engine
        self._limits = limits
        self._most = most
        self._is_tried = is_tried
        limits.kept.append(self)
        # With when they were given back, the latest last.
        self._idle: list[tuple[float, Connection]] = []

    def __len__(self) -> int:
        return len(self._idle)

    def take(self) -> Connection:
        """One that was used within the last seconds, or else one of the pool's."""
        try:
            rested_since, connection = self._idle.pop()
        except IndexError:
            return self.take_from_pool()
        if monotonic() - rested_since < TRUSTED_SECONDS and self._is_well(connection):
            return connection
        # The others rested for longer.
        connection.close()
        self.empty()
        return self.take_from_pool()

    def take_from_pool(self) -> Connection:
        if self._limits.are_reached:
            # Nobody is to wait for what is only kept.
            self._limits.empty()
        connection = self._engine.connect()
        connection.info[_TAKEN_AT] = monotonic()
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep a connection that is in no transaction, or hand it to the pool."""
        now = monotonic()
        if (
            len(self._idle) >= self._most
            or connection.invalidated
            or now - connection.info[_TAKEN_AT] > _OUT_SECONDS
            or self._limits.are_reached
        ):
            connection.close()
        else:
            self._idle.append((now, connection))

    def empty(self) -> None:
        """Hand all to the pool."""
        while self._idle:
            try:
                _, connection = self._idle.pop()
            except IndexError:
                return
            connection.close()

    def _is_well(self, connection: Connection) -> bool:
        return not self._is_tried or is_silent(connection.connection.driver_connection)

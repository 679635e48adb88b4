"""A database that is away for a moment, as in a restart: whoever can do their work again waits for it.

Only what has no effect yet is done again: opening a connection, and the statements of readers, which are
their own transactions each. Not all threads may wait, and nobody waits for a database that has been away
for long: the rest is told so at once, and `/livez` is answered.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

# How long a database may be away before those who ask for it are refused.
PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.1

# Ended by an administrator, by a crash, not up yet (PostgreSQL, appendix A); class 08 is the connection.
_AWAY = {"57P01", "57P02", "57P03"}

# Where an application says in a request's environment that its database is away.
PRIMARY_AWAY = "taskapi.primary_away"
# Where it finds the parts to answer with then, if there are any.
STAND_IN = "taskapi.stand_in"

Result = TypeVar("Result")


class PrimaryAway(SQLAlchemyError):
    """The primary is away; a replica answers what may be read meanwhile (ADR 14)."""


_is_reading_only: ContextVar[bool] = ContextVar("reading_only", default=False)


@contextmanager
def reading_only() -> Iterator[None]:
    """What is asked for inside is only read: a replica will do where the primary is away."""
    token = _is_reading_only.set(True)
    try:
        yield
    finally:
        _is_reading_only.reset(token)


def is_reading_only() -> bool:
    return _is_reading_only.get()


class Patience:
    """How the sessions of a process bear a database that is away; `waiters` may wait at a time."""

    def __init__(self, waiters: int, seconds: float = PATIENCE_SECONDS) -> None:
        self._places = threading.Semaphore(waiters)
        self._seconds = seconds
        # Whether somebody else can do the work meanwhile, so that waiting helps nobody.
        self.is_stood_in: Callable[[], bool] = lambda: False
        # When it was first found away, None while it is there.
        self._since: float | None = None

    def through(self, work: Callable[[], Result]) -> Result:
        """The result of work that may be done again. Raises what it raised last."""
        try:
            done = work()
        except DBAPIError as error:
            if not is_away(error) or not self._places.acquire(blocking=False):
                raise
            try:
                done = self._wait_for(work, error)
            finally:
                self._places.release()
        self._since = None
        return done

    def _wait_for(self, work: Callable[[], Result], error: DBAPIError) -> Result:
        since = self._since = self._since or time.monotonic()
        while time.monotonic() - since < self._seconds and not self.is_stood_in():
            time.sleep(_PAUSE_SECONDS)
            try:
                return work()
            except DBAPIError as again:
                if not is_away(again):
                    raise
                error = again
        raise error


def is_away(error: DBAPIError) -> bool:
    """Whether PostgreSQL could not be reached, or went away: it said nothing, or that it is going."""
    state = getattr(error.orig, "sqlstate", None)
    return state is None or state in _AWAY or str(state).startswith("08")

"""Statements that take too long are ended, so that no thread waits for good.

A role's `statement_timeout` ends what is slow (deploy/postgres). It cannot help where the server, or what is
in front of it, is frozen: there the kernel goes on acknowledging packets, and neither keep-alives nor
TCP_USER_TIMEOUT notice. So a statement has a deadline here too: first the server is asked to cancel it, and
where that does not help the connection is shut, which whoever waits on it is told at once.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

_log = logging.getLogger("taskapi.overdue")

# What takes longer is told in the log.
SLOW_SECONDS = 1.0
# A little more than a role's statement_timeout, which has the better word for it.
STATEMENT_SECONDS = 6.0
_CANCEL_SECONDS = 1.0


class Overdue:
    """The statements under way in a process, and since when (seconds, monotonic)."""

    def __init__(self, seconds: float = STATEMENT_SECONDS) -> None:
        self.seconds = seconds
        # Written by the threads of requests and read by the watcher; each step is one operation of a dict,
        # which needs no lock.
        self._since: dict[Any, float] = {}

    def begin(self, connection: Any) -> float:
        """From now on what is under way on a connection has a deadline; when that was."""
        began = self._since[connection] = time.monotonic()
        return began

    def end(self, connection: Any, began: float, what: object = None) -> float:
        """It is over; the seconds it took. The log tells of `what`, a statement, where it was slow."""
        self._since.pop(connection, None)
        took = time.monotonic() - began
        if took > SLOW_SECONDS:
            _log.warning("the database took %.1f s for: %s", took, "its own" if what is None else what)
        return took

    @contextmanager
    def watched(self, connection: Any) -> Iterator[None]:
        """The work inside has a deadline."""
        began = self.begin(connection)
        try:
            yield
        finally:
            self.end(connection, began)

    def watch(self, stop: threading.Event) -> None:
        """End what is overdue, until told to stop; looks each second, or twice in a shorter span."""
        cancelled: dict[Any, float] = {}
        while not stop.wait(min(self.seconds / 2, 1.0)):
            late, does_answer = self._late(), True
            for connection, since in late.items():
                # Between two looks another may have begun on it.
                if self._since.get(connection) != since:
                    continue
                # A server that answers to no cancelling is not asked for each of them.
                does_answer = does_answer and _cancel(connection)
                if not does_answer or cancelled.get(connection) == since:
                    _shut(connection)
            cancelled = late

    def _late(self) -> dict[Any, float]:
        until = time.monotonic() - self.seconds
        return {connection: since for connection, since in self._since.copy().items() if since < until}


def _cancel(connection: "psycopg.Connection[Any]") -> bool:
    """Have the server cancel what it does on a connection; whether it took that."""
    from psycopg import Error  # noqa: PLC0415 - SQLite users need no PostgreSQL driver

    try:
        connection.cancel_safe(timeout=_CANCEL_SECONDS)
    except Error:
        return False
    return True


def _shut(connection: "psycopg.Connection[Any]") -> None:
    """End a connection under the thread that waits on it; that is told that the server went away."""
    from psycopg import Error  # noqa: PLC0415 - SQLite users need no PostgreSQL driver

    with suppress(Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as shared:
        shared.shutdown(socket.SHUT_RDWR)

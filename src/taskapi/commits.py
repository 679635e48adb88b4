"""Commits whose outcome is known, or known to be unknown: what was acknowledged was committed.

With synchronous replication a commit on PostgreSQL waits for a standby. Cancelled while it waits, it
*succeeds* with a warning that it may not have been replicated (SyncRepWaitForLSN): so a commit has a
deadline of ours, after which it is cancelled, and any notice during a commit means that its outcome is
unknown.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from taskapi.errors import OutcomeUnknown

if TYPE_CHECKING:
    import psycopg

# A commit is given up after this long.
COMMIT_SECONDS = 5.0
# How long a cancelling may take that meets a network which does not answer.
_CANCEL_SECONDS = 2.0


class Deadlines:
    """Watches the commits of a process; its one thread lives while there are commits under way."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._changed = threading.Condition()
        self._under_way: dict[psycopg.Connection[Any], float] = {}
        self._cancelled: set[psycopg.Connection[Any]] = set()
        self._watching = False

    @contextmanager
    def over(self, connection: Any) -> Iterator[None]:
        """The commit inside is cancelled after so many seconds.

        Raises OutcomeUnknown if it was, though it may have come through, and if any notice came.
        """
        notices: list[Any] = []
        connection.add_notice_handler(notices.append)
        self._enter(connection)
        try:
            yield
        finally:
            connection.remove_notice_handler(notices.append)
            with self._changed:
                self._under_way.pop(connection, None)
                cancelled = connection in self._cancelled
                self._cancelled.discard(connection)
        if notices or cancelled:
            raise OutcomeUnknown

    def _enter(self, connection: "psycopg.Connection[Any]") -> None:
        with self._changed:
            self._under_way[connection] = time.monotonic() + self._seconds
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="taskapi-commits", daemon=True).start()

    def _watch(self) -> None:
        """Look twice in each span of a deadline: a commit is cancelled at most half a span late."""
        from psycopg import Error  # noqa: PLC0415 - SQLite users need no PostgreSQL driver

        while True:
            with self._changed:
                self._changed.wait(self._seconds / 2)
                if not self._under_way:
                    self._watching = False
                    return
                late = [one for one, until in self._under_way.items() if until <= time.monotonic()]
                self._cancelled.update(late)
                for connection in late:
                    del self._under_way[connection]
            for connection in late:
                with suppress(Error):
                    connection.cancel_safe(timeout=_CANCEL_SECONDS)


def commit(
    connection: Connection, deadlines: Deadlines | None, send: Callable[[], None] | None = None
) -> None:
    """Commit a transaction, on PostgreSQL within a deadline; `send` sends it, in a way of its own.

    Raises OutcomeUnknown where nobody can say whether it was committed.
    """
    try:
        if deadlines is None:
            connection.commit()
        else:
            with deadlines.over(connection.connection.driver_connection):
                if send is not None:
                    send()
                connection.commit()
    except (DBAPIError, OutcomeUnknown) as error:
        if _says_no(error):
            raise
        # A cancelling may still be on its way to it: nobody is to meet that.
        connection.invalidate()
        raise OutcomeUnknown from error


def _says_no(error: DBAPIError | OutcomeUnknown) -> bool:
    """Whether the database itself refused a commit: a constraint (class 23) or a conflict (class 40)."""
    state = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    return str(state or "")[:2] in {"23", "40"}

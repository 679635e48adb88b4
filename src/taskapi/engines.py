"""How connections are made and kept: SQLite's two engines, and PostgreSQL's pool."""

import os
import select
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from taskapi.overdue import Overdue
from taskapi.settings import Settings

if TYPE_CHECKING:
    import psycopg

# How long a transaction waits for SQLite's one write lock, and a request for a connection, before 503.
SQLITE_WAIT_SECONDS = 10
POOL_WAIT_SECONDS = 5
# How long a network may keep silent about what was sent. Who lost a connection to it can write again within
# five seconds: these, a new connection, and the server's time to let go of what the old one held.
_NETWORK_SECONDS = 3
# A connection in use so lately is taken to be there still.
TRUSTED_SECONDS = 5.0
# In what the pool knows of a connection: since when it was not used, where that was before it was given back.
RESTED_SINCE = "taskapi.rested_since"
# A compiled list statement takes up to 0.4 MB, and their shapes are chosen by clients: this many are kept.
COMPILED_STATEMENTS = 150

_CONNECTING: dict[str, Any] = {
    "connect_timeout": POOL_WAIT_SECONDS,
    "application_name": "taskapi",
    # Whatever the database's own is: the doctor has to be able to say that it is the wrong one.
    "client_encoding": "utf8",
    # A network that drops packets without a word is noticed in seconds; else it takes 15 minutes.
    # Where TCP_USER_TIMEOUT is set, it is that which ends a connection, from the first probe on that
    # finds it over (tcp(7)): one second and two probes are the three.
    "tcp_user_timeout": _NETWORK_SECONDS * 1000,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
}


def sqlite_engine(url: URL, connections: int, query_only: bool = False) -> Engine:
    engine = create_engine(
        url,
        # What people wrote is not for the logs, where a failing statement is described.
        hide_parameters=True,
        query_cache_size=COMPILED_STATEMENTS,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=SQLITE_WAIT_SECONDS,
        pool_reset_on_return=None if query_only else "rollback",
        connect_args={"check_same_thread": False, "timeout": SQLITE_WAIT_SECONDS},
    )

    @event.listens_for(engine, "do_connect")
    def keep_private(_dialect: Any, _entry: Any, arguments: list[str], _options: Any) -> None:
        # Made by us, the file and its journals are their owner's alone; SQLite would ask the umask. It is
        # never opened where it exists: closing it would drop the locks that SQLite holds on it.
        with suppress(OSError):
            os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # The driver must not begin transactions by itself.
        connection.create_function("database_microseconds", 0, lambda: time.time_ns() // 1000)
        connection.execute("PRAGMA journal_mode=WAL")
        # FULL: a commit is on the disk before it is acknowledged, also through a power cut.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_size=-16000")
        if query_only:
            connection.execute("PRAGMA query_only=ON")

    if not query_only:

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def postgresql_engine(
    url: URL, settings: Settings, overdue: Overdue, is_patient: bool = False, is_replica: bool = False
) -> Engine:
    """An engine; `is_patient` lifts the time-outs that a role has for the service, for what takes long.

    Of a replica no connection is tried before it is used: where it fails, another server is asked.
    """
    engine = create_engine(
        url,
        hide_parameters=True,
        query_cache_size=COMPILED_STATEMENTS,
        pool_size=settings.pool_size,
        max_overflow=settings.pool_overflow,
        pool_recycle=settings.pool_recycle,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_pre_ping=not is_replica,
        # The service prepares statements itself (lines.py). psycopg would at the fifth time, and forget them
        # all, ours too, wherever a transaction is rolled back; None: never.
        connect_args=_CONNECTING
        | {"prepare_threshold": 5 if is_patient and settings.prepared_statements else None},
    )

    _watch_pings(engine, overdue)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _entry: ConnectionPoolEntry) -> None:
        from psycopg.types.string import TextLoader  # noqa: PLC0415 - SQLite users need no PostgreSQL driver

        # Ids are text in Python: the server's text is taken as it is.
        connection.adapters.register_loader("uuid", TextLoader)
        if is_patient:
            # In a transaction that is rolled back a setting would be lost again.
            connection.autocommit = True
            connection.execute("SET statement_timeout = 0")
            connection.execute("SET idle_in_transaction_session_timeout = 0")
            connection.autocommit = False

    return engine


def direct_connection(url: str) -> "psycopg.Connection[Any]":
    """A connection of its own in autocommit; raises psycopg.Error.

    The URL is SQLAlchemy's, as of the settings: it may name several hosts.
    """
    import psycopg  # noqa: PLC0415 - SQLite users need no PostgreSQL driver

    parsed = make_url(url)
    _, options = parsed.get_dialect()().create_connect_args(parsed)
    # Never prepared: a pooler may be in between that does not know of it.
    return psycopg.connect(autocommit=True, prepare_threshold=None, **{**options, **_CONNECTING})


class _Untried(threading.local):
    is_welcome = False


_untried = _Untried()


@contextmanager
def untried() -> Iterator[None]:
    """Have the pool give this thread connections without a ping: who finds one dead asks again anyway."""
    _untried.is_welcome = True
    try:
        yield
    finally:
        _untried.is_welcome = False


def _watch_pings(engine: Engine, overdue: Overdue) -> None:
    """Whoever asks the pool for a connection waits for a ping: it has a deadline, as statements have.

    What was in use a moment ago and has nothing to say, such as that its server went, is not pinged.
    """
    ping = engine.dialect.do_ping
    returned: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    @event.listens_for(engine, "checkin")
    def note(connection: Any, entry: ConnectionPoolEntry) -> None:
        if connection is not None:
            returned[connection] = entry.info.pop(RESTED_SINCE, None) or time.monotonic()

    def watched(dbapi_connection: DBAPIConnection) -> bool:
        rested = time.monotonic() - returned.get(dbapi_connection, float("-inf"))
        if _untried.is_welcome or (rested < TRUSTED_SECONDS and is_silent(dbapi_connection)):
            return True
        with overdue.watched(dbapi_connection):
            return ping(dbapi_connection)

    engine.dialect.do_ping = watched  # type: ignore[method-assign]


def is_silent(connection: Any) -> bool:
    """Whether nothing came on an idle connection: what comes there is mostly its end."""
    from psycopg import Error  # noqa: PLC0415 - SQLite users need no PostgreSQL driver

    try:
        there = select.poll()
        there.register(connection.fileno(), select.POLLIN)
        return not there.poll(0)
    except (Error, OSError):
        return False

"""Connections and transactions: one request or job is one transaction, and nobody else commits.

A writer begins at its first statement, so that work before it (hashing a password) holds no lock; on SQLite
it begins IMMEDIATE, because a transaction that reads first and writes later fails as "database is locked".
A reader is in autocommit: each statement is its own snapshot, and no BEGIN or ROLLBACK is paid for.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Engine,
    Executable,
    MetaData,
    Row,
    String,
    TypeDecorator,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import Text, TypeEngine
from uuid_utils import uuid7

from taskapi.commits import Deadlines, commit
from taskapi.settings import Settings

# How long a transaction waits for SQLite's one write lock, and a request for a connection, before 503.
SQLITE_WAIT_SECONDS = 10
POOL_WAIT_SECONDS = 5
# A commit, and a network that does not answer, are given up after this long.
COMMIT_SECONDS = 5.0
# A compiled list statement takes up to 0.4 MB, and their shapes are chosen by clients: this many are kept.
COMPILED_STATEMENTS = 150


class Base(DeclarativeBase):
    """The tables. Statements are Core ones over their columns; no entity is ever loaded (ADR 2)."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Id(TypeDecorator[str]):
    """A UUID, in Python always its lower-case text: `uuid` on PostgreSQL, text on SQLite."""

    impl = String(36)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=False))
        return dialect.type_descriptor(String(36))


# Text that is sorted or compared in an index: by code point on both engines.
Ordered = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def new_id() -> str:
    """A UUIDv7 (RFC 9562): ordered by time, made anywhere."""
    return str(uuid7())


class Session:
    """A transaction on the primary, or a reader's autocommit connection; connects at its first statement."""

    def __init__(self, engine: Engine, deadlines: Deadlines | None = None) -> None:
        self._engine = engine
        self._deadlines = deadlines
        self._connection: Connection | None = None
        # Epochs this transaction moved, published after its commit (epochs.py).
        self.moved: dict[str, int] = {}
        # What has to come before the first statement of whoever uses it.
        self.at_begin: Callable[[], None] | None = None

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    @property
    def connection(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._connection.begin()
            if self.at_begin is not None:
                self.at_begin()
        return self._connection

    def begin(self) -> None:
        """Begin now, where no statement did."""
        _ = self.connection

    def run(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] = ()
    ) -> int:
        """Execute a statement; how many rows it changed."""
        return self.connection.execute(statement, parameters or None).rowcount

    def row(self, statement: Executable, **parameters: Any) -> Row[Any] | None:
        return self.connection.execute(statement, parameters).first()

    def rows(self, statement: Executable, **parameters: Any) -> Sequence[Row[Any]]:
        return self.connection.execute(statement, parameters).all()

    def value(self, statement: Executable, **parameters: Any) -> Any:
        """The first column of the first row, or None."""
        return self.connection.execute(statement, parameters).scalar()

    def commit(self) -> None:
        """Only `Database` and `http.py` call this: one request or job is one transaction.

        Raises OutcomeUnknown where nobody can say whether it was committed.
        """
        if self._connection is not None:
            commit(self._connection, self._deadlines)

    def close(self) -> None:
        """Roll back what was not committed and hand the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Database:
    """The engines of this process and the sessions on them."""

    def __init__(self, settings: Settings) -> None:
        url = make_url(settings.url)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._deadlines: Deadlines | None = None
        if self.is_sqlite:
            # One connection that writes: threads queue for it here instead of polling SQLite's lock.
            self._writing = _sqlite_engine(url, connections=1)
            self._reading = _sqlite_engine(url, connections=settings.threads, query_only=True)
        else:
            self._writing = _postgresql_engine(url, settings)
            self._deadlines = Deadlines(COMMIT_SECONDS)
            self._reading = self._writing.execution_options(isolation_level="AUTOCOMMIT")
        self.after_commit: Callable[[Session], None] = lambda _session: None
        # It may have been committed, though nobody was told so.
        self.unknown_outcome: Callable[[Session], None] = lambda _session: None

    def new_writer(self) -> Session:
        return Session(self._writing, self._deadlines)

    def new_reader(self) -> Session:
        return Session(self._reading)

    def finish(self, session: Session) -> None:
        """Commit, then publish what moved: in this order, and before anybody is answered."""
        try:
            session.commit()
        except BaseException:
            self.unknown_outcome(session)
            raise
        if session.moved:
            self.after_commit(session)

    @contextmanager
    def writer(self) -> Iterator[Session]:
        """One transaction on the primary: left normally it commits, left by an exception it rolls back."""
        session = self.new_writer()
        try:
            yield session
            self.finish(session)
        finally:
            session.close()

    @contextmanager
    def reader(self) -> Iterator[Session]:
        session = self.new_reader()
        try:
            yield session
        finally:
            session.close()

    def data_version(self) -> tuple[int, int]:
        """What differs from the last call when another process has written to the SQLite file.

        Asked on the one connection that writes, because PRAGMA data_version does not count its own commits.
        """
        connection = self._writing.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA data_version")
            found = cursor.fetchone()
            return id(connection.driver_connection), int(found[0]) if found else 0
        finally:
            connection.close()

    def schema_connection(self) -> Connection:
        """A connection for migrations, which commit by themselves."""
        return self._writing.connect()

    def close(self) -> None:
        self._writing.dispose()
        self._reading.dispose()


def _sqlite_engine(url: URL, connections: int, query_only: bool = False) -> Engine:
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


def _postgresql_engine(url: URL, settings: Settings) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        query_cache_size=COMPILED_STATEMENTS,
        pool_size=settings.pool_size,
        max_overflow=settings.pool_overflow,
        pool_recycle=settings.pool_recycle,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": POOL_WAIT_SECONDS,
            "application_name": "taskapi",
            # A network that drops packets without a word is noticed in seconds; else it takes 15 minutes.
            "tcp_user_timeout": int(COMMIT_SECONDS * 1000),
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 2,
        },
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _entry: ConnectionPoolEntry) -> None:
        from psycopg.types.string import TextLoader  # noqa: PLC0415 - SQLite users need no PostgreSQL driver

        # Ids are text in Python: the server's text is taken as it is.
        connection.adapters.register_loader("uuid", TextLoader)

    return engine

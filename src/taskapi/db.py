"""Connections and transactions: one request or job is one transaction, and nobody else commits.

A writer begins at its first statement, so that work before it (hashing a password) holds no lock; on SQLite
it begins IMMEDIATE, because a transaction that reads first and writes later fails as "database is locked".
A reader is in autocommit: each statement is its own snapshot, and no BEGIN or ROLLBACK is paid for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    CursorResult,
    Dialect,
    Engine,
    Executable,
    MetaData,
    Row,
    String,
    TypeDecorator,
    make_url,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import Text, TypeEngine
from uuid_utils import uuid7

from taskapi.commits import COMMIT_SECONDS, Deadlines, commit
from taskapi.engines import postgresql_engine, sqlite_engine
from taskapi.outages import Patience
from taskapi.settings import Settings


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


def first_id(moment: int) -> str:
    """What no id made in this millisecond since 1970, or later, is less than."""
    return str(UUID(int=max(moment, 0) << 80))


def moment_of(made_id: str) -> int:
    """The millisecond since 1970 in which an id was made."""
    return UUID(made_id).int >> 80


class Session:
    """A transaction on the primary, or a reader's autocommit connection; connects at its first statement."""

    def __init__(
        self, engine: Engine, deadlines: Deadlines | None = None, patience: Patience | None = None
    ) -> None:
        self._engine = engine
        self._deadlines = deadlines
        self._patience = patience
        self._connection: Connection | None = None
        # Epochs this transaction moved, published after its commit (epochs.py).
        self.moved: dict[str, int] = {}
        # Whether it left jobs, for which the bell is rung after its commit (outbox.py).
        self.left_jobs = False
        # What has to come before the first statement of whoever uses it.
        self.at_begin: Callable[[], None] | None = None

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    @property
    def connection(self) -> Connection:
        if self._connection is None:
            connect = self._engine.connect
            self._connection = self._patience.through(connect) if self._patience else connect()
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
        return self._read(statement, parameters).first()

    def rows(self, statement: Executable, **parameters: Any) -> Sequence[Row[Any]]:
        return self._read(statement, parameters).all()

    def value(self, statement: Executable, **parameters: Any) -> Any:
        """The first column of the first row, or None."""
        return self._read(statement, parameters).scalar()

    def _read(self, statement: Executable, parameters: Mapping[str, Any]) -> CursorResult[Any]:
        return self.connection.execute(statement, parameters)

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


class PatientReader(Session):
    """A reader on PostgreSQL: each statement stands alone, and is sent again where the server left."""

    def __init__(self, engine: Engine, patience: Patience) -> None:
        super().__init__(engine)
        self._through = patience.through

    def _read(self, statement: Executable, parameters: Mapping[str, Any]) -> CursorResult[Any]:
        return self._through(partial(self._read_afresh, statement, parameters))

    def _read_afresh(self, statement: Executable, parameters: Mapping[str, Any]) -> CursorResult[Any]:
        if self._connection is None:
            self._connection = self._engine.connect()
        try:
            return self._connection.execute(statement, parameters)
        except DBAPIError:
            self.close()
            raise


class Database:
    """The engines of this process and the sessions on them."""

    def __init__(self, settings: Settings) -> None:
        url = make_url(settings.url)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._deadlines: Deadlines | None = None
        self._patience: Patience | None = None
        if self.is_sqlite:
            # One connection that writes: threads queue for it here instead of polling SQLite's lock.
            self._writing = sqlite_engine(url, connections=1)
            self._reading = sqlite_engine(url, connections=settings.threads, query_only=True)
        else:
            self._writing = postgresql_engine(url, settings)
            self._deadlines = Deadlines(COMMIT_SECONDS)
            # Two threads are left for those who need no database.
            self._patience = Patience(max(1, settings.threads - 2))
            self._reading = self._writing.execution_options(isolation_level="AUTOCOMMIT")
        self.after_commit: Callable[[Session], None] = lambda _session: None
        # It may have been committed, though nobody was told so.
        self.unknown_outcome: Callable[[Session], None] = lambda _session: None
        # There are jobs to be done.
        self.ring: Callable[[], None] = lambda: None

    def new_writer(self) -> Session:
        return Session(self._writing, self._deadlines, self._patience)

    def new_reader(self) -> Session:
        if self._patience is None:
            return Session(self._reading)
        return PatientReader(self._reading, self._patience)

    def finish(self, session: Session) -> None:
        """Commit, then publish what moved: in this order, and before anybody is answered."""
        try:
            session.commit()
        except BaseException:
            self.unknown_outcome(session)
            raise
        if session.moved:
            self.after_commit(session)
        if session.left_jobs:
            self.ring()

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
    def reader(self, patient: bool = True) -> Iterator[Session]:
        """A reader; one that is not patient finds out at once that the database is away."""
        session = self.new_reader() if patient else Session(self._reading)
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

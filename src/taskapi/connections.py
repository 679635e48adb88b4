"""What statements are sent through: a transaction on the primary, or a reader whose statements stand alone.

A writer begins at its first statement, so that work before it (hashing a password) holds no lock; on SQLite
it begins IMMEDIATE, because a transaction that reads first and writes later fails as "database is locked".
A reader is in autocommit: each statement is its own snapshot, and no BEGIN or ROLLBACK is paid for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, CursorResult, Engine, Executable, Row, Table, insert
from sqlalchemy.exc import DBAPIError

from taskapi.admission import Places
from taskapi.columns import Base
from taskapi.commits import Deadlines, commit
from taskapi.engines import untried
from taskapi.kept import Kept
from taskapi.outages import Patience, PrimaryAway
from taskapi.overdue import Overdue
from taskapi.postgres_copy import copy_in

if TYPE_CHECKING:
    from taskapi.direct import Direct
    from taskapi.lines import Found, Line

# A connection that is dead says so at once; who waited longer has found out something else.
_UNNOTICED_SECONDS = 0.5
# What libpq calls a connection on which nothing is under way (PQTRANS_IDLE).
_IDLE = 0


@dataclass(frozen=True)
class Remote:
    """What sessions need on a server that is reached over a network, and may be slow, frozen or away."""

    deadlines: Deadlines
    patience: Patience
    places: Places
    overdue: Overdue
    # Which statements its driver is given as they are.
    direct: "Direct"
    # Whether it is known to be away while another server stands in for it, so that it is not even tried.
    is_stood_in: Callable[[], bool] = lambda: False
    # Whether transactions tell of every epoch they move by NOTIFY, having no channel for it (ADR 10).
    notifies: bool = False


@dataclass
class Work:
    """What sessions asked of a database: statements, and the seconds until they were answered."""

    statements: int = 0
    seconds: float = 0.0
    # Of all sessions of the process, this one's among it.
    total: "Work | None" = None

    def add(self, seconds: float) -> None:
        self.statements += 1
        self.seconds += seconds
        if self.total is not None:
            self.total.statements += 1
            self.total.seconds += seconds


class Session:
    """A transaction on the primary, or a reader's autocommit connection; connects at its first statement."""

    def __init__(self, engine: Engine, remote: Remote | None = None, kept: Kept | None = None) -> None:
        """`kept` are connections past the pool, of this engine."""
        self._engine = engine
        self._remote = remote
        self._kept = kept
        self._connection: Connection | None = None
        # What psycopg calls this connection, where its statements have a deadline.
        self._driver: Any = None
        # What statements are sent on there.
        self._line: Line | None = None
        # Whose transaction it is: what a database shows of it names that request.
        self.request_id = ""
        # By which the jobs it leaves belong to the same trace.
        self.traceparent: str | None = None
        # What it asked.
        self.work = Work()
        # Epochs this transaction moved, published after its commit (epochs.py).
        self.moved: dict[str, int] = {}
        # What is logged once it has committed: messages, with their fields.
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        # Whether it left jobs, for which the bell is rung after its commit (outbox.py).
        self.left_jobs = False
        # What has to come before the first statement of whoever uses it.
        self.at_begin: Callable[[], None] | None = None

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    @property
    def notifies(self) -> bool:
        return self._remote is not None and self._remote.notifies

    @property
    def connection(self) -> Connection:
        if self._connection is None:
            if self._remote is None:
                self._connection = self._taken()
            else:
                self._connection = self._remote.patience.through(partial(self._connect, self._remote))
            self._connection.begin()
            if self.at_begin is not None:
                self.at_begin()
        return self._connection

    def _connect(self, remote: Remote) -> Connection:
        """A connection with one of the places that there are for them. Raises Busy, PrimaryAway."""
        if remote.is_stood_in():
            raise PrimaryAway
        remote.places.enter()
        try:
            connection = self._taken()
        except BaseException:
            remote.places.leave()
            raise
        self._driver = connection.connection.driver_connection
        self._line = remote.direct.line(connection)
        return connection

    def _taken(self) -> Connection:
        return self._engine.connect() if self._kept is None else self._kept.take()

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    def begin(self) -> None:
        """Begin now, where no statement did."""
        _ = self.connection

    def run(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] = ()
    ) -> int:
        """Execute a statement; how many rows it changed (of an INSERT with several rows it means nothing)."""
        if isinstance(parameters, Sequence) and len(parameters) == 1:
            (parameters,) = parameters
        return self._sent(self.connection, statement, parameters or {}).rowcount

    def fill(self, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert many rows that have the same columns; on PostgreSQL by COPY."""
        table = cast("Table", model.__table__)
        if self.dialect == "postgresql":
            copy_in(self.connection, table, list(rows[0]), ([row[name] for name in rows[0]] for row in rows))
        else:
            self.run(insert(table), rows)

    def row(self, statement: Executable, **parameters: Any) -> Row[Any] | None:
        return self._read(statement, parameters).first()

    def named_value(self, statement: str, **values: Any) -> Any:
        """The first column of the first row of a statement in PostgreSQL's words, which names the request.

        `{name}` stands for a value; the column is told as text. Such a statement is new each time, and so
        never prepared: for one of a transaction, no more.
        """
        remote = self._remote
        assert remote is not None  # noqa: S101 - SQLite has words of its own
        named = f"{statement} /* request {self.request_id} */" if self.request_id else statement
        connection = self.connection
        began = remote.overdue.begin(self._driver)
        try:
            return remote.direct.value(connection, self._sending, named, values)
        finally:
            self.work.add(remote.overdue.end(self._driver, began, statement))

    def rows(self, statement: Executable, **parameters: Any) -> Sequence[Row[Any]]:
        return self._read(statement, parameters).all()

    def value(self, statement: Executable, **parameters: Any) -> Any:
        """The first column of the first row, or None."""
        return self._read(statement, parameters).scalar()

    def _read(self, statement: Executable, parameters: Mapping[str, Any]) -> "Found | CursorResult[Any]":
        return self._sent(self.connection, statement, parameters)

    def _sent(
        self,
        connection: Connection,
        statement: Executable,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    ) -> "Found | CursorResult[Any]":
        remote = self._remote
        if remote is None:
            began = perf_counter()
            try:
                return connection.execute(statement, parameters)
            finally:
                self.work.add(perf_counter() - began)
        began = remote.overdue.begin(self._driver)
        try:
            return remote.direct.execute(connection, self._sending, statement, parameters)
        finally:
            self.work.add(remote.overdue.end(self._driver, began, statement))

    @property
    def _sending(self) -> "Line":
        assert self._line is not None  # noqa: S101 - whoever has a connection of PostgreSQL has one
        return self._line

    def commit(self) -> None:
        """Only `Database` and `http.py` call this: one request or job is one transaction.

        Raises OutcomeUnknown where nobody can say whether it was committed.
        """
        if self._connection is None:
            return
        if self._remote is None:
            commit(self._connection, None)
        else:
            send = partial(self._remote.direct.send_commit, self._connection, self._sending)
            with self._remote.overdue.watched(self._driver):
                commit(self._connection, self._remote.deadlines, send)

    def close(self) -> None:
        """Roll back what was not committed and hand the connection back."""
        if self._connection is None:
            return
        opened, self._connection = self._connection, None
        if self._remote is None:
            opened.close()
            return
        try:
            if self._kept is not None and self._is_clean(opened):
                self._kept.give_back(opened)
                return
            with self._remote.overdue.watched(self._driver):
                opened.close()
        finally:
            self._remote.places.leave()

    def _is_clean(self, opened: Connection) -> bool:
        """Whether nothing is under way: a commit that was refused has left something for SQLAlchemy."""
        return opened.get_transaction() is None and self._driver.pgconn.transaction_status == _IDLE


class PatientReader(Session):
    """A reader on PostgreSQL: each statement stands alone, and is sent again where the server left."""

    def __init__(self, engine: Engine, remote: Remote, kept: Kept | None = None) -> None:
        super().__init__(engine, remote, kept)
        self._afresh = partial(self._connect, remote)
        self._tried = partial(super()._connect, remote)
        self._through = remote.patience.through

    def _connect(self, remote: Remote) -> Connection:
        with untried():
            return super()._connect(remote)

    def _read(self, statement: Executable, parameters: Mapping[str, Any]) -> "Found | CursorResult[Any]":
        return self._through(partial(self._read_afresh, statement, parameters))

    def _read_afresh(
        self, statement: Executable, parameters: Mapping[str, Any]
    ) -> "Found | CursorResult[Any]":
        if self._connection is None:
            self._connection = self._afresh()
        began = perf_counter()
        try:
            return self._sent(self._connection, statement, parameters)
        except DBAPIError as error:
            self._distrust()
            if not error.connection_invalidated or perf_counter() - began > _UNNOTICED_SECONDS:
                raise
        # It may have died in the pool, while the server is well: the next one is tried before.
        self._connection = self._tried()
        try:
            return self._sent(self._connection, statement, parameters)
        except DBAPIError:
            self._distrust()
            raise

    def _distrust(self) -> None:
        """Nothing that was kept is good enough any more: what is used from here on comes from the pool."""
        kept, self._kept = self._kept, None
        self.close()
        if kept is not None:
            kept.empty()

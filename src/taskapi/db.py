"""The database of a process: its engines, and the sessions on them; one request or job is one transaction,
and nobody else commits.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any, cast

from sqlalchemy import Connection, Engine, QueuePool, make_url

from taskapi.admission import SPARE_THREADS, Places
from taskapi.commits import COMMIT_SECONDS, Deadlines
from taskapi.connections import PatientReader, Remote, Session, Work
from taskapi.engines import postgresql_engine, sqlite_engine
from taskapi.kept import Kept, Limits
from taskapi.outages import Patience, is_reading_only
from taskapi.overdue import Overdue
from taskapi.replicas import ReplicaReader, Replicas, replicas_of
from taskapi.settings import Settings

__all__ = ["Database", "Remote", "Session"]

_audit = logging.getLogger("taskapi.audit")


class Database:
    """The engines of this process and the sessions on them."""

    def __init__(self, settings: Settings, serves: bool = False) -> None:
        """The service asks for short statements; a command may take as long as it needs."""
        url = make_url(settings.url)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._remote: Remote | None = None
        # What readers are given in its place.
        self._read_remote: Remote | None = None
        self.replicas: Replicas | None = None
        # Connections past the pool, where that is PostgreSQL's.
        self._kept_writers: Kept | None = None
        self._kept_readers: Kept | None = None
        self._limits: Limits | None = None
        places = settings.threads + SPARE_THREADS
        if self.is_sqlite:
            # One connection that writes: threads queue for it here instead of polling SQLite's lock.
            self._writing = sqlite_engine(url, connections=1)
            self._reading = sqlite_engine(url, connections=places, query_only=True)
            self._most_connections = places + 1
        else:
            from taskapi.direct import Direct  # noqa: PLC0415 - SQLite users need no PostgreSQL driver

            direct = Direct(prepares=settings.prepared_statements, may_wait=serves)
            parts = (Deadlines(COMMIT_SECONDS), Patience(places), Places(places), Overdue(), direct)
            self._remote = Remote(*parts, notifies=not serves)
            self._writing = postgresql_engine(url, settings, self._remote.overdue, is_patient=not serves)
            self._reading = self._writing.execution_options(isolation_level="AUTOCOMMIT")
            self._most_connections = settings.pool_size + settings.pool_overflow
            # Half of those that a process keeps open for each.
            half = settings.pool_size // 2
            self._limits = Limits(self._writing, self._most_connections)
            self._kept_writers = Kept(self._writing, self._limits, half, is_tried=True)
            self._kept_readers = Kept(self._reading, self._limits, half, is_tried=False)
            self._limits.kept = [self._kept_writers, self._kept_readers]
            if serves and settings.replica_urls:
                self._have_replicas(settings, self._remote)
        self.after_commit: Callable[[Session], None] = lambda _session: None
        # It may have been committed, though nobody was told so.
        self.unknown_outcome: Callable[[Session], None] = lambda _session: None
        # There are jobs to be done.
        self.ring: Callable[[], None] = lambda: None
        # What was asked of the primary.
        self.work = Work()

    @property
    def connections(self) -> tuple[int, int, int]:
        """Of the primary's pool: how many are used, how many are open, how many there may be at most."""
        # On PostgreSQL both are one.
        pools = {cast("QueuePool", engine.pool) for engine in (self._writing, self._reading)}
        idle = 0 if self._limits is None else sum(map(len, self._limits.kept))
        return (
            sum(pool.checkedout() for pool in pools) - idle,
            sum(pool.checkedout() + pool.checkedin() for pool in pools),
            self._most_connections,
        )

    def new_writer(self) -> Session:
        return self._counted(Session(self._writing, self._remote, self._kept_writers))

    def new_reader(self) -> Session:
        """A reader on the primary."""
        remote = self._read_remote or self._remote
        if remote is None:
            return self._counted(Session(self._reading))
        return self._counted(PatientReader(self._reading, remote, self._kept_readers))

    def _counted(self, session: Session) -> Session:
        session.work.total = self.work
        return session

    def new_replica_reader(self, least: Callable[[str], int]) -> Session:
        """A reader for who reads and no more: replicas answer, where there are any, with nothing older than
        `least` says of an epoch's key.
        """
        if self.replicas is None or self._read_remote is None:
            return self.new_reader()
        return self._counted(
            ReplicaReader(self._reading, self._read_remote, self._kept_readers, self.replicas, least)
        )

    def _asked(self, engine: Engine) -> Kept | None:
        """The pool, for who takes no connection that was kept."""
        return None if self._limits is None else Kept(engine, self._limits, 0, is_tried=True)

    def _have_replicas(self, settings: Settings, remote: Remote) -> None:
        self.replicas = replicas_of(settings, remote)
        patience = Patience(remote.places.most)
        patience.is_stood_in = self._is_stood_in
        self._read_remote = replace(remote, patience=patience, is_stood_in=self._is_stood_in)

    def _is_stood_in(self) -> bool:
        return is_reading_only() and self.replicas is not None and self.replicas.stand_in()

    def watch(self, stop: threading.Event) -> None:
        """End statements that take too long, until told to stop; commands may take long, and do without."""
        if self._remote is not None:
            self._remote.overdue.watch(stop)

    def deadline(self, driver_connection: Any) -> AbstractContextManager[None]:
        """What is asked inside on a connection of PostgreSQL's driver is ended where it takes too long."""
        return nullcontext() if self._remote is None else self._remote.overdue.watched(driver_connection)

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
        for message, fields in session.told:
            _audit.info(message, extra={"fields": fields})

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
        session = self.new_reader() if patient else Session(self._reading, kept=self._asked(self._reading))
        try:
            yield session
        finally:
            session.close()

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """A reader whose statements all see what the first of them saw, however long it takes."""
        if self.is_sqlite:
            session = Session(self._reading)
            # Of this engine each statement stands alone, unless somebody says otherwise.
            session.at_begin = lambda: _begin(session)
        else:
            apart = self._writing.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            session = Session(apart, self._remote, self._asked(apart))
        try:
            yield session
        finally:
            if self.is_sqlite and session.is_open:
                session.connection.exec_driver_sql("ROLLBACK")
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
        if self._limits is not None:
            self._limits.empty()
        self._writing.dispose()
        self._reading.dispose()
        if self.replicas is not None:
            self.replicas.close()


def _begin(session: Session) -> None:
    session.connection.exec_driver_sql("BEGIN")

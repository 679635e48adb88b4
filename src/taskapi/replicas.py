"""Reads on replicas: the least busy one that follows, held against the epoch its rows come with (ADR 14).

Each server says four times a second where it is in the write-ahead log. A replica is asked while it is on the
primary's timeline, has what the primary had on its disk half a second ago, and answers quickly.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Engine, Executable, Row, make_url
from sqlalchemy.exc import SQLAlchemyError

from taskapi.connections import PatientReader, Remote
from taskapi.engines import direct_connection, postgresql_engine
from taskapi.kept import Kept, Limits
from taskapi.outages import Patience
from taskapi.overdue import Overdue
from taskapi.settings import Settings

if TYPE_CHECKING:
    import psycopg

PROBE_SECONDS = 0.25
# What was found of a server is believed for this long.
_FOUND_SECONDS = 1.0
# A server that has not answered for so long is away, whatever its connections say.
_AWAY_SECONDS = 2.0
# A server that takes longer to say where it is has enough to do.
_SLOW_SECONDS = 0.25
# A replica that lacks what the primary had this long ago would mostly be asked in vain.
_BEHIND_SECONDS = 0.5
# How long a statement may take on a replica, or a probe anywhere.
STATEMENT_SECONDS = 1.0
# Then it is the primary's turn.
_MOST_ASKED = 2

_log = logging.getLogger("taskapi.replicas")

# The timeline of a standby is what it receives, which not every role may see (pg_read_all_stats); else it is
# that of its last restart point: never too new, and after a failover too old for a while.
_POSITION = b"""
SELECT pg_is_in_recovery(),
       CASE WHEN pg_is_in_recovery()
            THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver),
                          (SELECT timeline_id FROM pg_control_checkpoint()))
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
       (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
             ELSE pg_current_wal_flush_lsn() END - '0/0')::bigint
"""


class Position(NamedTuple):
    """Where a server is: on a timeline, so many bytes into the log; `moment` is when it was asked."""

    moment: float
    took: float
    is_standby: bool
    timeline: int
    log: int


class Probe:
    """Asks one server again and again where it is, in a thread of its own."""

    def __init__(self, connect: Callable[[], "psycopg.Connection[Any]"], overdue: Overdue) -> None:
        self._connect = connect
        self._overdue = overdue
        # The newest last; empty while the server cannot be asked.
        self._found: deque[Position] = deque(maxlen=8)
        # Whether it let nobody in the last time, and when it answered last.
        self._is_shut = False
        self._answered: float | None = None
        self._did_complain = False

    @property
    def is_away(self) -> bool:
        """Whether the server was found away: not where it was never asked, or lost a connection alone."""
        silent = self._answered is not None and time.monotonic() - self._answered > _AWAY_SECONDS
        return self._is_shut or silent

    @property
    def position(self) -> Position | None:
        """Where the server was found within the last second, None where it was not."""
        newest = self._found[-1] if self._found else None
        return newest if newest and time.monotonic() - newest.moment < _FOUND_SECONDS else None

    def before(self, moment: float) -> Position | None:
        """The newest position that was found before a moment, or the oldest that is known."""
        found = list(self._found)
        return next((one for one in reversed(found) if one.moment <= moment), found[0] if found else None)

    def watch(self, stop: threading.Event) -> None:
        from psycopg import Error, OperationalError  # noqa: PLC0415 - SQLite users need no PostgreSQL driver

        while not stop.is_set():
            did_answer = False
            try:
                with closing(self._connect()) as connection:
                    self._follow(connection, stop)
            except (OperationalError, OSError):
                # Who just answered is asked again at once: a connection may be lost, and its server there.
                did_answer = bool(self._found)
                self._is_shut = not did_answer
            except Error as error:
                # It is there, and does not say: its replicas are not asked, and none stands in for it.
                self._is_shut, self._answered = False, None
                self._complain(error)
            finally:
                self._found.clear()
            if not did_answer:
                stop.wait(PROBE_SECONDS)

    def _complain(self, error: Exception) -> None:
        """Say once why a server does not tell where it is."""
        if not self._did_complain:
            self._did_complain = True
            _log.warning("a database does not tell where it is, so replicas are of no use: %s", error)

    def _follow(self, connection: "psycopg.Connection[Any]", stop: threading.Event) -> None:
        while not stop.is_set():
            began = time.monotonic()
            with self._overdue.watched(connection):
                row = connection.execute(_POSITION).fetchone()
            assert row is not None  # noqa: S101 - a SELECT without FROM has one
            self._is_shut, self._answered = False, time.monotonic()
            self._found.append(Position(began, self._answered - began, *row))
            stop.wait(PROBE_SECONDS)


@dataclass(eq=False)
class Replica:
    """A replica, what is known of it, and how many statements are under way on it."""

    engine: Engine
    remote: Remote
    limits: Limits
    kept: Kept
    probe: Probe
    in_use: int = 0

    def follows(self, primary: Probe) -> bool:
        """Whether it is worth asking: near the primary, and quick."""
        here = self.probe.position
        if here is None or primary.position is None or not here.is_standby or here.took > _SLOW_SECONDS:
            return False
        there = primary.before(here.moment - _BEHIND_SECONDS)
        return there is not None and here.timeline == there.timeline and here.log >= there.log

    def rows(self, statement: Executable, parameters: dict[str, Any]) -> Sequence[Row[Any]]:
        with closing(PatientReader(self.engine, self.remote, self.kept)) as reader:
            return reader.rows(statement, **parameters)


class Replicas:
    """The replicas of this process's database; safe from any thread."""

    def __init__(self, primary: Probe, replicas: Sequence[Replica], overdue: Overdue) -> None:
        self._primary = primary
        self._replicas = replicas
        self._overdue = overdue
        self._lock = threading.Lock()
        self._turns = count()
        # Reads by where they were answered, and replicas that were asked in vain by why.
        self.counts: Counter[str] = Counter()

    def work(self) -> Iterator[tuple[str, Callable[[threading.Event], None]]]:
        """What has to run in threads of the serving process, by name."""
        yield "overdue-replicas", self._overdue.watch
        yield "probe-primary", self._primary.watch
        for number, replica in enumerate(self._replicas):
            yield f"probe-replica-{number}", replica.probe.watch

    @property
    def following(self) -> int:
        """How many there are that would be asked."""
        return sum(replica.follows(self._primary) for replica in self._replicas)

    def __len__(self) -> int:
        return len(self._replicas)

    def freshest(self) -> Replica | None:
        """The one that has most of the log, if any answers: the last word where the primary is away."""
        found = [(replica.probe.position, replica) for replica in self._replicas]
        answering = [(position, replica) for position, replica in found if position is not None]
        newest = max(answering, key=lambda one: (one[0].timeline, one[0].log), default=None)
        return newest[1] if newest else None

    def stand_in(self) -> bool:
        """Whether the primary is away and a replica answers, so that nobody has to wait for the primary."""
        there = self._primary.position
        is_away = self._primary.is_away or (there is not None and there.is_standby)
        return is_away and self.freshest() is not None

    def close(self) -> None:
        for replica in self._replicas:
            replica.limits.empty()
            replica.engine.dispose()

    def read(
        self, statement: Executable, parameters: dict[str, Any], least: int
    ) -> Sequence[Row[Any]] | None:
        """The rows of a statement that carries an epoch (`under`), under none older than `least`.

        None where no replica has them.
        """
        for replica in self._best():
            try:
                with self._counted(replica):
                    found = replica.rows(statement, parameters)
            except SQLAlchemyError:
                # Gone, frozen, or recovery needed what was read: the next one is asked.
                self.counts["failed"] += 1
                continue
            if found[0].under >= least:
                self.counts["replica"] += 1
                return found
            self.counts["behind"] += 1
        self.counts["primary"] += 1
        return None

    def _best(self) -> Iterable[Replica]:
        following = [replica for replica in self._replicas if replica.follows(self._primary)]
        # Those that are alike are taken by turns.
        turn = next(self._turns)
        by_turns = [following[(turn + place) % len(following)] for place in range(len(following))]
        return sorted(by_turns, key=lambda replica: replica.in_use)[:_MOST_ASKED]

    @contextmanager
    def _counted(self, replica: Replica) -> Iterator[None]:
        with self._lock:
            replica.in_use += 1
        try:
            yield
        finally:
            with self._lock:
                replica.in_use -= 1


class ReplicaReader(PatientReader):
    """A reader on the primary that asks replicas where a statement brings the epoch to hold them against."""

    def __init__(
        self,
        engine: Engine,
        remote: Remote,
        kept: Kept | None,
        replicas: Replicas,
        least: Callable[[str], int],
    ) -> None:
        """`least` gives the oldest epoch of a key that will do for whoever reads."""
        super().__init__(engine, remote, kept)
        self._replicas = replicas
        self._least = least
        # Who answered what was read last, for the log.
        self.source: str | None = None

    def rows(self, statement: Executable, **parameters: Any) -> Sequence[Row[Any]]:
        key = parameters.get("epoch_key")
        found = None if key is None else self._replicas.read(statement, parameters, self._least(key))
        self.source = "primary" if found is None else "replica"
        return super().rows(statement, **parameters) if found is None else found

    def row(self, statement: Executable, **parameters: Any) -> Row[Any] | None:
        if "epoch_key" not in parameters:
            return super().row(statement, **parameters)
        return self.rows(statement, **parameters)[0]


def replicas_of(settings: Settings, primary: Remote) -> Replicas:
    """The replicas of the settings; their sessions have places along with the primary's."""
    overdue = Overdue(STATEMENT_SECONDS)
    patience = Patience(primary.places.most, 0.0)
    remote = Remote(primary.deadlines, patience, primary.places, overdue, primary.direct)
    replicas = []
    for url in settings.replica_urls:
        engine = postgresql_engine(make_url(url), settings, overdue, is_replica=True)
        reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        limits = Limits(engine, settings.pool_size + settings.pool_overflow)
        kept = Kept(reading, limits, settings.pool_size, is_tried=False)
        limits.kept.append(kept)
        probe = Probe(partial(direct_connection, url), overdue)
        replicas.append(Replica(reading, remote, limits, kept, probe))
    # As requests reach it: where there is a pooler that does not answer, they do not reach it either.
    return Replicas(Probe(partial(direct_connection, settings.url), overdue), replicas, overdue)

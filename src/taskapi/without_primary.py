"""Reads while the primary is away: the freshest replica answers in its place, and says so (ADR 14).

Without a primary nothing newer is committed. What a replica may not have got yet is told by the header, and
refused to whoever carries a token of it.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from taskapi.answers import Answer, Environ
from taskapi.connections import PatientReader, Session
from taskapi.db import Database
from taskapi.epoch_map import Epochs
from taskapi.errors import Busy
from taskapi.outages import PRIMARY_AWAY, STAND_IN, Patience, PrimaryAway, reading_only
from taskapi.parts import Parts
from taskapi.replicas import Replicas

_PATIENCE_SECONDS = 1.0

HEADER = ("X-Consistency", "replica")
_READS = frozenset({"GET", "HEAD"})


class ReplicaBehind(Busy):
    """The client has seen what no replica has got, and the primary is away."""

    def __init__(self) -> None:
        super().__init__(
            "The database is away, and what stands in for it does not have all that you have seen. "
            "Try again shortly.",
            retry_after=2,
        )


class StandIn(Database):
    """The freshest replica in the primary's place: read, and never written."""

    def __init__(self, replicas: Replicas, waiters: int) -> None:
        """So many may wait at a time for a replica that is away for a moment."""
        self.is_sqlite = False
        self._patience = Patience(waiters, _PATIENCE_SECONDS)
        self.replicas = None
        self._freshest = replicas.freshest

    def new_writer(self) -> Session:
        """Raises PrimaryAway."""
        raise PrimaryAway

    def new_reader(self) -> Session:
        """Raises PrimaryAway where no replica answers."""
        replica = self._freshest()
        if replica is None:
            raise PrimaryAway
        # A replica that was started anew has left connections behind that are good for nothing.
        return PatientReader(replica.engine, replace(replica.remote, patience=self._patience), replica.kept)

    def new_replica_reader(self, least: Callable[[str], int]) -> Session:  # noqa: ARG002 - it has what it has
        return self.new_reader()


class WithoutPrimary:
    """An application whose reads are answered also while the primary is away."""

    def __init__(self, answering: Callable[[Environ], Answer], parts: Parts) -> None:
        self._answering = answering
        self._replicas = parts.database.replicas
        self._parts = None if self._replicas is None else _with_stand_in(parts, self._replicas)

    def impatience(self, environ: Environ) -> AbstractContextManager[None]:
        """Nobody waits inside for a primary that a replica stands in for, unless it is to be written."""
        return nullcontext() if self._replicas is None or not _is_read(environ) else reading_only()

    def answer(self, environ: Environ) -> Answer:
        if self._replicas is None or not _is_read(environ):
            return self._answering(environ)
        if not self._replicas.stand_in():
            answer = self._answering(environ)
            if PRIMARY_AWAY not in environ or self._replicas.freshest() is None:
                return answer
        answer = self._answering(environ | {STAND_IN: self._parts})
        answer.headers.append(HEADER)
        return answer


def require_nothing_newer(epochs: Epochs, seen: Mapping[str, int]) -> None:
    """Hold what stands in against the epochs that a client has seen. Raises ReplicaBehind."""
    if seen and any(now < then for now, then in zip(epochs.current(*seen), seen.values(), strict=True)):
        raise ReplicaBehind


def _is_read(environ: Environ) -> bool:
    path: str = environ["PATH_INFO"]
    return environ["REQUEST_METHOD"] in _READS and path.startswith("/api/v1/")


def _with_stand_in(parts: Parts, replicas: Replicas) -> Parts:
    database = StandIn(replicas, parts.settings.threads // 2)
    return replace(parts, database=database, epochs=Epochs(database, remember=False))

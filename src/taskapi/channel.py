"""How processes hear of each other's epochs: Redis pub/sub, and NOTIFY where that is not enough (ADR 10).

What a process knows is believed as long as it can prove that it heard everything: by a beat of its own that
comes back over Redis, and by a statement that is answered on the connection that LISTENs.
"""

import logging
import select
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from redis.connection import ConnectionInterface
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from sqlalchemy import bindparam, text
from sqlalchemy.exc import SQLAlchemyError
from uuid_utils import uuid4

from taskapi.db import Database
from taskapi.epoch_map import Epochs
from taskapi.epochs import NOTIFIED
from taskapi.errors import OutcomeUnknown
from taskapi.redis_calls import RedisCalls, Unreachable

if TYPE_CHECKING:
    import psycopg

_log = logging.getLogger("taskapi.channel")

BEAT_SECONDS = 0.25
# How long after the last proof what is known is believed: others' writes are seen at most this late.
BELIEVED_SECONDS = 1.0
_BEAT = "beat"
# By which processes tell each other over PostgreSQL which Redis they are on.
_REDIS = "redis"
# What stands for a value that nobody knows.
_UNKNOWN = "?"
_NOTIFY = text("SELECT pg_notify(:channel, told) FROM unnest(CAST(:told AS text[])) AS told")
_NOTIFY = _NOTIFY.bindparams(bindparam("channel", NOTIFIED))


class Belief:
    """Until when what is known is believed: as long as each way proved lately that all was heard on it."""

    def __init__(self, epochs: Epochs, ways: Iterable[str], clock: Callable[[], float]) -> None:
        self._epochs = epochs
        self._clock = clock
        self._lock = threading.Lock()
        self._proved = dict.fromkeys(ways, float("-inf"))

    def proved(self, way: str, moment: float) -> None:
        """All that was told on this way before this moment has been heard."""
        with self._lock:
            self._proved[way] = max(self._proved[way], moment)
            until = min(self._proved.values()) + BELIEVED_SECONDS
            now = self._clock()
            if until <= now:
                return
            if self._epochs.believed_until <= now:
                # Something may have been missed meanwhile; both ways are open again.
                self._epochs.clear()
            self._epochs.believed_until = until

    def lost(self, way: str) -> None:
        """Nothing is heard on this way from now on."""
        with self._lock:
            self._proved[way] = float("-inf")
            self._epochs.believed_until = float("-inf")


class Channel:
    """Tells other processes what moved here, and hears what moved there."""

    def __init__(
        self,
        database: Database,
        epochs: Epochs,
        calls: RedisCalls,
        connect: Callable[[], "psycopg.Connection[Any]"],
        name: str,
    ) -> None:
        """`connect` gives a direct connection to PostgreSQL; by `name` processes of one service meet."""
        self._database = database
        self._epochs = epochs
        self._calls = calls
        self._connect = connect
        self._name = name
        self._me = str(uuid4())
        # The Redis this process hears, and the one that was named last by anybody: they are to be the same.
        self._heard = self._named = ""
        self._belief = Belief(epochs, ("redis", "postgresql"), time.monotonic)
        epochs.believed_until = float("-inf")
        epochs.tell = self.tell
        epochs.doubt = self.doubt

    def behind(self, moment: float) -> float:
        """Seconds (monotonic) since all that was told was proved to be heard, an hour at most."""
        return min(max(0.0, moment - self._epochs.believed_until + BELIEVED_SECONDS), 3600.0)

    def work(self) -> Iterator[tuple[str, Callable[[threading.Event], None]]]:
        """What has to run in threads of the serving process, by name."""
        yield "redis-channel", lambda stop: self._again_and_again(self._hear_redis, "redis", stop)
        yield (
            "postgresql-channel",
            lambda stop: self._again_and_again(self._hear_postgresql, "postgresql", stop),
        )
        yield "epochs", self._epochs.keep_fresh

    def tell(self, moved: Mapping[str, int]) -> None:
        """Have the others know what a commit moved. Raises OutcomeUnknown where they cannot be told."""
        try:
            self._send([f"{key} {value}" for key, value in moved.items()])
        except (Unreachable, SQLAlchemyError) as error:
            raise OutcomeUnknown from error

    def doubt(self, keys: Iterable[str]) -> None:
        """Have them forget what may have moved; who cannot be told believes it while an entry lives."""
        with suppress(Unreachable, SQLAlchemyError):
            self._send([f"{key} {_UNKNOWN}" for key in keys])

    def _send(self, told: list[str]) -> None:
        hearers = 0
        with suppress(Unreachable):
            (hearers,) = self._calls.ask(("PUBLISH", self._name, "\n".join(told)))
        if not hearers or not self._is_with_others:
            with self._database.reader() as session:
                session.rows(_NOTIFY, told=told)

    @property
    def _is_with_others(self) -> bool:
        """Whether this Redis is the one that others hear, as far as this process hears any."""
        is_believed = self._epochs.believed_until > time.monotonic()
        return not self._heard or (self._heard == self._named and is_believed)

    def _again_and_again(
        self, hear: Callable[[threading.Event], None], way: str, stop: threading.Event
    ) -> None:
        """Hear until it fails, and again until told to stop."""
        from psycopg import Error  # noqa: PLC0415 - SQLite users need no PostgreSQL driver

        was_lost = False
        while not stop.is_set():
            began = time.monotonic()
            try:
                hear(stop)
            except (RedisError, Error, OSError, SQLAlchemyError) as error:
                if not was_lost or time.monotonic() - began > BELIEVED_SECONDS:
                    _log.warning("no news by %s (%s): the database is asked", way, type(error).__name__)
                was_lost = True
            finally:
                self._belief.lost(way)
            stop.wait(BEAT_SECONDS)

    def _hear_redis(self, stop: threading.Event) -> None:
        # A bare connection: a client that connects anew by itself would hide that something was missed.
        connection = self._calls.new_connection()
        try:
            self._meet(_identity_of(connection))
            # What is told from now on goes where it is heard.
            self._calls.renew()
            connection.send_command("SUBSCRIBE", self._name)  # type: ignore[no-untyped-call]  # as it ships
            next_beat = time.monotonic()
            while not stop.is_set() and self._heard == self._named:
                now = time.monotonic()
                if now >= next_beat:
                    self._beat(now)
                    next_beat = now + BEAT_SECONDS
                if connection.can_read(timeout=max(0.0, next_beat - time.monotonic())):
                    kind, _, told = connection.read_response()
                    if kind == b"message":
                        self._take(told.decode())
        finally:
            connection.disconnect()  # type: ignore[no-untyped-call]  # as it ships

    def _meet(self, identity: str) -> None:
        """Have all processes on one Redis: two that both believe to be the master are not heard by all.

        Whoever comes to another one names it, and whoever hears that looks again where to go.
        """
        self._heard = self._named = identity
        with self._database.reader() as session:
            session.rows(_NOTIFY, told=[f"{_REDIS} {identity}"])

    def _beat(self, moment: float) -> None:
        with suppress(Unreachable):
            self._calls.ask(("PUBLISH", self._name, f"{_BEAT} {self._me} {moment}"))

    def _take(self, told: str) -> None:
        if told.startswith(_BEAT):
            _, sender, moment = told.split(" ")
            if sender == self._me and self._heard == self._named:
                self._belief.proved("redis", float(moment))
            return
        self._learn(told.split("\n"))

    def _hear_postgresql(self, stop: threading.Event) -> None:
        with closing(self._connect()) as connection:
            connection.add_notify_handler(lambda notice: self._learn([notice.payload]))
            connection.execute(f"LISTEN {NOTIFIED}".encode())
            while not stop.is_set():
                began = time.monotonic()
                # What was notified before this statement has been taken when it is answered.
                with self._database.deadline(connection):
                    connection.execute("SELECT 1")
                self._belief.proved("postgresql", began)
                select.select([connection], [], [], BEAT_SECONDS)

    def _learn(self, told: Iterable[str]) -> None:
        parts = [line.rpartition(" ") for line in told]
        for identity in (value for key, _, value in parts if key == _REDIS):
            self._named = identity
            if identity != self._heard:
                self._belief.lost("redis")
        moved = {key: int(value) for key, _, value in parts if value.isdigit() and key != _REDIS}
        self._epochs.publish(moved)
        self._epochs.forget(key for key, _, value in parts if value == _UNKNOWN)


def _identity_of(connection: ConnectionInterface) -> str:
    """What names the server behind a connection. Raises RedisError for one that follows another."""
    connection.send_command("INFO")  # type: ignore[no-untyped-call]  # as it ships
    lines = connection.read_response().decode().split("\r\n")
    said = dict(line.split(":", 1) for line in lines if ":" in line)
    if said.get("role") != "master":
        raise RedisConnectionError("it follows another server, and what is published here is not heard there")
    return str(said["run_id"])

"""Calls to Redis that take at most so long, and a breaker that stops asking one which does not answer.

All that a process asks of one server goes through one breaker, so that one that is away costs few calls their
time. What a server refuses in words, being full or read-only, costs no time and opens nothing.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

from hiredis import pack_command
from redis import Redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.connection import ConnectionInterface, parse_url
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry
from redis.sentinel import Sentinel

Answer = TypeVar("Answer")

_SENTINEL_SCHEMES = ("redis+sentinel://", "rediss+sentinel://")
_SENTINEL_PORT = 26379
# Of a URL, what is asked of the Sentinels.
_OF_ONE_SERVER = {"host", "port", "connection_class"}
# What a request may lose to Redis.
CALL_SECONDS = 0.05
# So many failures in a row, and it is left alone for a while; then one call tries whether it is back.
_MOST_FAILURES = 5
_PAUSE_SECONDS = 1.0
# What goes wrong is in the log once in so long.
_TOLD_SECONDS = 60.0

_log = logging.getLogger("taskapi.redis")


class Unreachable(Exception):
    """Redis did not answer in time, refused, or was not asked because it did not answer before."""


def client(url: str, seconds: float = CALL_SECONDS) -> Redis:
    """A client whose calls take at most so long; a connection that Redis closed is made anew, once.

    `redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/SERVICE/NUMBER` asks Sentinels for the master, at each
    new connection. Raises ValueError for a URL that cannot be read.
    """
    options: dict[str, Any] = {
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        "client_name": "taskapi",
        "protocol": 2,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    if not url.startswith(_SENTINEL_SCHEMES):
        return Redis.from_url(url, **options)
    return _by_sentinels(url, options)


def _by_sentinels(url: str, options: dict[str, Any]) -> Redis:
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    service, _, number = parts.path.strip("/").partition("/")
    # What a URL may say besides, as of TLS, it says in the words of any other.
    plain = f"{parts.scheme.removesuffix('+sentinel')}://localhost/{number or 0}?{parts.query}"
    said = parse_url(plain)  # type: ignore[no-untyped-call]  # as it ships
    sentinels = [(host, int(port or _SENTINEL_PORT)) for host, _, port in map(_parted, hosts.split(","))]
    if not service or not all(host for host, _ in sentinels):
        raise ValueError("it names no service or no Sentinel")
    known = {name: value for name, value in said.items() if name not in _OF_ONE_SERVER}
    known |= options | {"ssl": parts.scheme.startswith("rediss")}
    credentials = {"username": unquote(user) or None, "password": unquote(password) or None}
    # Sentinels have no databases, and passwords of their own if any.
    of_sentinels = {name: value for name, value in known.items() if name != "db"}
    found = Sentinel(sentinels, sentinel_kwargs=of_sentinels, **known, **credentials)  # type: ignore[no-untyped-call]  # as it ships
    return cast("Redis", found.master_for(service, redis_class=Redis))  # type: ignore[no-untyped-call]  # as it ships


def _parted(address: str) -> tuple[str, str, str]:
    """Host and port of an address, of which IPv6 ones are in brackets."""
    if address.startswith("["):
        host, _, port = address[1:].partition("]")
        return host, "", port.removeprefix(":")
    return address.partition(":")


def _exchanged(
    connection: ConnectionInterface, packed: bytes, number: int, free: deque[ConnectionInterface]
) -> list[Any]:
    """So many answers; a connection on which nothing is left is free again."""
    try:
        connection.send_packed_command([packed])  # type: ignore[no-untyped-call]  # as it ships
        answers = [_answer(connection) for _ in range(number)]
    except BaseException:
        connection.disconnect()  # type: ignore[no-untyped-call]  # as it ships
        raise
    free.append(connection)
    for one in answers:
        if isinstance(one, ResponseError):
            raise one
    return answers


def _answer(connection: ConnectionInterface) -> Any:
    try:
        return connection.read_response()
    except ResponseError as refusal:
        return refusal  # Behind it there may be others.


class RedisCalls:
    """What a process asks of a Redis; safe from any thread."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self.redis = redis
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        # Until when nobody asks.
        self._paused_until = 0.0
        self._told_until = float("-inf")
        self._free: deque[ConnectionInterface] = deque()
        # Of which process they are: one that is forked off has none.
        self._process = os.getpid()

    def call(self, ask: Callable[[Redis], Answer]) -> Answer:
        """What Redis answers. Raises Unreachable."""
        if self._failures >= _MOST_FAILURES and not self._may_try():
            raise Unreachable
        try:
            answer = ask(self.redis)
        except ResponseError as error:
            self._tell(f"Redis refuses what is asked of it: {error}")
            self._failures = 0
            raise Unreachable from error
        except (RedisError, OSError) as error:
            with self._lock:
                self._failures += 1
                self._paused_until = self._clock() + _PAUSE_SECONDS
            if self._failures == _MOST_FAILURES:
                self._tell(f"Redis does not answer ({type(error).__name__}) and is asked once a second")
            raise Unreachable from error
        self._failures = 0
        return answer

    def ask(self, *commands: tuple[str | bytes | int, ...]) -> list[Any]:
        """What Redis answers to commands that are sent together, on a connection that is kept for that.

        Past what redis-py does around a command, which takes longer than the command. One whose connection
        was lost may be carried out twice. Raises Unreachable.
        """
        packed = b"".join([pack_command(one) for one in commands])  # type: ignore[arg-type]  # as it ships
        return self.call(lambda _: self._exchanged(packed, len(commands)))

    def renew(self) -> None:
        """Use none of the connections that are kept by now: another server may have become the master."""
        self._free, self._process = deque(), os.getpid()

    def _exchanged(self, packed: bytes, number: int) -> list[Any]:
        if self._process != os.getpid():
            self.renew()
        free = self._free
        with suppress(IndexError, RedisConnectionError):
            return _exchanged(free.pop(), packed, number, free)
        # There was none, or Redis had closed it.
        return _exchanged(self.new_connection(), packed, number, free)

    def _tell(self, what: str) -> None:
        """Log what goes wrong, once in a while."""
        with self._lock:
            now = self._clock()
            if now < self._told_until:
                return
            self._told_until = now + _TOLD_SECONDS
        _log.warning("%s", what)

    def new_connection(self) -> ConnectionInterface:
        """A connection of its own, which is not connected anew when it is lost."""
        pool = self.redis.connection_pool
        # Not by the pool, which counts all that it ever made and has an end.
        made: ConnectionInterface = pool.connection_class(**pool.connection_kwargs)
        return made

    def script(self, text: str) -> Script:
        """A script in Lua, sent whole where the server has not got it."""
        return Script(self.redis, text)

    def close(self) -> None:
        self.redis.close()
        while self._free:
            self._free.pop().disconnect()  # type: ignore[no-untyped-call]  # as it ships

    def _may_try(self) -> bool:
        """Whether it is this call's turn to find out if Redis is back."""
        with self._lock:
            now = self._clock()
            if now < self._paused_until:
                return False
            self._paused_until = now + _PAUSE_SECONDS
            return True

"""Calls to Redis that take at most so long, and a breaker that stops asking one which does not answer."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

Answer = TypeVar("Answer")

# What a request may lose to Redis.
CALL_SECONDS = 0.05
# So many failures in a row, and it is left alone for a while; then one call tries whether it is back.
_MOST_FAILURES = 5
_PAUSE_SECONDS = 1.0


class Unreachable(Exception):
    """Redis did not answer in time, or was not asked because it did not answer before."""


def client(url: str, seconds: float = CALL_SECONDS) -> Redis:
    """A client whose calls take at most so long; a connection that Redis closed is made anew, once."""
    return Redis.from_url(
        url,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        client_name="taskapi",
        protocol=2,
    )


class RedisCalls:
    """What a process asks of a Redis; safe from any thread."""

    def __init__(self, redis: "Redis", clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        # Until when nobody asks.
        self._paused_until = 0.0

    def call(self, ask: Callable[["Redis"], Answer]) -> Answer:
        """What Redis answers. Raises Unreachable."""
        if self._failures >= _MOST_FAILURES and not self._may_try():
            raise Unreachable
        try:
            answer = ask(self._redis)
        except (RedisError, OSError) as error:
            with self._lock:
                self._failures += 1
                self._paused_until = self._clock() + _PAUSE_SECONDS
            raise Unreachable from error
        self._failures = 0
        return answer

    def script(self, text: str) -> Script:
        """A script in Lua, sent whole where the server has not got it."""
        return Script(self._redis, text)

    def close(self) -> None:
        self._redis.close()

    def _may_try(self) -> bool:
        """Whether it is this call's turn to find out if Redis is back."""
        with self._lock:
            now = self._clock()
            if now < self._paused_until:
                return False
            self._paused_until = now + _PAUSE_SECONDS
            return True

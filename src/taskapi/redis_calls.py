"""Calls to Redis that take at most so long, and a breaker that stops asking one which does not answer.

All that a process asks of one server goes through one breaker, so that one that is away costs few calls their
time. What a server refuses in words, being full or read-only, costs no time and opens nothing.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.connection import ConnectionInterface
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

Answer = TypeVar("Answer")

# What a request may lose to Redis.
CALL_SECONDS = 0.05
# So many failures in a row, and it is left alone for a while; then one call tries whether it is back.
_MOST_FAILURES = 5
_PAUSE_SECONDS = 1.0


class Unreachable(Exception):
    """Redis did not answer in time, refused, or was not asked because it did not answer before."""


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

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self.redis = redis
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        # Until when nobody asks.
        self._paused_until = 0.0

    def call(self, ask: Callable[[Redis], Answer]) -> Answer:
        """What Redis answers. Raises Unreachable."""
        if self._failures >= _MOST_FAILURES and not self._may_try():
            raise Unreachable
        try:
            answer = ask(self.redis)
        except ResponseError as error:
            self._failures = 0
            raise Unreachable from error
        except (RedisError, OSError) as error:
            with self._lock:
                self._failures += 1
                self._paused_until = self._clock() + _PAUSE_SECONDS
            raise Unreachable from error
        self._failures = 0
        return answer

    def new_connection(self) -> ConnectionInterface:
        """A connection of its own, which is not connected anew when it is lost."""
        return self.redis.connection_pool.make_connection()

    def script(self, text: str) -> Script:
        """A script in Lua, sent whole where the server has not got it."""
        return Script(self.redis, text)

    def close(self) -> None:
        self.redis.close()

    def _may_try(self) -> bool:
        """Whether it is this call's turn to find out if Redis is back."""
        with self._lock:
            now = self._clock()
            if now < self._paused_until:
                return False
            self._paused_until = now + _PAUSE_SECONDS
            return True

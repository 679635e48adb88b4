"""What moved is told by Redis alone only where all who hear are known to hear that Redis."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest

from taskapi.channel import Channel
from taskapi.db import Database
from taskapi.epoch_map import Epochs
from taskapi.redis_calls import RedisCalls, client
from tests.chaos.instances import RedisServer, redis_server


class Notified:
    """In the place of a database: keeps what was notified."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @contextmanager
    def reader(self) -> Iterator["Notified"]:
        yield self

    def rows(self, _statement: object, told: Sequence[str]) -> None:
        self.told += told


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as made:
        yield made


def a_channel(calls: RedisCalls, database: Notified) -> Channel:
    epochs = Epochs(cast("Database", database), remember=False)
    return Channel(cast("Database", database), epochs, calls, cast("Any", None), "told")


def test_beats_go_where_it_is_told_what_moved() -> None:
    with redis_server() as before, redis_server() as after:
        calls = RedisCalls(client(before.url, 5.0))
        channel = a_channel(calls, Notified())
        calls.redis.ping()
        channel._beat(1.0)
        # The address is another server's now, and the old one answers still.
        calls.redis.connection_pool.connection_kwargs["port"] = after.port
        calls.renew()
        with after.client() as redis, redis.pubsub() as hearing:
            hearing.subscribe("told")
            assert hearing.get_message(timeout=5) is not None
            channel._beat(2.0)
            beat = hearing.get_message(timeout=5)
            assert beat is not None
            assert beat["data"].startswith(b"beat ")


@pytest.mark.parametrize(
    ("is_heard", "heard", "named", "is_believed", "is_notified"),
    [
        (True, "one", "one", True, False),
        (False, "one", "one", True, True),
        (True, "one", "another", True, True),
        (True, "one", "one", False, True),
        # A process that hears nobody, as those of jobs do, knows no better.
        (True, "", "", False, False),
    ],
)
def test_postgresql_tells_too_where_others_may_hear_another_redis(
    server: RedisServer, is_heard: bool, heard: str, named: str, is_believed: bool, is_notified: bool
) -> None:
    database = Notified()
    channel = a_channel(RedisCalls(client(server.url, 5.0)), database)
    channel._heard, channel._named = heard, named
    channel._epochs.believed_until = time.monotonic() + 100 if is_believed else float("-inf")
    with server.client() as redis, redis.pubsub() as hearing:
        if is_heard:
            hearing.subscribe("told")
            assert hearing.get_message(timeout=5) is not None
        channel.tell({"s:ann": 7})
        if is_heard:
            told = hearing.get_message(timeout=5)
            assert told is not None
            assert told["data"] == b"s:ann 7"
    assert database.told == (["s:ann 7"] if is_notified else [])

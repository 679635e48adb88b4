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
    epochs = Epochs(cast("Database", database), remember=False)
    nobody = cast("Any", None)
    channel = Channel(cast("Database", database), epochs, RedisCalls(client(server.url, 5.0)), nobody, "told")
    channel._heard, channel._named = heard, named
    epochs.believed_until = time.monotonic() + 100 if is_believed else float("-inf")
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

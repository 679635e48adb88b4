"""Answers kept in Redis for other instances: sealed, held against the epochs, and missed by nobody."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import count
from typing import Any, cast

import pytest

from taskapi import clock
from taskapi.redis_calls import RedisCalls, client
from taskapi.responses import Entry
from taskapi.second_level import SecondLevel
from tests.chaos.instances import RedisServer, redis_server

_SERVICES = count()
KEY = (b"a token's digest", "/api/v1/tasks", "limit=50", "zstd", None, "https", 1)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as made:
        yield made


def entry(body: bytes = b'{"items":["Buy milk"]}', lives: int = clock.HOUR) -> Entry:
    moment = clock.now()
    headers = (("Content-Type", "application/json"), ("ETag", '"tag"'))
    return Entry("ann", ("s:ann", "u:ann"), (7, 8), moment, moment + lives, '"tag"', headers, body)


def whatever(_: Entry) -> bool:
    """Believes what is found."""
    return True


def second_level(server: RedisServer, name: str, secret: bytes = b"secret") -> SecondLevel:
    return SecondLevel(RedisCalls(client(server.url, 5.0)), name, secret)


@contextmanager
def sending(level: SecondLevel) -> Iterator[None]:
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(stop,)) for _, work in level.work()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def put(server: RedisServer, name: str, made: Entry) -> None:
    """Have one instance send an entry, and wait for it."""
    level = second_level(server, name)
    with sending(level), server.client() as redis:
        level.put(KEY, made)
        for _ in range(200):
            if redis.keys(f"{name}:*"):
                return
            time.sleep(0.01)
    raise AssertionError("it was never sent")


def test_no_more_is_sent_at_once_than_the_time_of_a_call_is_for() -> None:
    class Sent:
        """In the place of a Redis: how much each call brings."""

        def __init__(self) -> None:
            self.sizes: list[int] = []

        def ask(self, *commands: tuple[Any, ...]) -> list[Any]:
            self.sizes.append(sum(len(one[2]) for one in commands))
            return [b"OK"] * len(commands)

    sent = Sent()
    level = SecondLevel(cast("RedisCalls", sent), "test", b"secret")
    for _ in range(8):
        level.put(KEY, entry(bytes(200 * 1024)))
    with sending(level):
        for _ in range(200):
            if sum(sent.sizes) > 8 * 200 * 1024:
                break
            time.sleep(0.01)
    assert sum(sent.sizes) > 8 * 200 * 1024
    assert max(sent.sizes) < 800 * 1024


@pytest.fixture
def name() -> str:
    return f"test{next(_SERVICES)}"


def test_what_one_instance_sent_another_finds_whole(server: RedisServer, name: str) -> None:
    made = entry(bytes(range(256)))
    put(server, name, made)
    found = second_level(server, name).get(KEY, whatever)
    assert found is not None
    assert asdict(found) == asdict(made)
    assert second_level(server, name).get((*KEY[:1], "/api/v1/me", *KEY[2:]), whatever) is None


def test_redis_shows_neither_what_was_asked_nor_what_was_answered(server: RedisServer, name: str) -> None:
    put(server, name, entry())
    with server.client() as redis:
        (key,) = redis.keys(f"{name}:*")
        kept = key + redis.get(key)
        assert 0 < redis.pttl(key) <= 10 * clock.MINUTE
    for word in (b"milk", b"tasks", b"ann", b"token", b"json"):
        assert word not in kept


def test_what_was_changed_moved_or_made_by_others_is_nothing(server: RedisServer, name: str) -> None:
    put(server, name, entry())
    with server.client() as redis:
        (key,) = redis.keys(f"{name}:*")
        sealed = redis.get(key)
        assert second_level(server, name, b"another secret").get(KEY, whatever) is None
        elsewhere = second_level(server, name)._place("another key")[0]
        redis.set(elsewhere, sealed)
        assert second_level(server, name).get("another key", whatever) is None
        for place in (0, 12, len(sealed) - 1):
            redis.set(key, sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :])
            assert second_level(server, name).get(KEY, whatever) is None
        for text in (b"", b"x", sealed[:20]):
            redis.set(key, text)
            assert second_level(server, name).get(KEY, whatever) is None


def test_an_entry_is_gone_with_its_time_and_a_large_one_is_not_sent(server: RedisServer, name: str) -> None:
    level = second_level(server, name)
    with sending(level), server.client() as redis:
        level.put("past", entry(lives=-1))
        level.put("large", entry(b"x" * 300_000))
        level.put("short", entry(lives=200))
        level.put("last", replace(entry(), user_id="bob"))
        for _ in range(200):
            if len(redis.keys(f"{name}:*")) == 2:
                break
            time.sleep(0.01)
        assert level.get("last", whatever) is not None
        assert level.get("past", whatever) is None
        assert level.get("large", whatever) is None
        time.sleep(0.3)
        assert level.get("short", whatever) is None


def test_without_redis_nothing_is_found_and_nobody_fails_or_waits() -> None:
    with redis_server() as server:
        level = SecondLevel(RedisCalls(client(server.url)), "test", b"secret")
        with sending(level), server.frozen():
            for _ in range(2000):
                level.put(KEY, entry())
            assert [level.get(KEY, whatever) for _ in range(50)] == [None] * 50


def counted_looks(level: SecondLevel, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The keys that Redis is asked for from now on."""
    looks, look = list[object](), level._look

    def counted(key: object) -> Entry | None:
        looks.append(key)
        return look(key)

    monkeypatch.setattr(level, "_look", counted)
    return looks


def test_after_many_looks_in_vain_few_are_made_until_one_finds_something(
    server: RedisServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(server, name, entry())
    level = second_level(server, name)
    looks = counted_looks(level, monkeypatch)
    for number in range(32 + 80):
        assert level.get(f"nobody made {number}", whatever) is None
    assert len(looks) == 32 + 10
    assert any(level.get(KEY, whatever) for _ in range(8)), "one of eight looks"
    looks.clear()
    for _ in range(20):
        assert level.get(KEY, whatever) is not None
    assert len(looks) == 20, "now it is worth it"


def test_what_is_found_and_no_longer_holds_was_a_look_in_vain(
    server: RedisServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(server, name, entry())
    level = second_level(server, name)
    looks = counted_looks(level, monkeypatch)
    for _ in range(32 + 80):
        assert level.get(KEY, lambda found: found.user_id == "bob") is None
    assert len(looks) == 32 + 10

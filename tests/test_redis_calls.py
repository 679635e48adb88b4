"""What is asked of Redis on kept connections: answered in order, to whoever asked, by who is there now."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import RedisError

from taskapi.redis_calls import RedisCalls, Unreachable, client
from tests.chaos.instances import RedisServer, redis_server

_values = st.binary(max_size=200)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as made:
        yield made


@pytest.fixture(scope="module")
def calls(server: RedisServer) -> RedisCalls:
    return RedisCalls(client(server.url, 5.0))


@given(values=st.lists(_values, min_size=1, max_size=30))
def test_commands_sent_together_are_answered_in_their_order(calls: RedisCalls, values: list[bytes]) -> None:
    names = [f"value:{number}" for number in range(len(values))]
    pairs = zip(names, values, strict=True)
    assert calls.ask(*(("SET", name, value, "PX", 60_000) for name, value in pairs)) == [b"OK"] * len(values)
    assert calls.ask(*(("GET", name) for name in names)) == values


def test_threads_that_ask_at_the_same_time_get_their_own_answers(calls: RedisCalls) -> None:
    def echoed(number: int) -> bool:
        return all(
            calls.ask(("ECHO", f"{number}.{turn}")) == [f"{number}.{turn}".encode()] for turn in range(50)
        )

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(echoed, range(16)))
    assert len(calls._free) <= 8


def test_a_refusal_in_words_leaves_nothing_for_the_next_to_read(calls: RedisCalls) -> None:
    with pytest.raises(Unreachable):
        calls.ask(("ECHO", "before"), ("NO-SUCH-COMMAND",), ("ECHO", "behind"))
    assert calls.ask(("ECHO", "next")) == [b"next"]


def test_a_connection_that_redis_closed_meanwhile_is_not_noticed(
    server: RedisServer, calls: RedisCalls
) -> None:
    assert calls.ask(("ECHO", "one")) == [b"one"]
    with server.client() as redis:
        redis.client_kill_filter(_type="normal", skipme=True)
    assert calls.ask(("ECHO", "two")) == [b"two"]


def test_who_takes_too_long_is_left_and_nobody_gets_what_it_says_later(server: RedisServer) -> None:
    hasty = RedisCalls(client(server.url, 0.2))
    assert hasty.ask(("ECHO", "one")) == [b"one"]
    with server.client() as redis:
        redis.execute_command("CLIENT", "PAUSE", 600, "ALL")
    with pytest.raises(Unreachable):
        hasty.ask(("ECHO", "late"))
    assert not hasty._free
    patient = RedisCalls(client(server.url, 5.0))
    assert patient.ask(("ECHO", "two")) == [b"two"]


def test_after_renewal_no_connection_of_before_is_used_not_even_one_under_way(
    server: RedisServer, calls: RedisCalls
) -> None:
    (before,) = calls.ask(("CLIENT", "ID"))
    calls.renew()
    (after,) = calls.ask(("CLIENT", "ID"))
    assert after != before
    under_way = threading.Thread(target=calls.ask, args=(("BLPOP", "nothing here", 0.3),))
    under_way.start()
    while not _is_waiting(server):
        pass
    calls.renew()
    under_way.join()
    assert not calls._free


def _is_waiting(server: RedisServer) -> bool:
    with server.client() as redis:
        return any(one["cmd"] == "blpop" for one in redis.client_list())


def test_a_process_that_was_forked_off_has_connections_of_its_own(calls: RedisCalls) -> None:
    (mine,) = calls.ask(("CLIENT", "ID"))
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writes, str(calls.ask(("CLIENT", "ID"))[0]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(reads, 20)) != mine
    assert calls.ask(("CLIENT", "ID")) == [mine]
    for one in (reads, writes):
        os.close(one)


def test_hundreds_of_tries_in_vain_use_up_nothing(server: RedisServer) -> None:
    calls = RedisCalls(client("redis://127.0.0.1:1", 0.1))
    for _ in range(300):
        with pytest.raises(RedisError):
            calls.new_connection().connect()  # type: ignore[no-untyped-call]  # as it ships
    calls.redis.connection_pool.connection_kwargs["port"] = server.port
    calls.new_connection().connect()  # type: ignore[no-untyped-call]  # as it ships
    assert calls.redis.ping()

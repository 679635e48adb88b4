"""Limits over several instances and a real Redis: the quota and never one more, whatever becomes of Redis."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from taskapi.limits import Limiter, Policy
from taskapi.redis_calls import RedisCalls, client
from taskapi.shared_limits import SharedLimits
from tests.chaos.instances import RedisServer, redis_server

_SERVICES = count()
Instances = Callable[..., list[Limiter]]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as made:
        yield made


@pytest.fixture(scope="module")
def instances(server: RedisServer) -> Instances:
    def make(*policies: Policy, many: int = 3) -> list[Limiter]:
        name, named = f"test{next(_SERVICES)}", {policy.name: policy for policy in policies}
        return [
            # Not hurried: on a loaded machine a call may take longer than the service gives it.
            Limiter(named, shared=SharedLimits(RedisCalls(client(server.url, 5.0)), name, b"secret"))
            for _ in range(many)
        ]

    return make


def _take(limiter: Limiter, name: str, key: str = "ann", tries: int = 1) -> bool:
    verdict = limiter.take(name, key, tries)
    assert verdict is not None
    assert 0 <= verdict.remaining <= verdict.policy.quota
    assert 0 <= verdict.reset <= verdict.policy.seconds
    return verdict.admitted


@pytest.mark.parametrize("name", ["create", "login_account"])
def test_five_hundred_tries_at_once_over_three_instances_admit_exactly_the_quota(
    instances: Instances, name: str
) -> None:
    three = instances(Policy(name, 100, 3600))
    with ThreadPoolExecutor(50) as pool:
        admitted = list(pool.map(lambda number: _take(three[number % 3], name), range(500)))
    assert sum(admitted) == 100
    assert {limiter.peek(name, "ann").remaining for limiter in three} == {0}  # type: ignore[union-attr]


def test_leases_admit_never_more_than_the_quota_and_little_less(instances: Instances) -> None:
    three = instances(Policy("read", 1000, 3600))
    with ThreadPoolExecutor(30) as pool:
        admitted = list(pool.map(lambda number: _take(three[number % 3], "read"), range(3000)))
    assert 980 <= sum(admitted) <= 1000


def test_a_small_quota_is_leased_one_by_one(instances: Instances) -> None:
    three = instances(Policy("read", 5, 3600))
    assert [_take(three[number % 3], "read") for number in range(8)] == [True] * 5 + [False] * 3


def _scripts_run(client: redis.Redis) -> int:
    return int(client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"])


def test_most_leased_reads_ask_nobody(instances: Instances, server: RedisServer) -> None:
    (one,) = instances(Policy("read", 100_000, 3600), many=1)
    with server.client() as redis:
        before = _scripts_run(redis)
        assert all(_take(one, "read") for _ in range(900))
        # One lease; where the server has not got the script yet, it is asked for it twice.
        assert _scripts_run(redis) - before <= 2


@settings(max_examples=12, deadline=None)
@given(
    name=st.sampled_from(["create", "read"]),
    quota=st.integers(1, 40),
    tries=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(0, 30)), max_size=120),
)
def test_no_second_wherever_it_begins_holds_more_than_the_quota(
    instances: Instances, name: str, quota: int, tries: list[tuple[int, int, int]]
) -> None:
    three = instances(Policy(name, quota, 1))
    admitted: list[tuple[float, float]] = []
    for instance, several, milliseconds in tries:
        began = time.time()
        if _take(three[instance], name, tries=several):
            admitted += [(began, time.time())] * several
        time.sleep(milliseconds / 1000)
    # One more than the quota later at least a second has passed: from before the one to after the other.
    for (began, _), (_, ended) in zip(admitted, admitted[quota:], strict=False):
        assert ended - began > 1


def test_a_lease_counts_until_the_window_of_its_last_use_is_over(
    instances: Instances, server: RedisServer
) -> None:
    (one,) = instances(Policy("read", 1000, 100), many=1)
    with server.client() as redis:
        before = set(redis.keys("*"))
        assert _take(one, "read")
        (key,) = set(redis.keys("*")) - before
        # It may be used for a second.
        ((member, until),) = redis.zrange(key, 0, -1, withscores=True)
        assert until - float(member.split(b":")[0]) == 101_000_000
        assert 100_000 < redis.pttl(key) <= 101_000


def test_tries_come_back_after_their_window(instances: Instances) -> None:
    for name in ("create", "read"):
        three = instances(Policy(name, 4, 1))
        assert [_take(three[number % 3], name) for number in range(5)] == [True] * 4 + [False]
        time.sleep(1.1)
        assert _take(three[0], name)


def test_what_is_given_back_can_be_used_by_another_instance(instances: Instances) -> None:
    one, other, _ = instances(Policy("login_account", 1, 3600))
    assert _take(one, "login_account")
    assert not _take(other, "login_account")
    one.give_back("login_account", "ann")
    assert _take(other, "login_account")
    assert not _take(one, "login_account")


def test_several_tries_are_admitted_together_or_not_at_all(instances: Instances) -> None:
    one, other, _ = instances(Policy("create", 10, 3600))
    assert _take(one, "create", tries=7)
    assert not _take(other, "create", tries=4)
    assert _take(other, "create", tries=3)


def test_nobody_is_named_in_redis(instances: Instances, server: RedisServer) -> None:
    one = instances(Policy("create", 10, 3600), many=1)[0]
    assert _take(one, "create", key="ann@example.com")
    with server.client() as redis:
        named = [key for key in redis.keys("*") if b"ann" in key or b"example" in key]
        assert named == []


def test_without_redis_and_after_it_forgot_each_process_has_its_own_count(instances: Instances) -> None:
    with redis_server() as server:
        policy = {"login_account": Policy("login_account", 10, 3600)}
        two = [
            Limiter(policy, shared=SharedLimits(RedisCalls(client(server.url)), "test", b"secret"))
            for _ in range(2)
        ]
        assert [_take(two[0], "login_account") for _ in range(4)] == [True] * 4
        with server.client() as redis:
            redis.flushall()
        assert sum(_take(two[0], "login_account") for _ in range(20)) == 6, "its own tries are not forgotten"
        server.stop()
        assert sum(_take(two[number % 2], "login_account") for number in range(60)) == 10, "the other's own"
        server.start()
        assert not any(_take(limiter, "login_account") for limiter in two)

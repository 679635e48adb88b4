"""Limits over three instances and one Redis, asked for over HTTP and all at once."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from tests.chaos.histories import client_of
from tests.chaos.instances import RedisServer, instances, redis_server
from tests.chaos.load import logged_in
from tests.people import new_address
from tests.servers import Server

# The others stay at their defaults.
_LIMITS = (
    "create=100/hour,register=10000/hour,login_account=10/5minute,login_address=1000/5minute,read=200/hour"
)


@dataclass(frozen=True)
class Limited:
    redis: RedisServer
    servers: list[Server]

    def at_once(self, times: int, ask: Callable[[httpx.Client], httpx.Response]) -> Counter[int]:
        """What so many calls were answered, on all instances in turn."""
        with ExitStack() as opened, ThreadPoolExecutor(24) as pool:
            clients = [opened.enter_context(client_of(server, {})) for server in self.servers]
            return Counter(
                pool.map(lambda number: ask(clients[number % len(clients)]).status_code, range(times))
            )


@pytest.fixture(scope="module")
def limited(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    home = tmp_path_factory.mktemp("limited")
    with (
        redis_server() as redis,
        instances(home, new_database(), [redis.url] * 3, TASKAPI_LIMITS=_LIMITS) as servers,
    ):
        yield Limited(redis, servers)


def _create(headers: dict[str, str]) -> Callable[[httpx.Client], httpx.Response]:
    return lambda client: client.post("/tasks", json={"title": "One"}, headers=headers)


def test_of_five_hundred_tries_at_once_exactly_the_quota_is_admitted(limited: Limited) -> None:
    headers = logged_in(limited.servers[0])
    assert limited.at_once(500, _create(headers)) == {201: 100, 429: 400}


def test_a_spray_of_log_ins_is_never_answered_more_often_than_the_quota(limited: Limited) -> None:
    account = {"email": new_address(), "password": "not the password"}
    found = limited.at_once(60, lambda client: client.post("/auth/login", json=account))
    assert found == {401: 10, 429: 50}


def test_reads_are_never_more_than_the_quota_and_little_less(limited: Limited) -> None:
    headers = logged_in(limited.servers[0])
    found = limited.at_once(400, lambda client: client.get("/tasks", headers=headers))
    assert 196 <= found[200] <= 200
    assert found.total() == found[200] + found[429]


def test_without_redis_each_process_has_the_quota_for_itself_and_no_more(limited: Limited) -> None:
    headers = logged_in(limited.servers[0])
    account = {"email": new_address(), "password": "not the password"}
    limited.redis.stop()
    try:
        assert limited.at_once(400, _create(headers)) == {201: 300, 429: 100}
        assert limited.at_once(60, lambda client: client.post("/auth/login", json=account)) == {
            401: 30,
            429: 30,
        }
    finally:
        limited.redis.start()

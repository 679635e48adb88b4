"""Redis with Sentinels: the master is replaced, and two that both believe to be it deceive nobody."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from taskapi.broker import Away, celery_of, rings
from taskapi.keys import load_keys, new_secret_key, new_signing_key
from taskapi.settings import load_settings
from tests.chaos.histories import History, Seen, client_of
from tests.chaos.instances import instances, redis_server
from tests.chaos.load import logged_in
from tests.chaos.sentinels import watched_redis
from tests.chaos.wire import Wire
from tests.servers import Server


def _until_hit(servers: list[Server]) -> float:
    """Seconds until each answers from memory."""
    began = time.monotonic()
    headers = logged_in(servers[0])
    for server in servers:
        with client_of(server, headers) as client:
            while client.get("/tasks").headers["X-Cache"] != "hit":
                assert time.monotonic() - began < 20, "nobody believes what they know"
                time.sleep(0.05)
    return time.monotonic() - began


def test_a_master_that_dies_is_replaced_and_nobody_sees_what_is_too_old(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    with watched_redis() as redis, instances(tmp_path, new_database(), [redis.url] * 2) as servers:
        _until_hit(servers)
        with History(servers, scopes=2, seed=1) as history:
            time.sleep(1)
            redis.master.stop()
            time.sleep(4)
        assert history.seen.faults == []
        assert history.seen.statuses.keys() == {"read 200", "write 200"}
        took = _until_hit(servers)
        print(f"\nanswered from memory again after {took:.1f} s")  # noqa: T201 - shown by -s
        with redis.replica.client() as client:
            assert client.info("replication")["role"] == "master"


def test_rings_go_to_whichever_is_the_master() -> None:
    with watched_redis() as redis:
        keys = {"TASKAPI_SIGNING_KEY": new_signing_key(), "TASKAPI_SECRET_KEY": new_secret_key()}
        settings = load_settings(DATABASE_URL="postgresql://u@h/d", REDIS_URL=redis.url, **keys)
        made = load_keys(settings)
        send = rings(celery_of(settings, made))
        send(2)
        with redis.master.client() as client:
            assert client.llen(f"{made.name}:rings") == 2
        redis.master.stop()
        for _ in range(100):
            try:
                send(1)
                break
            except Away:
                time.sleep(0.2)
        else:
            raise AssertionError("nobody took a ring")
        with redis.replica.client() as client:
            assert client.llen(f"{made.name}:rings") >= 1


def test_two_that_both_believe_to_be_the_master_deceive_nobody(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    seen = _led_apart(new_database(), tmp_path)
    assert seen.faults == []
    assert seen.statuses.keys() == {"read 200", "write 200"}


@pytest.mark.prove
def test_processes_that_do_not_agree_on_a_master_are_found(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    module, fault = "tests.chaos.faulty_server", "agrees with nobody"
    assert _led_apart(new_database(), tmp_path, module, FAULT=fault).faults


def _led_apart(database_url: str, home: Path, module: str = "taskapi", **settings: str) -> Seen:
    """What a history saw in which one instance is led to another master, as where a network cut off its
    Sentinel.
    """
    with (
        redis_server() as one,
        redis_server() as other,
        Wire(one.port) as first,
        Wire(one.port) as second,
        instances(home, database_url, [first.url, second.url], module, **settings) as servers,
    ):
        _until_hit(servers)
        with History(servers, scopes=2, seed=1) as history:
            time.sleep(1)
            first.lead_to(other.port)
            time.sleep(4)
            second.lead_to(other.port)
            time.sleep(2)
        _until_hit(servers)
        return history.seen

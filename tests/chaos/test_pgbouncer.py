"""The same code behind pgbouncer in transaction mode, where two statements may meet two servers."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest
from flask import Flask

from tests.chaos.load import WRITERS, Load, logged_in
from tests.chaos.poolers import EACH_PROGRAM, Pgbouncer, Program, pgbouncer_before
from tests.chaos.synchronous import (
    a_standby_that_does_not_answer,
    end_what_waits,
    give_commits,
    wait_for_a_commit,
)
from tests.people import Answer, Person, make_person
from tests.servers import Server, running, start_postgres


@pytest.fixture(scope="module", params=EACH_PROGRAM)
def pgbouncer(request: pytest.FixtureRequest) -> Iterator[Pgbouncer]:
    program: Program = request.param
    postgres = start_postgres()
    with pgbouncer_before(postgres, program) as pooler:
        yield pooler
    postgres.stop()


@pytest.fixture
def server(pgbouncer: Pgbouncer, home: Path) -> Iterator[Server]:
    settings = {"TASKAPI_LIMITS": "off", "TASKAPI_CACHE_MB": "0"} | pgbouncer.program.settings
    with running(home, DATABASE_URL=pgbouncer.url, **settings) as started:
        yield started


@pytest.fixture(scope="module")
def ann(pgbouncer: Pgbouncer, make_app: Callable[..., Flask]) -> Person:
    """Served through the pooler; her tables were made without it, as migrations have to be."""
    make_app("sqlite", DATABASE_URL=pgbouncer.postgres.url())
    return make_person(make_app("sqlite", DATABASE_URL=pgbouncer.url, **pgbouncer.program.settings))


def _nothing(pgbouncer: Pgbouncer) -> None:
    """Only the load, over fewer connections than threads."""
    time.sleep(2)


@pytest.mark.parametrize("happening", [_nothing, Pgbouncer.restart])
def test_reads_see_nothing_of_it_and_each_write_is_done_once(
    pgbouncer: Pgbouncer, server: Server, happening: Callable[[Pgbouncer], None]
) -> None:
    with Load(server) as load:
        happening(pgbouncer)
        took = load.seconds_until_written()
    print(  # noqa: T201 - seen with -s
        f"\n{happening.__name__}: {load.writes[503]} writes refused, 20 made {took:.1f} s after,"
        f" {load.reads[200]} reads"
    )
    assert set(load.reads) == {200}, load.reads
    assert set(load.writes) <= {201, 503}, load.writes
    # A connection of the pool has at most one write in hand.
    assert load.writes[503] <= (0 if happening is _nothing else WRITERS)
    found = load.all_titles()
    assert load.titles <= set(found)


def test_a_key_in_use_is_known_behind_it_too(server: Server) -> None:
    headers = logged_in(server) | {"Idempotency-Key": "one"}
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=20) as client:
        answers = [client.post("/tasks", json={"title": "One"}) for _ in range(10)]
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.text for answer in answers}) == 1
        assert len(client.get("/tasks?q=One").json()["items"]) == 1
        titles = {f"Often {number}" for number in range(30)}
        for title in titles:
            made = client.post("/tasks", json={"title": title}, headers={"Idempotency-Key": title})
            assert made.status_code == 201
        assert {one["title"] for one in client.get("/tasks?q=Often&limit=50").json()["items"]} == titles


def test_statements_are_prepared_where_it_knows_them(pgbouncer: Pgbouncer, ann: Person) -> None:
    for _ in range(10):
        assert ann.api.get("/tasks").status_code == 200
    with psycopg.connect(pgbouncer.url, prepare_threshold=None) as connection:
        found = connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
    assert found is not None
    assert (found[0] > 0) is pgbouncer.program.knows_prepared


def _create(ann: Person, key: str) -> Answer:
    return ann.api.post("/tasks", {"title": f"Under {key}"}, headers={"Idempotency-Key": key})


def _asked_again(ann: Person, key: str) -> Answer:
    """As clients do who are told to wait: a server holds the key until its commit ends."""
    for _ in range(100):
        answer = _create(ann, key)
        if answer.status_code != 409:
            break
        assert answer.json["code"] == "idempotency_key_in_use"
        time.sleep(0.1)
    return answer


def _the_deadline(_pgbouncer: Pgbouncer) -> None:
    """Nothing but time, after which the service has the commit cancelled through the pooler."""


def _a_cancelling(pgbouncer: Pgbouncer) -> None:
    end_what_waits(pgbouncer.postgres, "pg_cancel_backend")


def _a_terminating(pgbouncer: Pgbouncer) -> None:
    end_what_waits(pgbouncer.postgres, "pg_terminate_backend")


def _a_restart_of_the_pooler(pgbouncer: Pgbouncer) -> None:
    wait_for_a_commit(pgbouncer.postgres)
    pgbouncer.restart()


@pytest.mark.parametrize("end", [_the_deadline, _a_cancelling, _a_terminating, _a_restart_of_the_pooler])
def test_a_commit_ended_behind_it_is_never_a_success_and_done_once_by_its_key(
    pgbouncer: Pgbouncer, ann: Person, end: Callable[[Pgbouncer], None]
) -> None:
    key = end.__name__
    give_commits(ann.parts.database, 0.5 if end is _the_deadline else 30)
    with a_standby_that_does_not_answer(pgbouncer.postgres), ThreadPoolExecutor(1) as threads:
        asked: Future[Answer] = threads.submit(_create, ann, key)
        end(pgbouncer)
        answer = asked.result(timeout=20)
    assert (answer.status_code, answer.json["code"]) == (503, "outcome_unknown")
    again = _asked_again(ann, key)
    assert again.status_code == 201, again.text
    titles = [task["title"] for task in ann.api.get("/tasks?limit=200").json["items"]]
    assert titles.count(f"Under {key}") == 1
    assert ann.api.get(f"/operations?key={key}").json["outcome"] == "applied"

"""Commits on PostgreSQL that nobody hears the end of: never a 2xx, and the truth can be had afterwards."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest
from flask import Flask

from taskapi.commits import Deadlines
from tests.chaos.synchronous import a_standby_that_does_not_answer, end_what_waits, give_commits
from tests.people import Answer, Person, make_person
from tests.servers import Postgres, start_postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server of its own, since what is set here is set for all of its databases."""
    started = start_postgres()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def ann(server: Postgres, make_app: Callable[..., Flask]) -> Person:
    app = make_app("sqlite", DATABASE_URL=server.url())
    give_commits(app.extensions["taskapi"].database, 0.5)
    return make_person(app)


def _create(ann: Person, key: str) -> Answer:
    return ann.api.post("/tasks", {"title": f"Under {key}"}, headers={"Idempotency-Key": key})


def _titles(ann: Person) -> list[str]:
    return [task["title"] for task in ann.api.get("/tasks?limit=200").json["items"]]


def test_a_commit_that_no_standby_confirms_is_neither_a_success_nor_lost(
    server: Postgres, ann: Person
) -> None:
    with a_standby_that_does_not_answer(server):
        answer = _create(ann, "frozen")
    assert (answer.status_code, answer.json["code"]) == (503, "outcome_unknown")
    assert int(answer.headers["Retry-After"]) >= 1
    # It was committed here, although nobody could be told so: the key tells, and makes no second one.
    assert ann.api.get("/operations?key=frozen").json["outcome"] == "applied"
    assert _create(ann, "frozen").headers["Idempotency-Replayed"] == "true"
    assert _titles(ann).count("Under frozen") == 1


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_commit_that_is_ended_by_somebody_is_never_a_success(
    server: Postgres, ann: Person, how: str
) -> None:
    give_commits(ann.parts.database, 30)
    with a_standby_that_does_not_answer(server), ThreadPoolExecutor(1) as threads:
        asked: Future[Answer] = threads.submit(_create, ann, how)
        end_what_waits(server, how)
        answer = asked.result(timeout=20)
    assert (answer.status_code, answer.json["code"]) == (503, "outcome_unknown")
    again = _create(ann, how)
    assert again.status_code == 201
    assert _titles(ann).count(f"Under {how}") == 1


def test_whoever_reads_after_an_unknown_outcome_is_told_what_is_there(server: Postgres, ann: Person) -> None:
    give_commits(ann.parts.database, 0.5)
    before = ann.api.get("/tasks?limit=200")
    with a_standby_that_does_not_answer(server):
        assert _create(ann, "seen").status_code == 503
    after = ann.api.get("/tasks?limit=200", headers={"If-None-Match": before.etag})
    assert after.status_code == 200
    assert "Under seen" in after.text


def test_commits_in_time_are_left_alone_and_their_watcher_ends_with_them(server: Postgres) -> None:
    deadlines, others = Deadlines(0.2), set(threading.enumerate())
    with psycopg.connect(server.url()) as connection:
        for _ in range(3):
            connection.execute("CREATE TABLE IF NOT EXISTS nothing (it int)")
            with deadlines.over(connection):
                connection.commit()
            # Idle for longer than a deadline, it is not cancelled for a commit that ended.
            time.sleep(0.3)
            assert connection.execute("SELECT 1").fetchone() == (1,)
    for _ in range(100):
        if not [one for one in threading.enumerate() if one not in others and "commits" in one.name]:
            return
        time.sleep(0.05)
    raise AssertionError("the watcher outlived its commits")

"""A request is found again in what PostgreSQL shows of its work, and in the log of slow statements."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from flask import Flask

from taskapi import overdue
from taskapi.epochs import scope_key
from tests.people import make_person


@pytest.fixture(scope="module")
def on_postgresql(make_app: Callable[..., Flask], new_database: Callable[[], str]) -> tuple[Flask, str]:
    url = new_database()
    return make_app("sqlite", DATABASE_URL=url), url


def test_a_write_that_waits_says_whose_it_is(on_postgresql: tuple[Flask, str]) -> None:
    app, url = on_postgresql
    ann = make_person(app)
    ann.new_task("First")
    with psycopg.connect(url) as holder, ThreadPoolExecutor(1) as thread:
        holder.execute("SELECT 1 FROM epochs WHERE key = %s FOR UPDATE", (scope_key(ann.id),))
        asked = thread.submit(
            ann.api.post, "/tasks", {"title": "Waits"}, headers={"X-Request-ID": "find-me-again"}
        )
        assert _shown(url) == "/* request find-me-again */"
        holder.rollback()
        assert asked.result().status_code == 201


def _shown(url: str) -> str:
    """The end of the statement that waits for a lock."""
    waiting = (
        "SELECT right(query, 28) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(200):
            row = connection.execute(waiting).fetchone()
            if row is not None:
                return str(row[0]).strip()
            time.sleep(0.05)
    raise AssertionError("nothing waited")


def test_slow_statements_are_told_without_what_people_wrote(
    on_postgresql: tuple[Flask, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ann = make_person(on_postgresql[0])
    monkeypatch.setattr(overdue, "SLOW_SECONDS", 0.0)
    with caplog.at_level("WARNING", "taskapi.overdue"):
        ann.new_task("A secret of Ann's")
        assert ann.api.get("/tasks?q=secret").status_code == 200
    assert "INSERT INTO tasks" in caplog.text
    assert "FROM tasks" in caplog.text
    assert "secret" not in caplog.text.lower()

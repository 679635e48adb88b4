"""Commits that wait for a standby which is not there, as for one that is frozen."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg

from taskapi.commits import Deadlines
from taskapi.db import Database
from tests.servers import Postgres


def give_commits(database: Database, seconds: float) -> None:
    """The deadline of its commits."""
    assert database._remote is not None
    database._remote = replace(database._remote, deadlines=Deadlines(seconds))


@contextmanager
def a_standby_that_does_not_answer(server: Postgres) -> Iterator[None]:
    _configure(server, "'a_standby_that_is_away'")
    try:
        yield
    finally:
        _configure(server, "''")


def end_what_waits(server: Postgres, how: str) -> None:
    """End the one backend that waits for the standby by a function of the server, once there is one."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"SELECT {how}(%s)", [_backend_that_waits(connection)])


def wait_for_a_commit(server: Postgres) -> None:
    """Until a commit waits for the standby."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        _backend_that_waits(connection)


def _backend_that_waits(connection: "psycopg.Connection[tuple[int]]") -> int:
    for _ in range(200):
        row = connection.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchone()
        if row is not None:
            return row[0]
        time.sleep(0.05)
    raise AssertionError("no commit waited")


def _configure(server: Postgres, standby: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = {standby}")
        connection.execute("SELECT pg_reload_conf()")
    # The new value is everybody's once the server has told its processes.
    wanted = standby.strip("'")
    for _ in range(100):
        with psycopg.connect(server.url(), autocommit=True) as connection:
            row = connection.execute("SHOW synchronous_standby_names").fetchone()
            if row is not None and row[0] == wanted:
                return
        time.sleep(0.05)
    raise AssertionError("the server did not take its new setting")

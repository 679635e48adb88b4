"""Migrations of a database in use: nobody is failed by them, and one that was killed can be run again."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from taskapi import schema
from taskapi.db import Database
from taskapi.errors import BadStart
from taskapi.settings import load_settings
from tests.chaos.load import Load
from tests.chaos.paced import PacedLoad
from tests.servers import clean_environment, command, running

# The oldest revision at which the code of this release can keep tasks: below it a column is missing that it
# reads.
OLDEST = "0005"


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    return new_database()


@contextmanager
def holding(url: str, seconds: float, statement: str) -> Iterator[None]:
    """Somebody has a table in a transaction that goes on for so long."""
    holds = threading.Event()

    def hold() -> None:
        with psycopg.connect(url) as connection:
            connection.execute(statement)
            holds.set()
            time.sleep(seconds)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(10)
    yield
    thread.join()


def _migrated(home: Path, url: str, *arguments: str) -> None:
    ended = command("migrate", *arguments, home=home, DATABASE_URL=url)
    assert ended.returncode == 0, ended.stderr


def test_down_and_up_again_under_load_fails_nobody(database_url: str, home: Path) -> None:
    settings = {"TASKAPI_LIMITS": "off", "TASKAPI_CACHE_MB": "0"}
    with running(home, DATABASE_URL=database_url, **settings) as server, Load(server) as load:
        holder = "SELECT 1 FROM tasks LIMIT 1"
        with holding(database_url, 1.5, holder):
            _migrated(home, database_url, "--to", OLDEST, "--yes")
        with holding(database_url, 1.5, holder):
            _migrated(home, database_url)
    assert set(load.reads) == {200}, load.reads
    assert set(load.writes) == {201}, load.writes


@pytest.mark.prove
def test_nobody_waits_for_a_second_through_each_migration(database_url: str, home: Path) -> None:
    steps = [str(number).zfill(4) for number in range(int(OLDEST), int(schema.head()) + 1)]
    settings = {"TASKAPI_LIMITS": "off", "TASKAPI_CACHE_MB": "0"}
    with running(home, DATABASE_URL=database_url, **settings) as server, PacedLoad([server], 50) as load:
        for step in [*reversed(steps[:-1]), *steps[1:]]:
            before, began = len(load.waits), time.monotonic()
            with holding(database_url, 1.5, "SELECT 1 FROM tasks LIMIT 1"):
                _migrated(home, database_url, "--to", step, "--yes")
            slowest = max(load.waits[before:]) * 1000
            took = time.monotonic() - began
            print(f"\nto {step} in {took:.1f} s: the slowest request after {slowest:.0f} ms")  # noqa: T201
    print(dict(load.statuses))  # noqa: T201 - a proof prints its figures
    assert load.statuses.keys() == {200, 201}
    assert load.slowest < 1


def test_a_table_that_is_held_for_long_is_waited_for_in_short_tries(
    database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(load_settings(DATABASE_URL=database_url, TASKAPI_HOME=home))
    schema.migrate(database)
    locked = "LOCK TABLE projects IN ACCESS EXCLUSIVE MODE"
    monkeypatch.setattr(schema, "_LOCK_TRIES", 2)
    with holding(database_url, 4, locked), pytest.raises(BadStart, match="has held one of the tables"):
        schema.migrate(database, "base")
    monkeypatch.setattr(schema, "_LOCK_TRIES", 60)
    with holding(database_url, 2, locked):
        assert schema.migrate(database, "base") == "base"
    assert schema.migrate(database) == schema.head()
    database.close()


def test_a_migration_that_was_killed_half_way_can_be_run_again(database_url: str, home: Path) -> None:
    _migrated(home, database_url, "--to", OLDEST, "--yes")
    # An index cannot be finished while a transaction that is older goes on.
    with holding(database_url, 4, "INSERT INTO epochs VALUES ('held', 1)"):
        migrating = subprocess.Popen(
            [sys.executable, "-m", "taskapi", "migrate"],
            env=clean_environment(TASKAPI_HOME=str(home), DATABASE_URL=database_url),
        )
        time.sleep(2.5)
        migrating.kill()
        migrating.wait()
    _migrated(home, database_url)
    with psycopg.connect(database_url) as connection:
        bad = connection.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone()
    assert bad == (0,)

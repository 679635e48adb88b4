"""Strict synchronous replication with a real standby: frozen, and then the one that is left."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from flask import Flask

from tests.chaos.synchronous import give_commits
from tests.people import Answer, Person, make_person
from tests.servers import SERVER_USER, Postgres, free_port, start_postgres

NAME = "standby"


def _standby_of(primary: Postgres) -> Postgres:
    """A copy of the primary that follows it, and that its commits wait for."""
    folder = Path(tempfile.mkdtemp(prefix="taskapi-standby-"))
    if SERVER_USER is not None:
        shutil.chown(folder, SERVER_USER)
    source = f"host=127.0.0.1 port={primary.port} user=postgres application_name={NAME}"
    subprocess.run(
        [
            *(str(primary.programs / "pg_basebackup"), "-d", source, "-D", str(folder / "data")),
            *("-R", "-X", "stream", "-c", "fast", "--no-sync"),
        ],
        check=True,
        capture_output=True,
        user=SERVER_USER,
    )
    standby = Postgres(primary.programs, folder, free_port())
    standby.control("start", "-w", "-o", standby.flags)
    return standby


def _processes(server: Postgres) -> list[int]:
    """The postmaster and its children."""
    master = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    children = subprocess.run(
        ["pgrep", "-P", str(master)], capture_output=True, text=True, check=False
    ).stdout.split()
    return [master, *map(int, children)]


@contextmanager
def frozen(server: Postgres) -> Iterator[None]:
    """Nothing of a server runs, as on a machine whose disk hangs; its connections stay open."""
    stopped = _processes(server)
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


@pytest.fixture
def pair() -> Iterator[tuple[Postgres, Postgres]]:
    primary = start_postgres()
    standby = _standby_of(primary)
    with psycopg.connect(primary.url(), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
        connection.execute("SELECT pg_reload_conf()")
        _wait_for(connection, "SELECT sync_state = 'sync' FROM pg_stat_replication")
    yield primary, standby
    for server in (primary, standby):
        with suppress(subprocess.CalledProcessError):
            server.stop()


def _wait_for(connection: "psycopg.Connection[tuple[object, ...]]", question: str) -> None:
    for _ in range(200):
        row = connection.execute(question).fetchone()
        if row and row[0]:
            return
        time.sleep(0.05)
    raise AssertionError(question)


@pytest.fixture
def ann(pair: tuple[Postgres, Postgres], make_app: Callable[..., Flask]) -> Person:
    app = make_app("sqlite", DATABASE_URL=pair[0].url())
    give_commits(app.extensions["taskapi"].database, 1.0)
    return make_person(app)


def _create(person: Person, key: str) -> Answer:
    return person.api.post("/tasks", {"title": f"Under {key}"}, headers={"Idempotency-Key": key})


def _titles(person: Person) -> list[str]:
    return [task["title"] for task in person.api.get("/tasks?limit=200").json["items"]]


def test_a_write_that_the_frozen_standby_lacks_is_no_success_and_done_once(
    pair: tuple[Postgres, Postgres], ann: Person
) -> None:
    assert _create(ann, "before").status_code == 201
    with frozen(pair[1]):
        answers = [_create(ann, key) for key in ("one", "two")]
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json["code"] for answer in answers} == {"outcome_unknown"}
    for key in ("one", "two"):
        assert _create(ann, key).status_code == 201
    assert sorted(_titles(ann)) == ["Under before", "Under one", "Under two"]
    assert _create(ann, "after").status_code == 201


def test_after_a_failover_the_truth_is_told_and_the_key_makes_exactly_one(
    pair: tuple[Postgres, Postgres], ann: Person, make_app: Callable[..., Flask]
) -> None:
    primary, standby = pair
    assert _create(ann, "before").status_code == 201
    with frozen(standby):
        assert _create(ann, "lost").json["code"] == "outcome_unknown"
        # The primary goes for good, and with it whatever the standby has not got.
        primary.control("stop", "-m", "immediate", "-w")
    standby.control("promote", "-w")
    with psycopg.connect(standby.url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
        connection.execute("SELECT pg_reload_conf()")
    moved = _moved_to(standby, ann, make_app)
    told = moved.api.get("/operations?key=lost").json["outcome"]
    assert told == ("applied" if "Under lost" in _titles(moved) else "not_applied")
    assert _create(moved, "lost").status_code == 201
    # What was acknowledged is there, and nothing twice.
    assert sorted(_titles(moved)) == ["Under before", "Under lost"]


def _moved_to(standby: Postgres, person: Person, make_app: Callable[..., Flask]) -> Person:
    """The same person with the same token, served by a process on the standby."""
    home = person.parts.settings.home
    return replace(person, app=make_app("sqlite", DATABASE_URL=standby.url(), TASKAPI_HOME=home))

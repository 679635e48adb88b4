"""A backup made while people write: with everything that was acknowledged before it, and it comes back."""

import os
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result
from flask import Flask

from taskapi import create_app, schema
from taskapi.__main__ import cli
from taskapi.backups import checksums, manifest
from taskapi.backups.manifest import Manifest
from taskapi.db import Database
from taskapi.settings import load_settings
from tests.backups.places import Places, places
from tests.chaos.writers import Known, Writer
from tests.people import PASSWORD, Api, Person, make_person
from tests.servers import clean_environment, command, running

__all__ = ["places"]

# What is as it was, to the byte: the others are made safe, or told of it.
EQUAL = ("projects", "task_history", "tasks", "idempotency", "notification_settings", "alembic_version")


@dataclass
class Drill:
    """What was acknowledged before the backup began, and what came back."""

    person: Person
    acknowledged: dict[str, Known]
    made: Manifest
    during: int
    seconds: float
    copy: dict[str, str]
    home: Path


def drilled(places: Places, writers: int, before: int, seeded: int) -> Drill:
    """Write, back up while writing goes on, and restore into an empty place."""
    home, environment = places.folder / "original", places.environment()
    person = prepared(home, environment)
    if seeded:
        assert command("seed", "--tasks", str(seeded), home=home, **environment).returncode == 0
    stop = threading.Event()
    with running(home, TASKAPI_LIMITS="off", **environment) as server:
        crowd = [Writer(server.port, person.grant.access_token, seed, stop) for seed in range(writers)]
        for writer in crowd:
            writer.start()
        while sum(len(writer.statuses) for writer in crowd) < before:
            time.sleep(0.01)
        acknowledged = {task: known for writer in crowd for task, known in dict(writer.tasks).items()}
        begun, sent = time.monotonic(), sum(len(writer.statuses) for writer in crowd)
        folder = places.folder / "backup"
        done = in_process("backup", str(folder), *places.options, "--json", home=home, **environment)
        seconds = time.monotonic() - begun
        during = sum(len(writer.statuses) for writer in crowd) - sent
        stop.set()
        for writer in crowd:
            writer.join()
            assert (writer.broken, writer.refusals) == (None, [])
    assert done.exit_code == 0, done.stderr
    copy, into = places.environment(), places.folder / "copy"
    restored = in_process("restore", str(folder), *places.options, "--json", home=into, **copy)
    assert restored.exit_code == 0, restored.stderr
    assert orjson.loads(restored.stdout)["ended_sessions"] >= 1
    return Drill(person, acknowledged, manifest.read(folder), during, seconds, copy, into)


def in_process(*arguments: str, home: Path, **environment: str) -> Result:
    """A command in this process, which the server is not in."""
    unset: dict[str, str | None] = {name: None for name in os.environ if name not in clean_environment()}
    return CliRunner().invoke(cli, arguments, env={**unset, "TASKAPI_HOME": str(home), **environment})


def prepared(home: Path, environment: Mapping[str, str]) -> Person:
    """Somebody who has a project, on a migrated database."""
    home.mkdir()
    app = create_app(load_settings(TASKAPI_HOME=home, **environment))
    database = app.extensions["taskapi"].database
    schema.migrate(database)
    person = make_person(app)
    assert person.api.post("/projects", {"name": "家"}).status_code == 201
    database.close()
    return person


def require_equal(drill: Drill) -> None:
    """Equal checksums, every acknowledged write, and a service that answers from the copy."""
    settings = load_settings(TASKAPI_HOME=drill.home, **drill.copy)
    with closing(Database(settings)) as database, database.schema_connection() as connection:
        found = checksums.tables_of(connection)
    assert {name: found[name] for name in EQUAL} == {name: drill.made.tables[name] for name in EQUAL}
    assert found["users"].rows == drill.made.tables["users"].rows
    if settings.sqlite_file is not None:
        with closing(sqlite3.connect(settings.sqlite_file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    versions = served(create_app(settings), drill.person)
    for task, known in drill.acknowledged.items():
        assert versions[task] >= known.version


def served(app: Flask, person: Person) -> dict[str, int]:
    """The version of each task as the service answers it from the copy, to whom logs in again."""
    assert Api(app, person.grant.access_token).get("/tasks").status_code == 401
    credentials = {"email": person.email, "password": PASSWORD}
    api = Api(app, Api(app).post("/auth/login", credentials).json["access_token"])
    versions: dict[str, int] = {}
    for trashed in ("false", "true"):
        query = {"limit": "200", "trashed": trashed}
        while True:
            page = api.get("/tasks", query_string=query).json
            versions |= {item["id"]: item["version"] for item in page["items"]}
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
    app.extensions["taskapi"].database.close()
    return versions


def test_what_was_acknowledged_before_a_backup_is_in_what_is_restored(places: Places) -> None:
    drill = drilled(places, writers=3, before=60, seeded=0)
    require_equal(drill)
    assert len(drill.acknowledged) > 10
    assert drill.during > 0


@pytest.mark.prove
def test_a_large_backup_under_eight_writers_comes_back_equal(places: Places) -> None:
    drill = drilled(places, writers=8, before=500, seeded=100_000)
    print(  # noqa: T201 - a proof prints its figures
        f"\n{places.engine}: {drill.made.rows} rows backed up in {drill.seconds:.1f} s while"
        f" {drill.during} writes were answered; {len(drill.acknowledged)} acknowledged before are there;"
        f" {len(EQUAL)} tables equal"
    )
    require_equal(drill)

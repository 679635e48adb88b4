"""Strict synchronous replication with a real standby: frozen, and then the one that is left."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from flask import Flask

from tests.chaos.standbys import configure, frozen, make_synchronous, standby_of
from tests.chaos.synchronous import give_commits
from tests.people import Answer, Person, make_person
from tests.servers import Postgres, start_postgres

NAME = "standby"


@pytest.fixture
def pair() -> Iterator[tuple[Postgres, Postgres]]:
    primary = start_postgres()
    standby = standby_of(primary, NAME)
    make_synchronous(primary, NAME)
    yield primary, standby
    for server in (primary, standby):
        with suppress(subprocess.CalledProcessError):
            server.stop()


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
    configure(standby, "synchronous_standby_names", "")
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

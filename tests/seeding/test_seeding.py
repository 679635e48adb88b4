"""Seeded data: as if people had typed it, the same again for the same seed, and never twice."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from taskapi.accounts.models import User
from taskapi.accounts.service import apply, by_id
from taskapi.clock import rfc3339
from taskapi.commands.progress import Steps
from taskapi.commands.seed import Seeded, planted
from taskapi.parts import Parts
from taskapi.seeding import sources
from taskapi.seeding.identity import age_of, id_at
from taskapi.seeding.planting import AddressTaken, address, find_author
from taskapi.tasks.models import Task, TaskChange
from taskapi.tasks.schemas import PRIORITIES, content_of
from tests.people import PASSWORD, Person, make_person, open_session_of
from tests.problems import check_problem

TASKS = 60
_SEEDS = count(100)


def seed_into(parts: Parts, seed: int, *shares: int) -> Seeded:
    with Steps("tasks", sum(shares), quiet=True) as steps:
        return planted(parts.database, seed, list(shares), PASSWORD, steps)


def author_of(app: Flask, seed: int, number: int = 0) -> Person:
    parts: Parts = app.extensions["taskapi"]
    with parts.database.reader() as session:
        author = find_author(session, seed, number)
    assert author is not None
    return Person(app, author.user_id, address(seed, number), open_session_of(app, author.user_id))


def rows_of(parts: Parts, user_id: str, model: Any = Task) -> list[Any]:
    with parts.database.reader() as session:
        columns = model.__table__.c
        return list(session.rows(select(*columns).where(columns.scope_id == user_id).order_by(columns.epoch)))


@pytest.fixture
def seed() -> int:
    """Of people that no other test knows."""
    return next(_SEEDS)


@pytest.fixture
def anna(app: Flask, parts: Parts, seed: int) -> Person:
    """The first person of a seed, with sixty tasks."""
    seed_into(parts, seed, TASKS)
    return author_of(app, seed)


def test_putting_what_was_read_is_no_change(anna: Person) -> None:
    live = [row for row in rows_of(anna.parts, anna.id) if row.trashed_at is None]
    assert len(live) > TASKS // 2
    for row in live:
        before = anna.api.get(f"/tasks/{row.id}")
        same = {name: before.json[name] for name in content_of(row)}
        after = anna.api.put(f"/tasks/{row.id}", same)
        assert (after.status_code, after.etag, after.json) == (200, before.etag, before.json)


def test_what_is_searched_and_sorted_by_is_what_the_api_would_have_written(anna: Person) -> None:
    computed = (
        "title_key",
        "label_keys",
        "search_text",
        "due_sort",
        "labels",
        "priority",
        "due_at",
        "due_on",
    )
    for row in rows_of(anna.parts, anna.id):
        made = anna.new_task(**content_of(row))
        (typed,) = (one for one in rows_of(anna.parts, anna.id) if one.id == made["id"])
        assert [getattr(typed, name) for name in computed] == [getattr(row, name) for name in computed]


def test_lists_searches_and_stats_are_what_a_recount_says(anna: Person) -> None:
    rows = rows_of(anna.parts, anna.id)
    live = [row for row in rows if row.trashed_at is None]
    for sort, key in (
        ("title", lambda row: (row.title.casefold(), row.id)),
        ("position", lambda row: (row.position, row.id)),
        ("created_at", lambda row: (row.created_at, row.id)),
    ):
        listed = anna.api.get(f"/tasks?limit=200&count=true&sort={sort}").json
        assert [one["id"] for one in listed["items"]] == [row.id for row in sorted(live, key=key)]
        assert listed["total"] == len(live)
    word = live[0].title.split()[-1]
    found = anna.api.get("/tasks", query_string={"q": word, "limit": 200}).json["items"]
    assert live[0].id in [one["id"] for one in found]
    stats = anna.api.get("/stats").json
    states = Counter("trashed" if row.trashed_at is not None else row.status for row in rows)
    assert {name: stats[name] for name in ("todo", "in_progress", "done", "trashed")} == {
        name: states[name] for name in ("todo", "in_progress", "done", "trashed")
    }
    projects = anna.api.get("/projects").json["items"]
    assert {one["id"]: one["task_count"] for one in projects} == {
        one["id"]: sum(row.project_id == one["id"] for row in live) for one in projects
    }
    labels = anna.api.get("/labels").json["items"]
    assert sum(one["count"] for one in labels) == sum(len(content_of(row)["labels"]) for row in live)


def test_the_history_of_each_task_tells_how_it_came_to_be_as_it_is(anna: Person) -> None:
    changes = Counter(row.task_id for row in rows_of(anna.parts, anna.id, TaskChange))
    for row in rows_of(anna.parts, anna.id):
        told = anna.api.get(f"/tasks/{row.id}/history").json["items"][::-1]
        assert len(told) == row.version == changes[row.id]
        assert [one["at"] for one in told] == sorted(one["at"] for one in told)
        assert (told[0]["at"], told[-1]["at"]) == (rfc3339(row.created_at), rfc3339(row.updated_at))
        assert {one["via"] for one in told} == {"cli"}
        state: dict[str, Any] = {}
        for change in told:
            for field in change["changes"]:
                assert field["before"] == state.get(field["field"], field["before"])
                assert field["before"] != field["after"]
                state[field["field"]] = field["after"]
        content = content_of(row) | {"trashed_at": rfc3339(row.trashed_at)}
        assert state.items() <= content.items()
        finished = [one["at"] for one in told for field in one["changes"] if field["after"] == "done"]
        assert finished == ([rfc3339(row.completed_at)] if row.status == "done" else [])


def test_epochs_and_places_are_each_used_once_and_placing_goes_on_from_them(anna: Person) -> None:
    rows = rows_of(anna.parts, anna.id)
    assert len({row.epoch for row in rows}) == len({row.position for row in rows}) == len(rows)
    first, *_, last = anna.api.get("/tasks?limit=200&sort=position").json["items"]
    moved = anna.api.patch(f"/tasks/{last['id']}", {"position": {"before": first["id"]}})
    assert moved.status_code == 200
    assert moved.json["position"] < first["position"]
    created = anna.new_task("On top")
    assert anna.api.get("/tasks?sort=position&limit=1").json["items"][0]["id"] == created["id"]
    trashed = next(row for row in rows if row.trashed_at is not None)
    assert anna.api.post(f"/tasks/{trashed.id}/restore").status_code == 200


def test_a_second_run_changes_nothing_and_a_larger_one_adds(app: Flask, parts: Parts, seed: int) -> None:
    made = seed_into(parts, seed, 20, 10)
    assert (made.made_users, made.made_tasks) == (2, 30)
    before = rows_of(parts, author_of(app, seed).id)
    again = seed_into(parts, seed, 20, 10)
    assert (again.made_users, again.made_tasks) == (0, 0)
    assert rows_of(parts, author_of(app, seed).id) == before
    more = seed_into(parts, seed, 25, 10, 5)
    assert (more.made_users, more.made_tasks) == (1, 10)
    after = rows_of(parts, author_of(app, seed).id)
    assert [row for row in after if row in before] == before
    assert len(after) == 25


def test_two_runs_at_once_make_each_task_once(app: Flask, parts: Parts, seed: int) -> None:
    tasks = 3_000
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: seed_into(parts, seed, tasks), range(2)))
    assert sum(run.made_tasks for run in runs) == tasks
    assert len(rows_of(parts, author_of(app, seed).id)) == tasks


def test_what_a_person_erased_comes_back_alone(anna: Person, seed: int) -> None:
    rows = rows_of(anna.parts, anna.id)
    anna.api.patch(f"/tasks/{rows[0].id}", {"title": "Mine now"})
    anna.api.delete(f"/tasks/{rows[1].id}?permanent=true")
    assert seed_into(anna.parts, seed, TASKS).made_tasks == 1
    titles = {row.id: row.title for row in rows_of(anna.parts, anna.id)}
    assert len(titles) == TASKS
    assert titles[rows[0].id] == ("Mine now" if rows[0].trashed_at is None else rows[0].title)


def test_seeded_people_log_in_and_an_address_of_somebody_else_is_left_alone(
    app: Flask, parts: Parts, seed: int
) -> None:
    stranger = make_person(app)
    parts_of_it = {"email": address(seed, 1), "password": PASSWORD}
    assert stranger.api.post("/auth/register", parts_of_it).status_code == 202
    with pytest.raises(AddressTaken):
        seed_into(parts, seed, 5, 5)
    credentials = {"email": address(seed, 0), "password": PASSWORD}
    assert stranger.api.post("/auth/login", credentials).status_code == 200


def test_an_account_has_what_the_service_computes(anna: Person) -> None:
    def row() -> dict[str, Any]:
        with anna.parts.database.reader() as session:
            (found,) = session.rows(select(*User.__table__.c).where(User.id == anna.id))
        return {name: value for name, value in found._asdict().items() if name not in {"epoch", "updated_at"}}

    before = row()
    with anna.parts.database.writer() as session:
        by_id(session, anna.id, locked=True)
        apply(session, anna.id, {"name": before["name"], "email": before["email"]})
    assert row() == before


def test_a_stranger_sees_nothing_of_it(anna: Person, bob: Person) -> None:
    row = rows_of(anna.parts, anna.id)[0]
    check_problem(bob.api.get(f"/tasks/{row.id}"), 404)


def test_all_languages_are_complete_and_people_are_told_apart() -> None:
    assert len({sources.login(number) for number in range(500)}) == 500
    for code in sources.LANGUAGES:
        known = sources.language(code)
        assert len(known.projects) == 3
        assert known.notes


def test_ids_are_shaped_like_uuid7_and_depend_on_nothing_but_their_name() -> None:
    identity = id_at(0x0123456789AB, "a", 1)
    assert identity == id_at(0x0123456789AB, "a", 1)
    assert identity.startswith("01234567-89ab-7")
    assert identity[19] in "89ab"
    assert len({id_at(0, "a", number) for number in range(10_000)}) == 10_000


def test_ages_are_spread_over_the_past_whatever_the_count() -> None:
    for many in (50, 5_000):
        ages = sorted(age_of(number) / (400 * 86_400_000) for number in range(many))
        assert 0 <= ages[0] < 0.01
        assert 0.9 < ages[-1] <= 1
        assert 0.2 < ages[many // 2] < 0.3


@pytest.mark.parametrize("name", ["status", "priority", "due_on", "labels", "trashed_at"])
def test_each_thing_a_task_can_be_is_there_among_sixty(anna: Person, name: str) -> None:
    values = {getattr(row, name) for row in rows_of(anna.parts, anna.id)}
    assert len(values) >= {"status": 3, "priority": len(PRIORITIES)}.get(name, 2)

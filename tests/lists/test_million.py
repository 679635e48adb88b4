"""A million tasks of ten thousand people on PostgreSQL: no page reads more, and changes stay cheap."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from taskapi import epochs
from taskapi.actors import Actor
from taskapi.ids import new_id
from taskapi.parts import Parts
from taskapi.tasks import service
from taskapi.tasks.models import Task
from taskapi.tasks.schemas import TaskPatch
from tests.lists.costs import INDEXED, check_bounded, read_on_postgresql, sent_for
from tests.lists.stock import analyze, some_rows
from tests.lists.walks import Lists, Query

PEOPLE, EACH = 10_000, 100
BATCH = 100
# Lists that no index is made for read what one person has, and nobody else's.
OTHERS: tuple[Query, ...] = (
    {"q": "pay 1"},
    {"q": "牛乳"},
    {"status": "done"},
    {"label": "home"},
    {"priority": "urgent", "status": "todo"},
    {"sort": "updated_at"},
    {"sort": "-updated_at", "q": "call"},
)


@dataclass(frozen=True)
class Crowd:
    """People, named by their scopes, and the application that has their tasks."""

    parts: Parts
    scopes: list[str]


def crowd_of(people: int, app: Flask) -> Crowd:
    """Filled batch by batch: the tasks of one person lie beside each other, as in a restored database."""
    parts: Parts = app.extensions["taskapi"]
    scopes = [new_id() for _ in range(people)]
    # Contents repeat from person to person; what differs is whose they are.
    contents = list(some_rows("", EACH, seed=1))
    for some in _batches(scopes):
        with parts.database.writer() as session:
            session.fill(Task, [row | _owned(scope) for scope in some for row in contents])
            for scope in some:
                epochs.move(session, epochs.scope_key(scope))
    analyze(parts.database)
    return Crowd(parts, scopes)


@pytest.fixture(scope="module")
def many(make_app: Callable[..., Flask]) -> Crowd:
    return crowd_of(PEOPLE, make_app("postgresql"))


def _batches(scopes: list[str]) -> Iterator[list[str]]:
    left = iter(scopes)
    while some := list(islice(left, BATCH)):
        yield some


def _owned(scope: str) -> dict[str, Any]:
    return {"scope_id": scope, "created_by": scope, "id": new_id()}


@pytest.mark.prove
def test_a_page_reads_its_own_rows_alone_among_a_million(many: Crowd) -> None:
    for scope in random.Random(1).sample(many.scopes, 5):
        for query in INDEXED:
            # Between two days there are few.
            limit, far = ("10", 8) if query.keys() == {"sort"} else ("2", 2)
            check_bounded(Lists(many.parts, scope), query | {"limit": limit}, far)


@pytest.mark.prove
def test_what_has_no_index_of_its_own_reads_one_persons_tasks(many: Crowd) -> None:
    most: dict[str, int] = {}
    for scope in random.Random(2).sample(many.scopes, 5):
        for query in OTHERS:
            sent, _ = sent_for(Lists(many.parts, scope), query)
            read = read_on_postgresql(many.parts, sent)
            assert "Seq Scan" not in read, (query, read)
            assert sum(read.values()) <= EACH, (query, read)
            most[str(query)] = max(most.get(str(query), 0), sum(read.values()))
    print(f"\nrows read among {PEOPLE * EACH} of {PEOPLE} people: {most}")  # noqa: T201 - a proof prints its figures


@pytest.mark.prove
def test_a_status_changes_without_touching_an_index_among_a_million(many: Crowd) -> None:
    share = _kept_out_of_indexes(many, changes=3_000)
    print(f"\n{share:.1%} of changes of a status touched no index")  # noqa: T201 - a proof prints its figures
    assert share > 0.9


def test_a_status_changes_without_touching_an_index(make_app: Callable[..., Flask]) -> None:
    assert _kept_out_of_indexes(crowd_of(10, make_app("postgresql")), changes=60) > 0.9


def _kept_out_of_indexes(crowd: Crowd, changes: int) -> float:
    """The share of so many changes of a status, each by a call of its own, that touched no index (HOT)."""
    before = _updates(crowd.parts)
    chance = random.Random(3)
    for scope in chance.choices(crowd.scopes, k=changes):
        with crowd.parts.database.reader() as session:
            tasks = session.rows(select(Task.id, Task.status).where(Task.scope_id == scope))
        task = chance.choice(tasks)
        wanted = TaskPatch(status="todo" if task.status == "done" else "done")
        with crowd.parts.database.writer() as session:
            service.change(session, Actor(scope, "", "api", ""), task.id, wanted, None)
            # The counters are everybody's soon; of the last transactions they may be missing.
            session.value(text("SELECT pg_stat_force_next_flush()"))
    after = _updates(crowd.parts)
    updated, hot = (now - then for now, then in zip(after, before, strict=True))
    assert updated > 0.9 * changes
    return hot / updated


def _updates(parts: Parts) -> tuple[int, int]:
    """How many rows of tasks were updated ever, and how many of them without touching an index."""
    counted = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'tasks'"
    with parts.database.reader() as session:
        row = session.row(text(counted))
    assert row is not None
    return row.n_tup_upd, row.n_tup_hot_upd

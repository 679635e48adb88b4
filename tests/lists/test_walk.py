"""Walking a list by cursor, alone and among writers."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.exc import TimeoutError  # noqa: A004 - the one that the pool raises

from taskapi import positions
from taskapi.actors import Actor
from taskapi.clock import now
from taskapi.db import Session
from taskapi.errors import Conflict, NotFound
from taskapi.ids import new_id
from taskapi.parts import Parts
from taskapi.tasks import service
from taskapi.tasks.models import Task
from taskapi.tasks.schemas import NewTask, TaskPatch, WholeTask
from tests.conftest import ENGINES
from tests.lists.stock import analyze, some_content, some_rows, write
from tests.lists.walks import SORTS, Lists
from tests.people import Person


def _pages(person: Person, limit: int) -> Iterator[list[dict[str, Any]]]:
    """The pages of one walk to its end."""
    query = {"limit": str(limit)}
    for _ in range(1_000):
        answer = person.api.get("/tasks", query_string=query)
        assert answer.status_code == 200, answer.text
        page = answer.json
        assert set(page) == {"items", "next_cursor"}
        assert len(page["items"]) <= limit
        yield page["items"]
        if page["next_cursor"] is None:
            return
        # A page before the last one is full: nobody walks through empty pages.
        assert len(page["items"]) == limit
        query["cursor"] = page["next_cursor"]
    raise AssertionError("the walk does not end")


def test_an_empty_list_has_a_page_and_a_tag(ann: Person) -> None:
    for sort in SORTS:
        answer = ann.api.get("/tasks", query_string={"sort": sort})
        assert (answer.status_code, answer.json) == (200, {"items": [], "next_cursor": None})
        assert answer.etag


@pytest.mark.parametrize("limit", [1, 2, 6, 12, 13, 200])
def test_a_walk_shows_each_task_once_the_newest_first(ann: Person, limit: int) -> None:
    made = [ann.new_task(str(number)) for number in range(12)]
    pages = list(_pages(ann, limit))
    assert [task for page in pages for task in page] == made[::-1]
    assert len(pages) == -(-len(made) // limit)


def test_without_a_limit_a_page_has_fifty(ann: Person) -> None:
    for _ in range(51):
        ann.new_task()
    assert [len(page) for page in _pages(ann, 50)] == [50, 1]
    assert ann.api.get("/tasks").json["items"] == ann.api.get("/tasks?limit=50").json["items"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_tasks_of_one_millisecond_are_each_seen_once(
    ann: Person, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    for moment in (1_000, 2_000):
        monkeypatch.setattr("taskapi.tasks.service.now", lambda at=moment: at)
        for _ in range(8):
            ann.new_task()
    found = [task for page in _pages(ann, limit) for task in page]
    keys = [(task["created_at"], task["id"]) for task in found]
    assert len(keys) == 16
    assert keys == sorted(set(keys), reverse=True)


@dataclass(frozen=True)
class Roles:
    """What happens to the tasks of a scope while it is walked."""

    untouched: list[str]
    edited: list[str]  # In what only `updated_at` sorts by.
    moved: list[str]  # In everything that a list sorts by.
    flickering: list[str]  # Trashed, restored.

    @classmethod
    def of(cls, ids: list[str], chance: random.Random) -> "Roles":
        mixed = chance.sample(ids, len(ids))
        quarter = len(mixed) // 4
        return cls(*(mixed[number * quarter : (number + 1) * quarter] for number in range(4)))

    def stable(self, sort: str) -> set[str]:
        """Those that keep their key for this sort, and stay visible."""
        return set(self.untouched) | (set() if "updated_at" in sort else set(self.edited))

    def at_most_once(self, sort: str, task_id: str) -> bool:
        keyless = {*self.moved, *(self.edited + self.flickering if "updated_at" in sort else [])}
        return task_id not in keyless


class Disturbance:
    """Writers who insert, edit, move and trash and restore, each so many times or until they are stopped."""

    def __init__(self, parts: Parts, scope: str, roles: Roles, most: int) -> None:
        self._parts, self._scope, self._roles, self._most = parts, scope, roles, most
        self._stop = threading.Event()
        self._wrote = threading.Condition()
        self.done: Counter[str] = Counter()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        works = (self._insert, self._edit, self._move, self._flicker)
        with ThreadPoolExecutor(len(works)) as pool:
            writers = [pool.submit(self._write, work) for work in works]
            try:
                yield
            finally:
                self._stop.set()
            for writer in writers:
                writer.result()

    def _write(self, work: Callable[[Session, Actor, random.Random], object]) -> None:
        chance = random.Random(work.__name__)
        actor = Actor(self._scope, "", "api", "")
        while self.done[work.__name__] < self._most and not self._stop.is_set():
            try:
                with self._parts.database.writer() as session:
                    work(session, actor, chance)
            except TimeoutError:
                continue  # Others had SQLite's one lock for ten seconds: 503, and a client tries again.
            with self._wrote:
                self.done[work.__name__] += 1
                self._wrote.notify_all()

    def wait_for_a_write(self) -> None:
        """Until somebody has written once more, or all have written as often as they may."""
        with self._wrote:
            before = self.done.total()
            self._wrote.wait_for(
                lambda: self.done.total() > before or min(self.done.values(), default=0) == self._most,
                timeout=10,
            )

    def _insert(self, session: Session, actor: Actor, chance: random.Random) -> None:
        service.create(session, actor, NewTask(**some_content(chance)))

    def _edit(self, session: Session, actor: Actor, chance: random.Random) -> None:
        wanted = TaskPatch(description=str(chance.random()), status=chance.choice(("todo", "done")))
        service.change(session, actor, chance.choice(self._roles.edited), wanted, None)

    def _move(self, session: Session, actor: Actor, chance: random.Random) -> None:
        task_id = chance.choice(self._roles.moved)
        service.replace(session, actor, task_id, WholeTask(**some_content(chance)), None)
        place = positions.top((now() + chance.randrange(-9_000_000, 0)) * 1000)
        moved = update(Task).where(Task.scope_id == self._scope, Task.id == task_id)
        session.run(moved.values(position=place))

    def _flicker(self, session: Session, actor: Actor, chance: random.Random) -> None:
        task_id = chance.choice(self._roles.flickering)
        try:
            service.restore(session, actor, task_id)
        except (Conflict, NotFound):
            service.delete(session, actor, task_id, None, permanent=False)


def check_walks_among_writers(parts: Parts, size: int, most: int, limits: range) -> dict[str, float]:
    """Walk a scope of that size once by each sort while it is written to; the seconds of each walk."""
    chance = random.Random(size)
    lists = Lists(parts, new_id())
    write(parts.database, lists.scope, some_rows(lists.scope, size, seed=size))
    analyze(parts.database)
    before = {sort: lists.walk({"sort": sort, "limit": "200"}) for sort in SORTS}
    assert {len(ids) for ids in before.values()} == {size}
    roles = Roles.of(before["created_at"], chance)
    seconds = {}
    for sort in SORTS:
        disturbance = Disturbance(parts, lists.scope, roles, most)
        begun = time.perf_counter()
        seen = []
        with disturbance.going_on():
            for page in lists.pages({"sort": sort, "limit": str(chance.choice(limits))}):
                seen += [task["id"] for task in page["items"]]
                disturbance.wait_for_a_write()
        seconds[sort] = time.perf_counter() - begun
        assert len(disturbance.done) == 4, "somebody did not write"
        _check_walk(roles, sort, before[sort], seen)
    return seconds


def _check_walk(roles: Roles, sort: str, before: list[str], seen: list[str]) -> None:
    stable = roles.stable(sort)
    assert [one for one in seen if one in stable] == [one for one in before if one in stable]
    twice = [one for one, times in Counter(seen).items() if times > 1 and roles.at_most_once(sort, one)]
    assert not twice


def test_a_walk_among_writers_sees_each_task_that_stays_exactly_once(parts: Parts) -> None:
    check_walks_among_writers(parts, 120, most=25, limits=range(3, 10))


@pytest.mark.prove
@pytest.mark.parametrize("engine", ENGINES)
def test_walks_through_100_000_tasks_among_writers(make_app: Callable[..., Flask], engine: str) -> None:
    parts = make_app(engine).extensions["taskapi"]
    seconds = check_walks_among_writers(parts, 100_000, most=2_000, limits=range(150, 201))
    print(f"\n{engine}: seconds for a walk through 100,000 tasks among four writers")  # noqa: T201 - a figure
    for sort, taken in seconds.items():
        print(f"  {sort:12} {taken:6.1f}")  # noqa: T201 - as above

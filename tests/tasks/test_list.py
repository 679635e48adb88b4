"""Walking a list by cursor, and what a page costs."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from taskapi.parts import Parts
from tests.people import Answer, Person
from tests.tasks.rows import new_project


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


def _walk(person: Person, limit: int) -> list[str]:
    return [task["id"] for page in _pages(person, limit) for task in page]


def test_an_empty_list_has_a_page_and_a_tag(ann: Person) -> None:
    answer = ann.api.get("/tasks")
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


class _Disturbance:
    """Three writers who insert, change, and trash and restore until they are stopped."""

    def __init__(self, person: Person, stable: list[str], restless: list[str], seed: int) -> None:
        self._person, self._stable, self._restless = person, stable, restless
        self._stop = threading.Event()
        self._seed = seed
        self.done = [0, 0, 0]

    def _writer(self, number: int, work: Callable[[random.Random], Answer]) -> None:
        chance = random.Random(self._seed + number)
        while not self._stop.is_set():
            assert work(chance).status_code in {200, 201, 204, 404, 409}
            self.done[number] += 1

    def _insert(self, chance: random.Random) -> Answer:
        return self._person.api.post("/tasks", {"title": f"new {chance.random()}"})

    def _change(self, chance: random.Random) -> Answer:
        path = f"/tasks/{chance.choice(self._stable)}"
        return self._person.api.patch(path, {"title": f"changed {chance.random()}"})

    def _trash_or_restore(self, chance: random.Random) -> Answer:
        path = f"/tasks/{chance.choice(self._restless)}"
        trashed = self._person.api.delete(path)
        return trashed if trashed.status_code == 204 else self._person.api.post(f"{path}/restore")

    @contextmanager
    def going_on(self) -> Iterator[None]:
        with ThreadPoolExecutor(3) as pool:
            works = (self._insert, self._change, self._trash_or_restore)
            writers = [pool.submit(self._writer, number, work) for number, work in enumerate(works)]
            try:
                yield
            finally:
                self._stop.set()
            for writer in writers:
                writer.result()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_walk_among_writers_sees_each_task_that_stays_exactly_once(ann: Person, seed: int) -> None:
    made = [ann.new_task()["id"] for _ in range(60)]
    chance = random.Random(seed)
    restless = chance.sample(made, 20)
    stable = [task_id for task_id in made if task_id not in restless]
    disturbance = _Disturbance(ann, stable, restless, seed)
    with disturbance.going_on(), ThreadPoolExecutor(2) as pool:
        walks = [pool.submit(_walk, ann, chance.randint(1, 9)) for _ in range(6)]
        seen = [walk.result() for walk in walks]
    assert min(disturbance.done) > 0
    for walk in seen:
        assert len(walk) == len(set(walk))
        assert [task_id for task_id in walk if task_id in set(stable)] == stable[::-1]


@pytest.mark.parametrize(
    "limit", ["0", "201", "abc", "+5", "-1", "1_0", "5.0", " 5", "٥", "", "1e1", "9" * 30]
)
def test_a_limit_that_is_none_is_refused(ann: Person, limit: str) -> None:
    history = f"/tasks/{ann.new_task()['id']}/history"
    for path in ("/tasks", history):
        answer = ann.api.get(path, query_string={"limit": limit})
        assert answer.status_code == 400
        assert [fault["pointer"] for fault in answer.json["errors"]] == ["query/limit"]


def test_a_repeated_or_unknown_parameter_is_refused(ann: Person) -> None:
    for query, pointer in (
        ("limit=5&limit=5", "query/limit"),
        ("cursor=a&cursor=b", "query/cursor"),
        ("Limit=5", "query/Limit"),
        ("page=2", "query/page"),
    ):
        answer = ann.api.get(f"/tasks?{query}")
        assert answer.status_code == 400
        assert [fault["pointer"] for fault in answer.json["errors"]] == [pointer]


def _refused_cursor(answer: Answer) -> bool:
    pointers = [fault["pointer"] for fault in answer.json.get("errors", [])]
    return (answer.status_code, answer.json.get("code"), pointers) == (400, "bad_cursor", ["query/cursor"])


def test_a_cursor_that_we_did_not_make_for_this_list_is_refused(ann: Person, bob: Person) -> None:
    task, other = (ann.new_task(title)["id"] for title in ("a", "b"))
    for number in range(2):
        bob.new_task()
        ann.api.patch(f"/tasks/{task}", {"title": f"a{number}"})
    history = f"/tasks/{task}/history"
    of_tasks = ann.api.get("/tasks?limit=1").json["next_cursor"]
    of_history = ann.api.get(f"{history}?limit=1").json["next_cursor"]
    of_bob = bob.api.get("/tasks?limit=1").json["next_cursor"]
    bad = [("/tasks", cursor) for cursor in (of_history, of_bob, "", "x", "é", "\0", f"{of_tasks}A")]
    bad += [(history, of_tasks), (history, of_bob), (f"/tasks/{other}/history", of_history)]
    for index, character in enumerate(of_tasks):
        altered = "A" if character != "A" else "B"
        bad.append(("/tasks", of_tasks[:index]))
        bad.append(("/tasks", of_tasks[:index] + altered + of_tasks[index + 1 :]))
    for path, cursor in bad:
        assert _refused_cursor(ann.api.get(path, query_string={"cursor": cursor})), (path, cursor)
    # The limit is not part of what a cursor is for.
    assert ann.api.get("/tasks", query_string={"cursor": of_tasks, "limit": "7"}).status_code == 200


class _Count:
    """The statements sent to the database, those that ask for epochs told apart."""

    def __init__(self, parts: Parts) -> None:
        database = parts.database
        # On PostgreSQL readers use the writers' engine with an option, and its events.
        engines = (database._writing, database._reading) if database.is_sqlite else (database._writing,)
        self._engines: tuple[Engine, ...] = engines
        self._sent: list[str] = []

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self._sent.append(statement)

    def of(self, call: Callable[[], Answer]) -> tuple[int, int]:
        """How many statements a call sends for itself, and how many to know its caller."""
        self._sent.clear()
        for engine in self._engines:
            event.listen(engine, "before_cursor_execute", self._note)
        try:
            answer = call()
        finally:
            for engine in self._engines:
                event.remove(engine, "before_cursor_execute", self._note)
        assert answer.status_code < 300, answer.text
        own = [sent for sent in self._sent if not sent.startswith(("BEGIN", "SELECT epochs.key"))]
        return len(own), sum(sent.startswith("SELECT epochs.key") for sent in self._sent)


def test_each_call_sends_no_more_statements_than_it_may(ann: Person, parts: Parts) -> None:
    project = new_project(ann)
    for _ in range(5):
        task = ann.new_task()
    path = f"/tasks/{task['id']}"
    cursor = ann.api.get("/tasks?limit=2").json["next_cursor"]
    count = _Count(parts)
    full = {"title": "x", "project_id": project, "labels": ["a", "b"], "status": "done"}
    budgets: tuple[tuple[Callable[[], Answer], int], ...] = (
        (lambda: ann.api.get("/tasks?limit=1"), 1),
        (lambda: ann.api.get("/tasks?limit=200"), 1),
        (lambda: ann.api.get("/tasks", query_string={"cursor": cursor}), 1),
        (lambda: ann.api.get(path), 1),
        (lambda: ann.api.get("/me"), 1),
        # Whether there is such a task, and what was done to it.
        (lambda: ann.api.get(f"{path}/history"), 1),
        (lambda: ann.api.post("/tasks", {"title": "x"}), 3),
        (lambda: ann.api.post("/tasks", full), 4),
        (lambda: ann.api.patch(path, {}), 1),
        (lambda: ann.api.patch(path, full), 5),
        (lambda: ann.api.put(path, {"title": "y"}), 4),
        (lambda: ann.api.delete(path), 4),
        (lambda: ann.api.post(f"{path}/restore"), 5),
    )
    for number, (call, most) in enumerate(budgets):
        own, asked = count.of(call)
        assert 0 < own <= most, number
        # SQLite's epochs are known in memory; elsewhere each request asks once (until they are published).
        assert asked <= 1 if parts.database.is_sqlite else asked == 1, number

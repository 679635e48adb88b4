"""What a page of history may be asked for, and how many statements each call sends."""

from collections.abc import Callable

import pytest

from taskapi.parts import Parts
from tests.people import Answer, Person
from tests.statements import Statements
from tests.tasks.rows import new_project


@pytest.mark.parametrize(
    "limit", ["0", "201", "abc", "+5", "-1", "1_0", "5.0", " 5", "٥", "", "1e1", "9" * 30]
)
def test_a_limit_that_is_none_is_refused(ann: Person, limit: str) -> None:
    history = f"/tasks/{ann.new_task()['id']}/history"
    answer = ann.api.get(history, query_string={"limit": limit})
    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["query/limit"]


def test_each_call_sends_no_more_statements_than_it_may(ann: Person, parts: Parts) -> None:
    project = new_project(ann)
    for _ in range(5):
        task = ann.new_task()
    path = f"/tasks/{task['id']}"
    cursor = ann.api.get("/tasks?limit=2").json["next_cursor"]
    statements = Statements(parts)
    full = {"title": "x", "project_id": project, "labels": ["a", "b"], "status": "done"}
    budgets: tuple[tuple[Callable[[], Answer], int], ...] = (
        (lambda: ann.api.get("/tasks?limit=1"), 1),
        (lambda: ann.api.get("/tasks?limit=200"), 1),
        (lambda: ann.api.get("/tasks", query_string={"cursor": cursor}), 1),
        (lambda: ann.api.get("/tasks?sort=due&status=todo&label=a&q=x&due_after=2026-01-31&count=true"), 1),
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
        assert statements.during(call).status_code < 300, number
        own, asked = statements.own, statements.of_epochs
        assert 0 < own <= most, number
        # SQLite's epochs are known in memory; elsewhere each request asks once (until they are published).
        assert asked <= 1 if parts.database.is_sqlite else asked == 1, number

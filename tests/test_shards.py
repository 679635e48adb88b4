"""Nothing keeps the tables from being sharded by scope: ADR 9."""

import re
from collections.abc import Callable

import psycopg
import pytest
from flask import Flask

from taskapi.db import Database
from taskapi.schema import METADATA, migrate
from taskapi.settings import load_settings
from tests.people import Answer, Person, make_person
from tests.statements import Statements

SHARDED = ("tasks", "task_history", "projects")
_NAMED = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE)\s+({'|'.join(SHARDED)})\b")
# A column compared with what was given, or one of those that are written.
_SCOPED = re.compile(r"scope_id\s*(=|IN\b)|INSERT INTO \w+ \([^)]*\bscope_id\b")


def _day(person: Person) -> list[Callable[[], Answer]]:
    """What people do in a day, over everything that has a scope."""
    api = person.api
    project = api.post("/projects", {"name": "Home"}).json["id"]
    one, two, three = (person.new_task(title, labels=["a"], project_id=project) for title in ("1", "2", "3"))
    task, other = f"/tasks/{one['id']}", f"/tasks/{two['id']}"
    bulk = [
        {"op": "create", "data": {"title": "4"}},
        {"op": "update", "id": two["id"], "data": {"priority": "high"}},
        {"op": "delete", "id": three["id"]},
        {"op": "restore", "id": three["id"]},
    ]
    lists = (
        "",
        "?q=1",
        "?label=a&status=todo",
        "?project=inbox",
        "?trashed=true",
        "?sort=-due&due_before=2030-01-01",
    )
    return [
        *(lambda query=query: api.get(f"/tasks{query}") for query in lists),
        lambda: api.get("/tasks?count=true"),
        lambda: api.get(task),
        lambda: api.patch(task, {"title": "One", "position": {"after": two["id"]}}),
        lambda: api.put(task, {"title": "One", "labels": ["a", "b"]}),
        lambda: api.get(f"{task}/history"),
        lambda: api.post("/tasks/bulk", {"atomic": False, "operations": bulk}),
        lambda: api.post("/tasks/bulk", {"atomic": True, "operations": bulk[:1]}),
        lambda: api.delete(task),
        lambda: api.post(f"{task}/restore", {}),
        lambda: api.delete(other),
        lambda: api.delete(f"{other}?permanent=true"),
        lambda: api.get("/labels"),
        lambda: api.post("/labels/rename", {"from": "a", "to": "c"}),
        lambda: api.get("/stats"),
        lambda: api.get("/projects"),
        lambda: api.get(f"/projects/{project}"),
        lambda: api.patch(f"/projects/{project}", {"name": "House"}),
        lambda: api.delete(f"/projects/{project}?tasks=inbox"),
    ]


def test_every_statement_of_a_request_names_its_scope(app: Flask) -> None:
    person = make_person(app)
    statements = Statements(person.parts)
    seen: set[str] = set()
    for call in _day(person):
        answer = statements.during(call)
        assert answer.status_code < 300, answer.text
        for sent in statements.sent:
            if _NAMED.search(sent):
                assert _SCOPED.search(sent), sent
                seen.update(table for _, table in _NAMED.findall(sent))
    assert seen == set(SHARDED)


@pytest.mark.parametrize("table", SHARDED)
def test_the_scope_is_first_in_every_key_and_index(table: str) -> None:
    found = METADATA.tables[table]
    assert next(iter(found.primary_key.columns)).name == "scope_id"
    for index in found.indexes:
        # Serves no request but the job that looks for reminders that are due, on each server for itself.
        if index.name == "ix_tasks_reminder_due":
            continue
        assert next(iter(index.columns)).name == "scope_id", index.name


def test_history_can_be_partitioned_by_its_epoch(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = new_database()
    database = Database(load_settings(DATABASE_URL=url, TASKAPI_HOME=str(tmp_path_factory.mktemp("home"))))
    migrate(database)
    database.close()
    with psycopg.connect(url) as connection:
        # Refused by PostgreSQL where a key does not hold what the partitions are cut by.
        connection.execute("CREATE TABLE parted (LIKE task_history INCLUDING ALL) PARTITION BY RANGE (epoch)")
        connection.execute("CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000)")

"""What becomes of the tasks when their project goes."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from taskapi.clock import now, rfc3339
from taskapi.tasks.models import Task
from tests.people import Person, make_person
from tests.planted import outrun_the_clock, plant_tasks
from tests.problems import check_problem
from tests.tasks.rows import new_project

# Of each task, which of two projects it is in, if any, and whether it is in the trash.
_TASKS = st.lists(st.tuples(st.sampled_from([None, 0, 1]), st.booleans()), max_size=8)


def _rows(person: Person) -> dict[str, Any]:
    """Somebody's tasks as they are kept, by their ids."""
    with person.parts.database.reader() as reader:
        found = reader.rows(select(*Task.__table__.columns).where(Task.scope_id == person.id))
    return {row.id: row for row in found}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=_TASKS, goes_to=st.sampled_from(["trash", "inbox", None]))
@example(tasks=[(0, True)], goes_to=None)
@example(tasks=[(0, False), (0, True), (1, False), (None, False)], goes_to="trash")
def test_the_tasks_of_the_project_lose_it_and_go_where_it_was_said(
    app: Flask, tasks: list[tuple[int | None, bool]], goes_to: str | None
) -> None:
    ann = make_person(app)
    projects = [new_project(ann), new_project(ann)]
    planted: list[dict[str, Any]] = [
        {
            "project_id": None if number is None else projects[number],
            "trashed_at": 7 if is_trashed else None,
        }
        for number, is_trashed in tasks
    ]
    plant_tasks(ann, planted)
    before, used = _rows(ann), outrun_the_clock(ann)
    path = f"/projects/{projects[0]}"
    held = [row for row in before.values() if row.project_id == projects[0]]
    began = now()
    answer = ann.api.delete(path if goes_to is None else f"{path}?tasks={goes_to}")
    after = _rows(ann)
    if held and goes_to is None:
        check_problem(answer, 409)
        assert answer.json["code"] == "project_holds_tasks"
        assert f" {len(held)} " in answer.json["detail"]
        assert "?tasks=trash" in answer.json["detail"]
        assert "?tasks=inbox" in answer.json["detail"]
        assert (after, ann.api.get(path).status_code) == (before, 200)
        return
    assert answer.status_code == 204
    assert ann.api.get(path).status_code == 404
    assert ann.api.get(f"/projects/{projects[1]}").status_code == 200
    assert after.keys() == before.keys()
    for row in before.values():
        if row.project_id != projects[0]:
            assert after[row.id] == row
        else:
            _check_taken_out(ann, row, after[row.id], to_trash=goes_to == "trash")
            assert after[row.id].epoch > used
            assert began <= after[row.id].updated_at <= now()
    assert len({row.epoch for row in after.values()}) == len(after)


def _check_taken_out(person: Person, before: Any, after: Any, to_trash: bool) -> None:
    """One version more, under an epoch of its own, and in the history; nothing else."""
    changes = [{"field": "project_id", "before": before.project_id, "after": None}]
    expected = before._asdict() | {"project_id": None, "version": before.version + 1}
    if to_trash and before.trashed_at is None:
        expected["trashed_at"] = after.updated_at
        changes.append({"field": "trashed_at", "before": None, "after": rfc3339(after.updated_at)})
    expected |= {"epoch": after.epoch, "updated_at": after.updated_at}
    assert after._asdict() == expected
    (entry,) = person.api.get(f"/tasks/{after.id}/history").json["items"]
    assert entry["changes"] == changes
    assert entry["at"] == rfc3339(after.updated_at)


def test_a_project_without_tasks_needs_no_word_about_them_and_takes_one(ann: Person) -> None:
    for query in ("", "?tasks=trash", "?tasks=inbox"):
        tag = ann.api.get("/tasks").etag
        assert ann.api.delete(f"/projects/{new_project(ann)}{query}").status_code == 204
        assert ann.api.get("/tasks").etag != tag


def test_a_trashed_task_of_a_deleted_project_comes_back_into_the_inbox(ann: Person) -> None:
    project = new_project(ann)
    task = ann.new_task(project_id=project)
    assert ann.api.delete(f"/projects/{project}?tasks=trash").status_code == 204
    assert ann.api.get(f"/tasks/{task['id']}").status_code == 404
    restored = ann.api.post(f"/tasks/{task['id']}/restore")
    assert (restored.status_code, restored.json["project_id"], restored.json["version"]) == (200, None, 3)


@pytest.mark.parametrize("goes_to", ["trash", "inbox"])
def test_while_a_project_goes_tasks_come_into_it_or_are_refused_and_none_is_lost(
    ann: Person, goes_to: str
) -> None:
    for _ in range(4):
        project = new_project(ann)
        inside = [ann.new_task(project_id=project)["id"] for _ in range(3)]
        outside = [ann.new_task()["id"] for _ in range(3)]
        with ThreadPoolExecutor(6) as pool:
            makes = [
                pool.submit(ann.api.post, "/tasks", {"title": "new", "project_id": project}) for _ in range(6)
            ]
            moves = [pool.submit(ann.api.patch, f"/tasks/{one}", {"project_id": project}) for one in outside]
            changes = [pool.submit(ann.api.patch, f"/tasks/{one}", {"title": "changed"}) for one in inside]
            going = pool.submit(ann.api.delete, f"/projects/{project}?tasks={goes_to}")
            changes += [pool.submit(ann.api.patch, f"/tasks/{one}", {"project_id": None}) for one in inside]
        answered = going.result().status_code
        # 409 where a task came in at the very last moment: the project is there, and it can be tried again.
        assert answered in {204, 409}
        assert {one.result().status_code for one in makes} <= {201, 409, 422}
        assert {one.result().status_code for one in moves} <= {200, 409, 422}
        assert {one.result().status_code for one in changes} <= {200, 404}
        if answered == 409:
            answered = ann.api.delete(f"/projects/{project}?tasks={goes_to}").status_code
        assert answered == 204
        rows = _rows(ann)
        made = [one.result().json["id"] for one in makes if one.result().status_code == 201]
        assert {*inside, *outside, *made} <= rows.keys()
        assert project not in {row.project_id for row in rows.values()}

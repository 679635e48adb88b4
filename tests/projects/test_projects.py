"""Projects: what may be written of them, their order, and what tells that one has changed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from taskapi.clock import milliseconds_of_instant, now
from taskapi.ids import new_id
from taskapi.parts import Parts
from taskapi.projects.models import Project
from tests.people import Answer, Person, make_person
from tests.planted import plant_tasks
from tests.problems import check_problem
from tests.statements import Statements

SHOWN = {
    *("id", "name", "color", "archived", "position", "task_count", "created_at", "updated_at", "version"),
}


def _new(person: Person, name: str = "Home", **fields: Any) -> dict[str, Any]:
    answer = person.api.post("/projects", {"name": name, **fields})
    assert answer.status_code == 201, answer.text
    project: dict[str, Any] = answer.json
    return project


def _walk(person: Person, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for _ in range(100):
        page = person.api.get("/projects", query_string=query).json
        assert len(page["items"]) <= query.get("limit", 50)
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        assert len(page["items"]) == query.get("limit", 50)
        query["cursor"] = page["next_cursor"]
    raise AssertionError("the walk does not end")


def test_a_project_is_made_with_defaults_and_found_where_it_is_said(ann: Person) -> None:
    began = now()
    answer = ann.api.post("/projects", {"name": "  Home\t"})
    assert answer.status_code == 201
    project = answer.json
    assert project.keys() == SHOWN
    fixed = {"name": "Home", "color": None, "archived": False, "task_count": 0, "version": 1}
    assert fixed.items() <= project.items()
    assert project["created_at"] == project["updated_at"]
    assert began <= (milliseconds_of_instant(project["created_at"]) or 0) <= now()
    assert answer.headers["Location"] == f"/api/v1/projects/{project['id']}"
    found = ann.api.get(f"/projects/{project['id']}")
    assert (found.status_code, found.json, found.etag) == (200, project, answer.etag)
    assert ann.api.get("/projects").json == {"items": [project], "next_cursor": None}


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ("/name",)),
        ({"name": None, "archived": None}, ("/name", "/archived")),
        ({"name": " \u3000"}, ("/name",)),
        ({"name": "x" * 101}, ("/name",)),
        ({"name": "two\u2028lines"}, ("/name",)),
        ({"name": "nul\0", "color": ""}, ("/name", "/color")),
        ({"name": 5, "color": 0, "archived": 1}, ("/name", "/color", "/archived")),
        ({"name": "a", "color": "red"}, ("/color",)),
        ({"name": "a", "color": "#12345"}, ("/color",)),
        ({"name": "a", "color": "#1234567"}, ("/color",)),
        ({"name": "a", "color": "#12345g"}, ("/color",)),
        ({"name": "a", "color": "#12345٣"}, ("/color",)),
        ({"name": "a", "color": "#123456\n"}, ("/color",)),
        ({"name": "a", "archived": "true"}, ("/archived",)),
        ({"name": "a", "id": new_id(), "task_count": 3}, ("/id", "/task_count")),
    ],
)
def test_a_value_that_is_none_is_refused_with_its_place(
    ann: Person, body: dict[str, Any], pointers: tuple[str, ...]
) -> None:
    check_problem(ann.api.post("/projects", body), 422, *pointers)
    path = f"/projects/{_new(ann)['id']}"
    if body:
        check_problem(ann.api.patch(path, body), 422, *pointers)
    assert ann.api.get(path).json["version"] == 1


_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["Home", "home", "x" * 100, "\U0001f600" * 100]),
        "color": st.sampled_from([None, "#ABCDEF", "#abcdef", "#000000"]),
        "archived": st.booleans(),
    },
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=_FIELDS, patches=st.lists(_FIELDS, max_size=4))
def test_a_patch_changes_what_it_names_and_equal_values_change_nothing(
    app: Flask, first: dict[str, Any], patches: list[dict[str, Any]]
) -> None:
    ann = make_person(app)
    made = ann.api.post("/projects", {"name": "Home"} | first)
    path = f"/projects/{made.json['id']}"
    before, tag = made.json, made.etag
    for patch in patches:
        in_scope = ann.api.get("/tasks").etag
        wanted = before | {k: v.lower() if k == "color" and v else v for k, v in patch.items()}
        answer = ann.api.patch(path, patch)
        changed = wanted != before
        assert answer.status_code == 200
        assert answer.json | {"version": 0, "updated_at": ""} == wanted | {"version": 0, "updated_at": ""}
        assert answer.json["version"] == before["version"] + changed
        assert (answer.etag != tag, ann.api.get("/tasks").etag != in_scope) == (changed, changed)
        assert (ann.api.get(path).json, ann.api.get(path).etag) == (answer.json, answer.etag)
        before, tag = answer.json, answer.etag


@pytest.mark.parametrize("limit", [1, 2, 5, 6, 200])
def test_projects_are_walked_in_the_order_they_were_made_archived_or_not(ann: Person, limit: int) -> None:
    made = [_new(ann, str(number), archived=number % 3 == 0) for number in range(6)]
    assert _walk(ann, limit=limit) == made
    assert _walk(ann, limit=limit, archived="true") == made[::3]
    assert _walk(ann, limit=limit, archived="false") == [one for one in made if not one["archived"]]


def test_projects_of_one_place_are_walked_by_their_ids(ann: Person) -> None:
    made = [_new(ann, str(number)) for number in range(5)]
    with ann.parts.database.writer() as session:
        session.run(update(Project).where(Project.scope_id == ann.id).values(position="z"))
    # Behind the cache's back: a project more, and the list is read anew.
    last = _new(ann, "last")
    assert [one["id"] for one in _walk(ann, limit=2)] == [*sorted(one["id"] for one in made), last["id"]]


def test_a_cursor_is_for_one_list_alone(ann: Person, bob: Person) -> None:
    for person in (ann, bob):
        for number in range(3):
            _new(person, str(number))
    cursor = ann.api.get("/projects?limit=1").json["next_cursor"]
    filtered = ann.api.get("/projects?limit=1&archived=false").json["next_cursor"]
    tasks = [ann.new_task() for _ in range(2)]
    of_tasks = ann.api.get("/tasks?limit=1").json["next_cursor"]
    assert tasks
    for person, query in (
        (bob, {"cursor": cursor}),
        (ann, {"cursor": cursor, "archived": "false"}),
        (ann, {"cursor": filtered}),
        (ann, {"cursor": of_tasks}),
        (ann, {"cursor": "x"}),
    ):
        check_problem(person.api.get("/projects", query_string=query), 400, "query/cursor")


def test_a_parameter_that_cannot_be_read_is_refused(ann: Person) -> None:
    path = f"/projects/{_new(ann)['id']}"
    for query in ("archived=1", "archived=", "archived=true&archived=true", "archived=null"):
        check_problem(ann.api.get(f"/projects?{query}"), 400, "query/archived")
    for query in ("limit=0", "limit=201", "limit=x"):
        check_problem(ann.api.get(f"/projects?{query}"), 400, "query/limit")
    for query in ("tasks=Trash", "tasks=", "tasks=trash&tasks=inbox", "tasks=delete"):
        check_problem(ann.api.delete(f"{path}?{query}"), 400, "query/tasks")
    assert ann.api.get(path).status_code == 200


def test_live_tasks_are_counted_and_move_the_tag_but_not_the_version(ann: Person) -> None:
    project = _new(ann)
    path = f"/projects/{project['id']}"
    tag = ann.api.get(path).etag
    assert ann.api.get(path, headers={"If-None-Match": tag}).status_code == 304
    task = ann.new_task(project_id=project["id"])
    _new(ann, "another")
    ann.new_task()
    with_one = ann.api.get(path, headers={"If-None-Match": tag})
    assert (with_one.status_code, with_one.json) == (200, project | {"task_count": 1})
    assert with_one.etag != tag
    assert [one["task_count"] for one in ann.api.get("/projects").json["items"]] == [1, 0]
    changed = ann.api.patch(path, {"color": "#ABCDEF"})
    assert (changed.json["task_count"], changed.json["color"]) == (1, "#abcdef")
    ann.api.delete(f"/tasks/{task['id']}")
    assert ann.api.get(path).json == changed.json | {"task_count": 0}


def test_a_stale_tag_is_refused_with_the_current_one_and_nothing_is_done(ann: Person) -> None:
    project = _new(ann)
    path = f"/projects/{project['id']}"
    stale = ann.api.get(path).etag
    ann.new_task(project_id=project["id"])
    # One that is not counted, and goes with the project all the same.
    plant_tasks(ann, [{"project_id": project["id"], "trashed_at": 1}])
    current = ann.api.get(path)
    for call in (
        partial(ann.api.patch, path, {"name": "Work"}),
        partial(ann.api.patch, path, {"name": "Home"}),
        partial(ann.api.delete, path),
        partial(ann.api.delete, f"{path}?tasks=trash"),
    ):
        refused = call(headers={"If-Match": stale})
        check_problem(refused, 412)
        assert refused.etag == current.etag
        check_problem(call(headers={"If-Match": "stale"}), 400, "header/If-Match")
    assert ann.api.get(path).json == current.json
    changed = ann.api.patch(path, {"name": "Work"}, headers={"If-Match": f'"x", {current.etag}'})
    assert changed.status_code == 200
    check_problem(ann.api.delete(path, headers={"If-Match": changed.etag}), 409)
    gone = ann.api.delete(f"{path}?tasks=inbox", headers={"If-Match": changed.etag})
    assert gone.status_code == 204


def test_of_two_racing_patches_with_one_tag_one_is_refused(ann: Person) -> None:
    for _ in range(5):
        path = f"/projects/{_new(ann)['id']}"
        headers = {"If-Match": ann.api.get(path).etag}
        with ThreadPoolExecutor(2) as pool:
            racing = [
                pool.submit(ann.api.patch, path, {"name": name}, headers=headers)
                for name in ("left", "right")
            ]
            answers = [one.result() for one in racing]
        assert sorted(answer.status_code for answer in answers) == [200, 412]
        (won,) = [answer for answer in answers if answer.status_code == 200]
        assert ann.api.get(path).json == won.json


def test_a_project_that_is_gone_is_missing_to_everything(ann: Person) -> None:
    path = f"/projects/{_new(ann)['id']}"
    assert ann.api.delete(path).status_code == 204
    for call in (
        partial(ann.api.get, path),
        partial(ann.api.patch, path, {"name": "a"}),
        partial(ann.api.delete, path),
        partial(ann.api.delete, f"{path}?tasks=trash"),
    ):
        check_problem(call(), 404)
    assert ann.api.get("/projects").json["items"] == []


def test_each_call_sends_no_more_statements_than_it_may(ann: Person, parts: Parts) -> None:
    projects = [_new(ann, str(number)) for number in range(4)]
    paths = [f"/projects/{project['id']}" for project in projects]
    for project in projects[2:]:
        plant_tasks(ann, [{"project_id": project["id"]}] * 100)
    cursor = ann.api.get("/projects?limit=2").json["next_cursor"]
    statements = Statements(parts)
    calls: tuple[tuple[Callable[[], Answer], int], ...] = (
        (lambda: ann.api.get("/projects?limit=1"), 1),
        (lambda: ann.api.get("/projects?limit=200&archived=false"), 1),
        (lambda: ann.api.get("/projects", query_string={"cursor": cursor}), 1),
        (lambda: ann.api.get(paths[2]), 1),
        (lambda: ann.api.post("/projects", {"name": "Work"}), 2),
        (lambda: ann.api.patch(paths[0], {"name": "0"}), 1),
        (lambda: ann.api.patch(paths[0], {"name": "Work"}), 4),
        (lambda: ann.api.delete(paths[1]), 5),
        (lambda: ann.api.delete(f"{paths[2]}?tasks=trash"), 7),
        (lambda: ann.api.delete(f"{paths[3]}?tasks=inbox"), 7),
    )
    for number, (call, most) in enumerate(calls):
        assert statements.during(call).status_code < 300
        assert statements.own == most, number

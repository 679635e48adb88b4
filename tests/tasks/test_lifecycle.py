"""A task from its making to the trash and back, and what is remembered of it."""

from typing import Any

import pytest

from taskapi.ids import new_id
from tests.people import Answer, Person, make_person
from tests.tasks.rows import live_titles, new_project

_FIELDS = {
    "id",
    "title",
    "description",
    "status",
    "priority",
    "due_at",
    "due_on",
    "remind_at",
    "labels",
    "project_id",
    "position",
    "completed_at",
    "trashed_at",
    "created_at",
    "updated_at",
    "version",
}


def _history(person: Person, task_id: str) -> list[dict[str, Any]]:
    answer = person.api.get(f"/tasks/{task_id}/history?limit=200")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def _like_missing(answer: Answer, missing: Answer) -> bool:
    """Whether two refusals differ in nothing but what names the request."""
    told = [dict(one.json) for one in (answer, missing)]
    for body in told:
        del body["request_id"], body["instance"]
    return answer.status_code == missing.status_code == 404 and told[0] == told[1]


def test_a_new_task_is_answered_whole_with_its_place(ann: Person) -> None:
    answer = ann.api.post("/tasks", {"title": "Pay rent"})
    task = answer.json
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/tasks/{task['id']}"
    assert set(task) == _FIELDS
    assert (task["version"], task["created_at"]) == (1, task["updated_at"])
    assert (task["completed_at"], task["trashed_at"]) == (None, None)
    read = ann.api.get(f"/{answer.headers['Location']}")
    assert (read.status_code, read.json, read.etag) == (200, task, answer.etag)


def test_a_task_made_done_is_completed_when_it_is_made(ann: Person) -> None:
    task = ann.new_task(status="done")
    assert task["completed_at"] == task["created_at"]


def test_each_new_task_is_placed_before_all_older_ones(ann: Person) -> None:
    positions = [ann.new_task()["position"] for _ in range(20)]
    # Compared as code points, as both engines are told to.
    assert positions == sorted(positions, reverse=True)
    assert len(set(positions)) == len(positions)


def test_a_title_is_needed(ann: Person) -> None:
    for body in ({}, {"title": None}, {"title": " "}, {"title": "x" * 201}):
        answer = ann.api.post("/tasks", body)
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/title")
    assert live_titles(ann) == []


def test_a_trashed_task_is_gone_for_everything_but_restore_and_history(ann: Person) -> None:
    path = f"/tasks/{ann.new_task()['id']}"
    kept = ann.new_task("Another")
    trashed = ann.api.delete(path)
    assert (trashed.status_code, trashed.data) == (204, b"")
    missing = ann.api.get(f"/tasks/{new_id()}")
    for method, body in (
        ("GET", None),
        ("PATCH", {"title": "x"}),
        ("PATCH", {}),
        ("PUT", {"title": "x"}),
        ("DELETE", None),
    ):
        assert _like_missing(ann.api.call(method, path, body), missing), method
    assert live_titles(ann) == [kept["title"]]
    assert ann.api.get(f"{path}/history").status_code == 200


def test_a_restored_task_is_as_it_was(ann: Person) -> None:
    before = ann.new_task(description="By bank", labels=["home"], status="done")
    path = f"/tasks/{before['id']}"
    ann.api.delete(path)
    answer = ann.api.post(f"{path}/restore")
    assert answer.status_code == 200
    changed = {"version": 3, "updated_at": answer.json["updated_at"]}
    assert answer.json == before | changed
    read = ann.api.get(path)
    assert (read.json, read.etag) == (answer.json, answer.etag)
    assert live_titles(ann) == ["Pay rent"]


def test_restoring_a_live_task_is_a_conflict_that_changes_nothing(ann: Person) -> None:
    task = ann.new_task()
    answer = ann.api.post(f"/tasks/{task['id']}/restore")
    assert (answer.status_code, answer.json["code"]) == (409, "not_trashed")
    assert ann.api.get(f"/tasks/{task['id']}").json == task
    assert len(_history(ann, task["id"])) == 1


@pytest.mark.parametrize("state", ["live", "trashed"])
def test_a_strangers_task_is_like_a_missing_one(ann: Person, bob: Person, state: str) -> None:
    task = ann.new_task()
    path, nowhere = f"/tasks/{task['id']}", f"/tasks/{new_id()}"
    if state == "trashed":
        ann.api.delete(path)
    before = _history(ann, task["id"])
    calls: tuple[tuple[str, str, Any], ...] = (
        ("GET", "", None),
        ("PATCH", "", {"title": "Mine"}),
        ("PUT", "", {"title": "Mine"}),
        ("DELETE", "", None),
        ("POST", "/restore", None),
        ("GET", "/history", None),
    )
    for method, end, body in calls:
        answer = bob.api.call(method, path + end, body)
        assert _like_missing(answer, bob.api.call(method, nowhere + end, body)), (method, end)
    assert _history(ann, task["id"]) == before


def test_an_id_that_is_none_names_nothing(ann: Person) -> None:
    missing = ann.api.get(f"/tasks/{new_id()}")
    for given in ("x", "1", new_id()[:-1], new_id().replace("-", ""), "%00", "null", f"{new_id()}x"):
        assert _like_missing(ann.api.get(f"/tasks/{given}"), missing), given
    task = ann.new_task()
    assert ann.api.get(f"/tasks/{task['id'].upper()}").json == task


def test_history_tells_who_changed_what_how_and_in_which_request(ann: Person) -> None:
    created = {"title": "Pay rent", "labels": ["home"], "due_at": "2026-01-31T10:00:00+01:00"}
    task_id = ann.api.post("/tasks", created, headers={"X-Request-ID": "r-1"}).json["id"]
    path = f"/tasks/{task_id}"
    wanted: dict[str, Any] = {
        "title": "Paid rent",
        "labels": [],
        "due_at": None,
        "due_on": "2026-01-31",
        "status": "done",
    }
    ann.api.patch(path, wanted, headers={"X-Request-ID": "r-2"})
    ann.api.patch(path, wanted, headers={"X-Request-ID": "no-change"})
    ann.api.patch(path, {"title": ""}, headers={"X-Request-ID": "refused"})
    other = ann.another_session()
    given = other.api.delete(path).headers["X-Request-ID"]
    other.api.post(f"{path}/restore", headers={"X-Request-ID": "r-4"})
    entries = _history(ann, task_id)
    assert [entry["request_id"] for entry in entries] == ["r-4", given, "r-2", "r-1"]
    assert {(entry["actor_id"], entry["via"]) for entry in entries} == {(ann.id, "api")}
    assert all(set(entry) == {"at", "actor_id", "via", "request_id", "changes"} for entry in entries)
    changes = [
        {change["field"]: (change["before"], change["after"]) for change in entry["changes"]}
        for entry in entries
    ]
    trashed_at = changes[1]["trashed_at"][1]
    assert changes == [
        {"trashed_at": (trashed_at, None)},
        {"trashed_at": (None, trashed_at)},
        {
            "title": ("Pay rent", "Paid rent"),
            "labels": (["home"], []),
            "due_at": ("2026-01-31T09:00:00Z", None),
            "due_on": (None, "2026-01-31"),
            "status": ("todo", "done"),
        },
        {
            "title": (None, "Pay rent"),
            "labels": (None, ["home"]),
            "due_at": (None, "2026-01-31T09:00:00Z"),
        },
    ]


@pytest.mark.parametrize("limit", [1, 3, 4, 12, 13])
def test_history_is_walked_by_cursor_newest_first(ann: Person, limit: int) -> None:
    path = f"/tasks/{ann.new_task('0')['id']}"
    for number in range(1, 12):
        ann.api.patch(path, {"title": str(number)})
    seen, query = [], {"limit": str(limit)}
    # As many pages as there are entries, and one more: a walk that went on for ever would end here too.
    for _ in range(13):
        page = ann.api.get(f"{path}/history", query_string=query).json
        assert 0 < len(page["items"]) <= limit
        seen += [change["after"] for entry in page["items"] for change in entry["changes"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [str(number) for number in range(11, -1, -1)]


def test_a_task_is_put_only_into_a_project_of_ones_own(ann: Person) -> None:
    own, foreign = new_project(ann), new_project(make_person(ann.app))
    task = ann.new_task(project_id=own)
    assert task["project_id"] == own
    path = f"/tasks/{task['id']}"
    for project in (foreign, new_id()):
        answers = [
            ann.api.post("/tasks", {"title": "Lost", "project_id": project}),
            ann.api.patch(path, {"title": "Lost", "project_id": project}),
            ann.api.put(path, {"title": "Lost", "project_id": project}),
        ]
        for answer in answers:
            assert answer.status_code == 422
            assert [fault["pointer"] for fault in answer.json["errors"]] == ["/project_id"]
    assert live_titles(ann) == ["Pay rent"]
    assert ann.api.get(path).json == task

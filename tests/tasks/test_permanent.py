"""Removing a task for good: nothing of it is left, in the trash or out of it."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Row, insert, select

from taskapi import epochs
from taskapi.clock import DAY, now
from taskapi.idempotency import MANY, IdempotencyRecord
from taskapi.ids import new_id
from taskapi.tasks.models import Task, TaskChange
from tests.people import Person
from tests.problems import check_problem
from tests.statements import Statements


def _rows(person: Person, *columns: Any) -> Sequence[Row[Any]]:
    with person.parts.database.reader() as reader:
        return reader.rows(select(*columns))


def _left(person: Person, task_id: str) -> int:
    """How many rows there are of a task."""
    found = _rows(person, Task.id, Task.scope_id)
    changes = _rows(person, TaskChange.task_id, TaskChange.scope_id)
    return [tuple(row) for row in (*found, *changes)].count((task_id, person.id))


@pytest.mark.parametrize("state", ["live", "trashed"])
def test_what_is_removed_for_good_is_missing_everywhere(ann: Person, state: str) -> None:
    kept, task = ann.new_task("Kept"), ann.new_task()
    path = f"/tasks/{task['id']}"
    ann.api.patch(path, {"title": "Renamed"})
    if state == "trashed":
        ann.api.delete(path)
    before = ann.parts.epochs.current(epochs.scope_key(ann.id))
    answer = ann.api.delete(f"{path}?permanent=true")
    assert (answer.status_code, answer.data) == (204, b"")
    assert ann.parts.epochs.current(epochs.scope_key(ann.id)) > before
    for method, end, body in (
        ("GET", "", None),
        ("GET", "/history", None),
        ("PATCH", "", {"title": "x"}),
        ("PUT", "", {"title": "x"}),
        ("DELETE", "", None),
        ("DELETE", "?permanent=true", None),
        ("POST", "/restore", None),
    ):
        check_problem(ann.api.call(method, path + end, body), 404)
    assert _left(ann, task["id"]) == 0
    assert ann.api.get("/tasks").json["items"] == [kept]
    assert len(ann.api.get(f"/tasks/{kept['id']}/history").json["items"]) == 1
    check_problem(
        ann.api.post("/tasks", {"title": "x", "position": {"after": task["id"]}}), 422, "/position/after"
    )


def test_without_true_a_deleted_task_is_in_the_trash(ann: Person) -> None:
    for query in ("", "?permanent=false"):
        path = f"/tasks/{ann.new_task()['id']}"
        assert ann.api.delete(path + query).status_code == 204
        check_problem(ann.api.delete(path + query), 404)
        assert ann.api.post(f"{path}/restore").status_code == 200
    for query in (
        "permanent=1",
        "permanent=True",
        "permanent=",
        "permanent",
        "permanent=true&permanent=true",
    ):
        check_problem(ann.api.delete(f"{path}?{query}"), 400, "query/permanent")
    assert ann.api.get(path).status_code == 200


def test_removing_for_good_honours_if_match(ann: Person) -> None:
    made = ann.api.post("/tasks", {"title": "Pay rent"})
    path = f"/tasks/{made.json['id']}"
    now_tag = ann.api.patch(path, {"title": "Paid rent"}).etag
    stale = ann.api.delete(f"{path}?permanent=true", headers={"If-Match": made.etag})
    check_problem(stale, 412)
    assert (stale.etag, ann.api.get(path).status_code) == (now_tag, 200)
    assert ann.api.delete(f"{path}?permanent=true", headers={"If-Match": now_tag}).status_code == 204
    check_problem(ann.api.delete(f"{path}?permanent=true", headers={"If-Match": "*"}), 404)


def test_nobody_removes_what_is_not_theirs(ann: Person, bob: Person) -> None:
    task = ann.new_task()
    path = f"/tasks/{task['id']}"
    check_problem(bob.api.delete(f"{path}?permanent=true"), 404)
    ann.api.delete(path)
    check_problem(bob.api.delete(f"{path}?permanent=true"), 404)
    assert _left(ann, task["id"]) == 3


def _record(person: Person, subject: str | None, body: bytes, key: str) -> dict[str, Any]:
    return {
        "user_id": person.id,
        "key": key,
        "outcome": "applied",
        "fingerprint": "f",
        "status": 200,
        "headers": "{}",
        "body": body,
        "subject_id": subject,
        "created_at": now(),
        "expires_at": now() + DAY,
    }


def test_stored_answers_about_it_are_emptied_and_no_others(ann: Person, bob: Person) -> None:
    task, other = ann.new_task()["id"], ann.new_task()["id"]
    about, besides = f'{{"id":"{task}","é":1}}'.encode(), f'{{"id":"{other}"}}'.encode()
    records = [
        _record(ann, task, about, "its own"),
        _record(ann, task, b"", "its own, without a body"),
        _record(ann, MANY, b"\0\xff" + besides + about, "of many and of it"),
        _record(ann, MANY, besides, "of many others"),
        _record(ann, other, about, "of another, though its id is in it"),
        _record(ann, None, about, "of no task"),
        _record(bob, task, about, "somebody else's"),
        _record(bob, MANY, about, "somebody else's of many"),
    ]
    with ann.parts.database.writer() as session:
        session.run(insert(IdempotencyRecord), records)
    assert ann.api.delete(f"/tasks/{task}?permanent=true").status_code == 204
    found = _rows(
        ann,
        IdempotencyRecord.key,
        IdempotencyRecord.user_id,
        IdempotencyRecord.body,
        IdempotencyRecord.headers,
    )
    ours = {row.key: (row.body, row.headers) for row in found if row.user_id in {ann.id, bob.id}}
    emptied = {key for key, stored in ours.items() if stored == (None, None)}
    assert len(ours) == len(records)
    assert emptied == {"its own", "its own, without a body", "of many and of it"}
    assert all((one["body"], "{}") == ours[one["key"]] for one in records if one["key"] not in emptied)


def test_removing_for_good_sends_five_statements(ann: Person) -> None:
    path, statements = f"/tasks/{ann.new_task()['id']}?permanent=true", Statements(ann.parts)
    assert statements.during(lambda: ann.api.delete(path)).status_code == 204
    # Locked, the epoch, its history, it and the stored answers.
    assert statements.own == 5


def test_a_replay_of_what_was_removed_for_good_tells_nothing_of_it(ann: Person) -> None:
    secret = {"title": "Very private"}
    keys = [{"Idempotency-Key": f"{name} {new_id()}"} for name in ("made", "changed", "many", "removed")]
    made = ann.api.post("/tasks", secret, headers=keys[0])
    path, operation = f"/tasks/{made.json['id']}", {"op": "update", "id": made.json["id"], "data": secret}
    assert ann.api.patch(path, {"status": "done"}, headers=keys[1]).status_code == 200
    bulk = {"operations": [operation, {"op": "create", "data": {"title": "Kept"}}]}
    assert ann.api.post("/tasks/bulk", bulk, headers=keys[2]).status_code == 200
    assert ann.api.delete(f"{path}?permanent=true", headers=keys[3]).status_code == 204
    for answer in (
        ann.api.post("/tasks", secret, headers=keys[0]),
        ann.api.patch(path, {"status": "done"}, headers=keys[1]),
        ann.api.post("/tasks/bulk", bulk, headers=keys[2]),
    ):
        check_problem(answer, 409)
        assert answer.json["code"] == "idempotent_answer_purged"
        assert "private" not in answer.text
    replayed = ann.api.delete(f"{path}?permanent=true", headers=keys[3])
    assert (replayed.status_code, replayed.headers["Idempotency-Replayed"]) == (204, "true")

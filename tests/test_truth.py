"""That the check of every answer sees what it is there for: each of these answers is wrong in one thing."""

import re
from typing import Any

import httpx
import orjson
import pytest

from tests.people import Person
from tests.truth import check

Planted = tuple[int, dict[str, str], dict[str, Any]]


def _right(ann: Person) -> Planted:
    answer = ann.api.get(f"/tasks/{ann.new_task()['id']}")
    return answer.status_code, dict(answer.headers), answer.json


def _check(planted: Planted, method: str = "GET", path: str = "/api/v1/tasks/x") -> None:
    status, headers, body = planted
    check(method, path, status, headers, orjson.dumps(body))


def test_a_right_answer_passes(ann: Person) -> None:
    _check(_right(ann))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("secret", "of ours"),
        ("id", "7"),
        ("status", "finished"),
        ("version", "1"),
        ("title", None),
        ("created_at", "yesterday"),
        ("due_on", "2026-02-30"),
        ("labels", "home"),
    ],
)
def test_a_wrong_member_is_seen(ann: Person, member: str, value: Any) -> None:
    status, headers, body = _right(ann)
    with pytest.raises(AssertionError, match=re.escape(str(value) if value else "null")):
        _check((status, headers, body | {member: value}))


def test_a_missing_member_is_seen(ann: Person) -> None:
    status, headers, body = _right(ann)
    for member in body:
        rest = {name: value for name, value in body.items() if name != member}
        with pytest.raises(AssertionError, match=f'"{member}" is a required property'):
            _check((status, headers, rest))


@pytest.mark.parametrize("name", ["ETag", "X-Request-ID", "Cache-Control", "Vary", "X-Cache"])
def test_a_missing_header_is_seen(ann: Person, name: str) -> None:
    status, headers, body = _right(ann)
    del headers[name]
    with pytest.raises(AssertionError, match=f"{name} is missing"):
        _check((status, headers, body))


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"ETag": "bare"}, "ETag"),
        ({"X-Cache": "perhaps"}, "X-Cache"),
        ({"Location": "/api/v1/tasks/1"}, "not described there"),
        ({"Content-Type": "text/html"}, "text/html is not described"),
    ],
)
def test_a_wrong_header_is_seen(ann: Person, changed: dict[str, str], complaint: str) -> None:
    status, headers, body = _right(ann)
    with pytest.raises(AssertionError, match=complaint):
        _check((status, headers | changed, body))


def test_an_undescribed_status_or_operation_is_seen(ann: Person) -> None:
    _, headers, body = _right(ann)
    with pytest.raises(AssertionError, match="knows no such status"):
        _check((202, headers, body))
    with pytest.raises(AssertionError, match="knows no such operation"):
        _check((200, headers, body), path="/api/v1/nothing")
    with pytest.raises(AssertionError, match="knows no such operation"):
        _check((200, headers, body), method="PATCH", path="/api/v1/stats")


def test_an_undescribed_code_of_a_refusal_is_seen(ann: Person) -> None:
    answer = ann.api.get("/tasks/nonsense")
    with pytest.raises(AssertionError, match="out_of_luck"):
        _check((404, dict(answer.headers), answer.json | {"code": "out_of_luck"}))


def test_where_nothing_is_to_be_told_nothing_is_told(ann: Person) -> None:
    answer = ann.api.delete(f"/tasks/{ann.new_task()['id']}")
    with pytest.raises(AssertionError, match="no body is described"):
        _check((204, dict(answer.headers), {}), method="DELETE")


def test_answers_that_come_over_http_are_held_against_it_too(ann: Person) -> None:
    status, headers, body = _right(ann)
    for told, complaint in ((body, None), (body | {"secret": "of ours"}, "secret")):
        answer = httpx.Response(status, headers=headers, content=orjson.dumps(told))
        with httpx.Client(transport=httpx.MockTransport(lambda _, answer=answer: answer)) as client:
            if complaint is None:
                assert client.get("http://taskapi.test/api/v1/tasks/x").status_code == status
            else:
                with pytest.raises(AssertionError, match=complaint):
                    client.get("http://taskapi.test/api/v1/tasks/x")

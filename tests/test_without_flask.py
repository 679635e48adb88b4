"""Reads on the short way are answered as Flask would answer them, and what fails there Flask tells."""

import gc
import re
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from taskapi import consistency
from taskapi.answers import Answer as Made
from taskapi.ids import new_id
from taskapi.lists.schemas import all_represented
from taskapi.parts import Parts
from taskapi.proxies import Call
from taskapi.responses import API, RULES
from taskapi.tasks.models import SHOWN
from taskapi.tasks.service import represented
from taskapi.without_flask import WithoutFlask
from tests.people import Answer, Api, Person, make_person
from tests.test_front import reading_paths

# Of each answer its own.
_OWN = {"X-Request-ID", "Server-Timing"}
# What says more than whose it is and what.
_SAID = {"Origin": "https://pages.example", "Accept-Encoding": "br", "Accept": "application/json"}


def short_way(app: Flask) -> WithoutFlask:
    found: WithoutFlask = app.wsgi_app._without_primary._answering.__self__  # type: ignore[attr-defined]
    return found


@contextmanager
def closed(app: Flask) -> Iterator[None]:
    """Only Flask answers inside."""
    way = short_way(app)
    before, way._ways = way._ways, {}
    try:
        yield
    finally:
        way._ways = before


@contextmanager
def without_flask(app: Flask) -> Iterator[None]:
    """Flask answers nothing inside."""

    def refuse(*_: Any) -> Made:
        raise AssertionError("Flask was asked")

    way = short_way(app)
    before, way._app = way._app, refuse  # type: ignore[assignment]
    try:
        yield
    finally:
        way._app = before


def as_it_matters(answer: Answer) -> tuple[int, bytes, list[tuple[str, str]]]:
    told = [(name, value) for name, value in answer.headers if name not in _OWN]
    return answer.status_code, answer.data, sorted(told)


def both(person: Person, path: str, **sent: Any) -> tuple[Answer, Answer]:
    """The answers by the short way and by Flask, each made anew."""
    store = person.parts.store
    answers: list[Answer] = []
    for _ in range(2):
        store._entries.clear()
        store.bytes = 0
        if answers:
            with closed(person.app):
                answers.append(person.api.get(path, **sent))
        else:
            answers.append(person.api.get(path, **sent))
    return answers[0], answers[1]


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Flask:
    """One of this test's own: what it has kept is thrown away."""
    return make_app(request.param, TASKAPI_LIMITS="read=1000/hour", TASKAPI_CORS_ORIGINS=_SAID["Origin"])


def test_an_ordinary_read_is_answered_as_flask_would_and_without_it(app: Flask) -> None:
    ann = make_person(app)
    for rule, path in (reading_paths(ann) | {"tasks*": "/tasks?limit=2&sort=-title&count=true"}).items():
        for sent in ({}, _SAID, {"If-None-Match": '"another"', "X-Request-ID": "not a name"}):
            mine, flasks = both(ann, path, headers=sent)
            told, also = as_it_matters(mine), as_it_matters(flasks)
            # Each spends one of what is left.
            left = [value for name, value in told[2] if name == "RateLimit"]
            assert left, rule
            assert [pair for pair in told[2] if pair[0] != "RateLimit"] == [
                pair for pair in also[2] if pair[0] != "RateLimit"
            ], rule
            assert told[:2] == also[:2], rule
        with without_flask(app):
            ann.parts.store._entries.clear()
            assert ann.api.get(path).headers["X-Cache"] == "miss", rule


def test_each_rule_but_those_of_admins_has_a_short_way(app: Flask) -> None:
    reads = {shape for method, shape in short_way(app)._ways if method == "GET"}
    assert reads == {rule for rule in RULES if not rule.startswith("admin/")}


def test_writes_with_a_short_way_are_all_but_those_that_flask_has_to_see_to(app: Flask) -> None:
    writes = {
        (method, "/".join("*" if room.startswith("<") else room for room in rule.rule.split("/")))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}
    }
    ways = short_way(app)._ways
    long = {shape for method, shape in writes if (method, shape.removeprefix(API)) not in ways}
    # Of who logs in or out, of admins, with a file, or a form.
    kinds = {re.sub(r"^/api/v1/(\w+).*", r"\1", shape) for shape in long}
    assert kinds == {"auth", "admin", "imports", "/unsubscribe"}
    assert {("POST", "tasks"), ("PATCH", "tasks/*"), ("POST", "tasks/*/restore")} <= set(ways)


def writes(person: Person, task: str) -> list[tuple[str, str, Any]]:
    return [
        ("POST", "/tasks", {"title": "Buy milk", "labels": ["home"]}),
        ("PATCH", f"/tasks/{task}", {"title": "Buy two"}),
        ("PUT", f"/tasks/{task}", {"title": "Buy three", "priority": "high"}),
        ("POST", "/tasks/bulk", {"operations": [{"op": "create", "data": {"title": "Many"}}]}),
        ("DELETE", f"/tasks/{task}", None),
        ("POST", f"/tasks/{task}/restore", None),
        ("POST", "/me/tokens", {"name": f"Phone {new_id()}", "scopes": ["tasks:read"]}),
        ("POST", "/projects", {"name": f"Home of {person.id} {new_id()}"}),
        ("PATCH", "/me", {"name": f"Ann {task[-5:]}"}),
    ]


def test_a_write_is_answered_as_flask_would_and_without_it(app: Flask) -> None:
    ann = make_person(app)
    mine, flasks = ann.new_task("Mine")["id"], ann.new_task("Flask's")["id"]
    for short, long in zip(writes(ann, mine), writes(ann, flasks), strict=True):
        with without_flask(app):
            told = ann.api.call(*short, headers=_SAID)
        with closed(app):
            also = ann.api.call(*long, headers=_SAID)
        assert told.status_code == also.status_code < 300, (short, told.text)
        assert sorted(told.headers.keys()) == sorted(also.headers.keys()), short
        same = set(told.headers.keys()) - {*_OWN, "ETag", "Location", consistency.HEADER, "Content-Length"}
        for name in same - {"RateLimit"}:
            assert told.headers.getlist(name) == also.headers.getlist(name), (short, name)
        if told.data:
            assert told.json.keys() == also.json.keys()


@pytest.mark.parametrize("is_short_first", [True, False])
def test_a_replay_is_the_same_by_either_way(app: Flask, is_short_first: bool) -> None:
    ann = make_person(app)
    for number, (method, path, body) in enumerate(writes(ann, ann.new_task()["id"])):
        headers = {"Idempotency-Key": f"{is_short_first} {number}"}
        first, second = (without_flask, closed) if is_short_first else (closed, without_flask)
        with first(app):
            made = ann.api.call(method, path, body, headers=headers)
        with second(app):
            again = ann.api.call(method, path, body, headers=headers)
        assert (made.status_code, made.data) == (again.status_code, again.data), (method, path)
        assert "Idempotency-Replayed" not in made.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        for name in ("ETag", "Location", "Content-Type", consistency.HEADER):
            assert made.headers.get(name) == again.headers.get(name), (method, path, name)


def test_what_a_write_is_refused_for_leaves_nothing(app: Flask) -> None:
    ann = make_person(app)
    task = ann.new_task("As it was")
    path = f"/tasks/{task['id']}"
    for method, refused, body, more, status in (
        ("PATCH", path, {"title": ""}, {}, 422),
        ("PATCH", path, {"title": "New"}, {"If-Match": '"another"'}, 412),
        ("POST", "/tasks", {"title": "New"}, {"Accept": "text/html"}, 406),
        ("POST", "/tasks", {"title": "New"}, {"Authorization": "Bearer nonsense"}, 401),
        ("POST", "/tasks", {"title": "New"}, {"Content-Type": "text/plain"}, 415),
        ("DELETE", "/tasks/nonsense", None, {}, 404),
    ):
        answer = ann.api.call(method, refused, body, headers=more)
        with closed(app):
            flasks = ann.api.call(method, refused, body, headers=more)
        assert answer.status_code == flasks.status_code == status, answer.text
        assert answer.json | {"request_id": ""} == flasks.json | {"request_id": ""}
        assert sorted(answer.headers.keys()) == sorted(flasks.headers.keys())
    assert ann.api.get("/tasks").json["items"] == [task]


def test_what_is_refused_flask_tells_and_it_costs_no_more(app: Flask) -> None:
    ann = make_person(app)
    nobody = Api(app, "not.a.token")
    unknown = "/tasks/00000000-0000-7000-8000-000000000000"

    def left(answer: Answer) -> int:
        return int(answer.headers["RateLimit"].split("r=")[1].split(";")[0])

    before = left(ann.api.get("/me"))
    for number, (path, status) in enumerate(((unknown, 404), ("/tasks?limit=0", 400), ("/tasks/x", 404))):
        refused = ann.api.get(path, headers={"X-Request-ID": "a-name-of-mine"})
        assert (refused.status_code, refused.json["request_id"]) == (status, "a-name-of-mine")
        assert left(refused) == before - number - 1
        with closed(app):
            flasks = ann.api.get(path, headers={"X-Request-ID": "a-name-of-mine"})
        assert flasks.json == refused.json
        before -= 1
    assert nobody.get("/tasks").status_code == 401
    assert [nobody.get("/tasks").headers["WWW-Authenticate"]] == ["Bearer"]


def test_a_failure_on_the_short_way_is_told_as_any_other(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = make_person(app)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("taskapi.lists.service.page_of", fail)
    answer = ann.api.get("/tasks")
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert "a fault of ours" not in answer.text


def test_a_path_of_thousands_of_parts_is_looked_up_once(app: Flask) -> None:
    looked: list[Any] = []

    class Counted(dict[Any, Any]):
        def get(self, key: Any, default: Any = None) -> Any:
            looked.append(key)
            return super().get(key, default)

    way = short_way(app)
    way._ways = Counted(way._ways)
    assert make_person(app).api.post("/tasks" + "/a" * 10_000).status_code == 404
    assert len(looked) <= 5


def test_methods_are_read_whatever_their_case(app: Flask) -> None:
    ann = make_person(app)
    assert ann.api.call("post", "/tasks", {"title": "Small"}).status_code == 201
    headers = {"Authorization": f"Bearer {ann.api.token}", "Idempotency-Key": "a"}
    environ: dict[str, Any] = dict(
        EnvironBuilder("/api/v1/tasks", headers=list(headers.items())).get_environ()
    )
    environ["REQUEST_METHOD"] = "get"
    for titles in (["Small"], ["Large", "Small"]):
        body = b"".join(app.wsgi_app(dict(environ), lambda *_: lambda _: None))
        assert [task["title"] for task in orjson.loads(body)["items"]] == titles
        ann.new_task("Large")


def test_a_refusal_is_not_kept_by_its_own_traceback(app: Flask) -> None:
    ann = make_person(app)
    assert ann.api.get("/tasks/nonsense").status_code == 404
    gc.collect()
    gc.disable()
    try:
        # What failed in other tests may still be looked at by somebody.
        before = _calls()
        ann.api.get("/tasks/nonsense")
        assert _calls() == before
    finally:
        gc.enable()


def _calls() -> int:
    return sum(type(one) is Call for one in gc.get_objects())


def test_nothing_of_a_request_is_left_for_the_next_one(app: Flask) -> None:
    ann, bob = make_person(app), make_person(app)
    for person in (ann, bob, ann):
        person.new_task(f"of {person.id}")
        titles = {task["title"] for task in person.api.get("/tasks").json["items"]}
        assert titles == {f"of {person.id}"}
        # By Flask, in the same thread.
        assert person.api.get("/auth/sessions").json["items"][0]["id"] == person.session_id


def test_sessions_are_closed_whatever_becomes_of_the_request(app: Flask) -> None:
    ann, parts = make_person(app), _parts(app)
    for path in ("/tasks", "/tasks/00000000-0000-7000-8000-000000000000", "/tasks?limit=0", "/stats"):
        ann.api.get(path)
    assert parts.database.connections[0] == 0


_MOMENTS = st.none() | st.integers(0, 4_102_444_800_000)
_COLUMNS = {
    "priority": st.integers(0, 3),
    "labels": st.sampled_from(["[]", '["home","work"]']),
    "version": st.integers(1, 9),
    "epoch": st.integers(1, 1 << 52),
}


def _value(name: str) -> st.SearchStrategy[Any]:
    if name in _COLUMNS:
        return _COLUMNS[name]
    return _MOMENTS if name.endswith("_at") else st.text(max_size=5)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.tuples(*(_value(column.key) for column in SHOWN)), max_size=6), st.booleans())
def test_column_by_column_rows_are_as_each_by_itself(rows: list[tuple[Any, ...]], is_joined: bool) -> None:
    before = ["under", "section"] if is_joined else ["under"]
    names = [*before, *(column.key for column in SHOWN)]
    row_of: Any = namedtuple("row_of", names)  # type: ignore[misc]  # noqa: PYI024 - the names are found out
    named = [row_of(*[0] * len(before), *row) for row in rows]

    def plain(task: dict[str, Any]) -> list[tuple[str, Any]]:
        return list(orjson.loads(orjson.dumps(task)).items())

    assert list(map(plain, all_represented(named))) == [plain(represented(row)) for row in named]


def _parts(app: Flask) -> Parts:
    found: Parts = app.extensions["taskapi"]
    return found

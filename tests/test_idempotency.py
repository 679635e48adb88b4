"""A request under an Idempotency-Key is carried out once, and answered alike however often it comes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskapi import consistency, idempotency
from taskapi.clock import DAY, now
from taskapi.idempotency import fingerprint
from tests.people import Answer, Api, Person, make_person, new_address
from tests.problems import check_problem

NAME = idempotency.HEADER
REPEATED = ("Content-Type", "ETag", "Location", consistency.HEADER)


def under(key: str) -> dict[str, str]:
    return {NAME: key}


def same(first: Answer, again: Answer) -> None:
    """`again` is a replay of `first`."""
    assert (again.status_code, again.data) == (first.status_code, first.data)
    for name in REPEATED:
        assert again.headers.get(name) == first.headers.get(name), name
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


def titles(person: Person) -> list[str]:
    return [task["title"] for task in person.api.get("/tasks?limit=200").json["items"]]


def test_a_repeated_post_makes_one_task_and_is_answered_alike(ann: Person) -> None:
    first = ann.api.post("/tasks", {"title": "Pay rent"}, headers=under("one"))
    assert first.status_code == 201
    for _ in range(2):
        same(first, ann.api.post("/tasks", {"title": "Pay rent"}, headers=under("one")))
    assert titles(ann) == ["Pay rent"]


def test_every_kind_of_write_is_replayed(ann: Person) -> None:
    path = f"/tasks/{ann.new_task()['id']}"
    calls: list[tuple[str, str, Any]] = [
        ("PATCH", path, {"title": "Patched"}),
        ("PUT", path, {"title": "Put"}),
        ("PATCH", path, {"title": "Put"}),
        ("DELETE", path, None),
        ("POST", f"{path}/restore", None),
        ("PATCH", "/me", {"name": "Ann"}),
    ]
    for number, (method, where, body) in enumerate(calls):
        first = ann.api.call(method, where, body, headers=under(f"key {number}"))
        assert first.status_code < 300
        same(first, ann.api.call(method, where, body, headers=under(f"key {number}")))
    history = ann.api.get(f"{path}/history").json["items"]
    assert len(history) == 5, "made, patched, put, trashed, restored: each once"


def test_a_replay_tells_what_was_true_then(ann: Person) -> None:
    first = ann.api.post("/tasks", {"title": "then"}, headers=under("then"))
    ann.api.patch(f"/tasks/{first.json['id']}", {"title": "now"})
    same(first, ann.api.post("/tasks", {"title": "then"}, headers=under("then")))


def test_another_request_under_the_key_is_422(ann: Person) -> None:
    path = f"/tasks/{ann.new_task()['id']}"
    ann.api.post("/tasks", {"title": "one"}, headers=under("k"))
    others = [
        ("POST", "/tasks", {"title": "two"}),
        ("POST", "/tasks", {"title": "one", "description": ""}),
        ("PUT", path, {"title": "one"}),
        ("DELETE", path, None),
    ]
    for method, where, body in others:
        refused = ann.api.call(method, where, body, headers=under("k"))
        check_problem(refused, 422, f"header/{NAME}")
        assert refused.json["code"] == "idempotency_key_reused"
    assert titles(ann) == ["one", "Pay rent"]


@settings(max_examples=200, deadline=None)
@given(*[st.tuples(st.text(), st.text(), st.text(), st.binary())] * 2)
def test_different_requests_have_different_fingerprints(
    one: tuple[str, str, str, bytes], two: tuple[str, str, str, bytes]
) -> None:
    assert (fingerprint(b"k", *one) == fingerprint(b"k", *two)) == (one == two)
    assert fingerprint(b"k", *one) != fingerprint(b"another", *one)
    method, path, query, body = one
    moved = fingerprint(b"k", method, path + query, "", body)
    assert moved != fingerprint(b"k", method, path, query + "x", body)


def test_two_people_may_use_one_key(ann: Person, bob: Person) -> None:
    assert ann.api.post("/tasks", {"title": "hers"}, headers=under("k")).status_code == 201
    his = bob.api.post("/tasks", {"title": "his"}, headers=under("k"))
    assert (his.status_code, his.json["title"]) == (201, "his")


def test_a_refusal_is_not_stored(ann: Person) -> None:
    for body in ({"title": ""}, {"title": "x", "project_id": ann.id}, {"title": "x", "no": 1}):
        assert ann.api.post("/tasks", body, headers=under("k")).status_code == 422
    assert ann.api.get("/operations?key=other").json["outcome"] == "not_applied"
    assert ann.api.post("/tasks", {"title": "x"}, headers=under("k")).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "tab\there"])
def test_a_key_that_is_none_is_400(ann: Person, key: str) -> None:
    check_problem(ann.api.post("/tasks", {"title": "x"}, headers=under(key)), 400, f"header/{NAME}")
    assert titles(ann) == []


@pytest.mark.parametrize("key", ["x", " ", "x" * 255, "~!@#$%^&*()\"'"])
def test_any_printable_ascii_is_a_key(ann: Person, key: str) -> None:
    first = ann.api.post("/tasks", {"title": "x"}, headers=under(key))
    same(first, ann.api.post("/tasks", {"title": "x"}, headers=under(key)))


def test_a_changed_password_is_replayed_though_the_old_one_is_none_any_more(ann: Person) -> None:
    body = {"current_password": ann.password, "new_password": "a wholly different phrase"}
    first = ann.api.post("/me/password", body, headers=under("k"))
    assert first.status_code == 204
    same(first, ann.api.post("/me/password", body, headers=under("k")))
    refused = ann.api.post("/me/password", body, headers=under("another"))
    check_problem(refused, 422, "/current_password")
    assert ann.api.get("/operations?key=another").json["outcome"] == "not_applied"


def test_no_lock_is_held_while_a_password_is_hashed(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    hashing = ann.parts.hashing.hash

    def writing_meanwhile(password: str) -> str:
        with ThreadPoolExecutor(1) as another:
            assert another.submit(ann.new_task, "meanwhile").result(5)["title"] == "meanwhile"
        return hashing(password)

    monkeypatch.setattr(ann.parts.hashing, "hash", writing_meanwhile)
    body = {"current_password": ann.password, "new_password": "a wholly different phrase"}
    assert ann.api.post("/me/password", body, headers=under("k")).status_code == 204


def test_log_in_minds_no_key(ann: Person, anonymous: Api) -> None:
    credentials = {"email": ann.email, "password": ann.password}
    tokens = [
        anonymous.post("/auth/login", credentials, headers=under("k")).json["access_token"] for _ in range(2)
    ]
    assert tokens[0] != tokens[1]
    body = {"email": new_address(), "password": "a wholly different phrase"}
    for _ in range(2):
        assert (
            "Idempotency-Replayed" not in anonymous.post("/auth/register", body, headers=under("k")).headers
        )


def test_of_fifty_at_once_one_is_carried_out(ann: Person) -> None:
    start = Barrier(50)

    def send() -> Answer:
        start.wait(30)
        return ann.api.post("/tasks", {"title": "once"}, headers=under("crowd"))

    with ThreadPoolExecutor(50) as pool:
        answers = [one.result() for one in [pool.submit(send) for _ in range(50)]]
    made = [one for one in answers if one.status_code == 201]
    for answer in answers:
        if answer.status_code == 409:
            check_problem(answer, 409)
            assert int(answer.headers["Retry-After"]) >= 1
    assert {one.status_code for one in answers} <= {201, 409}
    assert len({one.data for one in made}) == 1
    assert sum("Idempotency-Replayed" not in one.headers for one in made) == 1
    assert titles(ann) == ["once"]


def test_a_key_in_use_is_told_so_on_postgresql(apps: Callable[[str], Flask]) -> None:
    ann = make_person(apps("postgresql"))
    with ann.parts.database.writer() as session:
        assert idempotency.claim(session, ann.id, "k", "0" * 64) is None
        refused = ann.api.post("/tasks", {"title": "x"}, headers=under("k"))
        check_problem(refused, 409)
        assert (refused.json["code"], refused.headers["Retry-After"]) == ("idempotency_key_in_use", "1")
        assert ann.api.get("/operations?key=k").json == {"key": "k", "outcome": "pending"}
        assert ann.api.post("/tasks", {"title": "x"}, headers=under("other")).status_code == 201
    assert ann.api.post("/tasks", {"title": "x"}, headers=under("k")).status_code == 201


def test_an_operation_that_was_applied_is_told_with_its_status(ann: Person, bob: Person) -> None:
    made = ann.api.post("/tasks", {"title": "x"}, headers=under("k"))
    found = ann.api.get("/operations?key=k")
    assert (found.status_code, found.headers["X-Cache"]) == (200, "bypass")
    assert found.json["outcome"] == "applied"
    assert (found.json["status"], found.json["key"]) == (201, "k")
    assert found.json["at"] >= made.json["created_at"]
    assert bob.api.get("/operations?key=k").json["outcome"] == "not_applied"
    assert ann.api.get("/operations?key=k").json["outcome"] == "applied"


def test_not_applied_is_final(ann: Person) -> None:
    for _ in range(2):
        assert ann.api.get("/operations?key=k").json == {"key": "k", "outcome": "not_applied"}
    refused = ann.api.post("/tasks", {"title": "x"}, headers=under("k"))
    check_problem(refused, 409)
    assert refused.json["code"] == "idempotency_key_abandoned"
    assert titles(ann) == []


@pytest.mark.parametrize(
    "query", ["", "?key=", "?key=%C3%A9", "?key=a&key=b", f"?key={'x' * 256}", "?key=%0A"]
)
def test_an_operation_is_asked_for_by_a_key(ann: Person, query: str) -> None:
    check_problem(ann.api.get(f"/operations{query}"), 400, "query/key")


def test_a_key_is_forgotten_after_a_day(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    ann.api.post("/tasks", {"title": "x"}, headers=under("k"))
    ann.api.get("/operations?key=lost")
    monkeypatch.setattr("taskapi.idempotency.now", lambda: now() + DAY)
    for key in ("k", "lost"):
        assert ann.api.post("/tasks", {"title": "y"}, headers=under(key)).status_code == 201
    assert titles(ann) == ["y", "y", "x"]


def test_a_failed_effect_leaves_no_record(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("planted")

    with monkeypatch.context() as patch:
        patch.setattr("taskapi.idempotency._write", broken)
        assert ann.api.post("/tasks", {"title": "x"}, headers=under("k")).status_code == 500
    assert titles(ann) == []
    assert ann.api.post("/tasks", {"title": "x"}, headers=under("k")).status_code == 201
    assert titles(ann) == ["x"]


def test_a_replay_costs_as_much_as_the_first_time(make_app: Callable[..., Flask]) -> None:
    person = make_person(make_app("sqlite", TASKAPI_LIMITS="create=3/hour"))
    first = person.api.post("/tasks", {"title": "x"}, headers=under("k"))
    assert first.headers["RateLimit"].startswith('"create";r=2;')
    again = person.api.post("/tasks", {"title": "x"}, headers=under("k"))
    same(first, again)
    assert again.headers["RateLimit"].startswith('"create";r=1;')
    same(first, person.api.post("/tasks", {"title": "x"}, headers=under("k")))
    assert person.api.post("/tasks", {"title": "x"}, headers=under("k")).status_code == 429


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), min_size=1, max_size=12))
def test_whatever_comes_in_whatever_order_each_key_has_one_effect(
    app: Flask, sent: list[tuple[str, str]]
) -> None:
    person = make_person(app)
    first: dict[str, tuple[str, Answer]] = {}
    for key, title in sent:
        answer = person.api.post("/tasks", {"title": title}, headers=under(key))
        known = first.setdefault(key, (title, answer))
        if known[1] is not answer and known[0] == title:
            same(known[1], answer)
        elif known[0] != title:
            assert answer.status_code == 422
    assert sorted(titles(person)) == sorted(title for title, _ in first.values())


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_who_did_not_see_that_another_was_first_does_not_take_its_place(
    engine: str, make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key is locked and looked up by one statement, which sees nothing that was committed since then."""
    app = make_app(engine)
    person = make_person(app)
    first = person.api.post("/tasks", {"title": "First"}, headers=under("race"))
    assert first.status_code == 201
    with monkeypatch.context() as late:
        late.setattr(idempotency, "_claimed", lambda *_: None)
        refused = person.api.post("/tasks", {"title": "First"}, headers=under("race"))
    check_problem(refused, 409)
    assert refused.json["code"] == "idempotency_key_in_use"
    assert refused.headers["Retry-After"] == "1"
    same(first, person.api.post("/tasks", {"title": "First"}, headers=under("race")))
    assert titles(person) == ["First"]

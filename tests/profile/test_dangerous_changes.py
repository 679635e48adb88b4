"""A new password, a new address, the end of an account: each asks for the password, and devices notice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from taskapi.accounts.models import User
from taskapi.clock import DAY, now
from taskapi.jobs import OutboxRow
from tests.people import PASSWORD, Answer, Api, Person, make_person, new_address

FRESH = "a fresh and good password"


def change_password(person: Person, current: str = PASSWORD, new: str = FRESH) -> Answer:
    return person.api.post("/me/password", {"current_password": current, "new_password": new})


def delete_account(person: Person, password: str = PASSWORD) -> Answer:
    return person.api.delete("/me", {"password": password})


def log_in(person: Person, password: str = PASSWORD) -> Answer:
    return Api(person.app).post("/auth/login", {"email": person.email, "password": password})


def assert_out(device: Person) -> None:
    assert device.api.get("/me").status_code == 401
    body = {"refresh_token": device.grant.refresh_token}
    assert Api(device.app).post("/auth/refresh", body).status_code == 401


def mails(person: Person) -> list[str]:
    statement = select(OutboxRow.kind).where(OutboxRow.user_id == person.id).order_by(OutboxRow.id)
    with person.parts.database.reader() as session:
        return [row.kind for row in session.rows(statement)]


def delete_after(person: Person) -> int | None:
    with person.parts.database.reader() as session:
        found: int | None = session.value(select(User.delete_after).where(User.id == person.id))
        return found


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(ann: Person, bob: Person) -> None:
    phone = ann.another_session()
    assert phone.api.get("/me").status_code == 200
    answer = change_password(ann)
    assert (answer.status_code, answer.data) == (204, b"")
    assert_out(phone)
    assert ann.api.get("/me").status_code == 200
    body = {"refresh_token": ann.grant.refresh_token}
    assert Api(ann.app).post("/auth/refresh", body).status_code == 200
    assert bob.api.get("/me").status_code == 200
    assert (log_in(ann).status_code, log_in(ann, FRESH).status_code) == (401, 200)
    assert mails(ann) == ["mail.password_changed"]


@pytest.mark.parametrize(
    ("method", "path", "field", "rest"),
    [
        ("POST", "/me/password", "current_password", {"new_password": FRESH}),
        ("POST", "/me/email", "password", {"email": "new@example.test"}),
        ("DELETE", "/me", "password", {}),
    ],
)
def test_a_wrong_password_changes_nothing(
    ann: Person, method: str, path: str, field: str, rest: dict[str, str]
) -> None:
    phone, before = ann.another_session(), ann.api.get("/me")
    for wrong in ("", "wrong", PASSWORD.upper(), PASSWORD + " "):
        answer = ann.api.call(method, path, rest | {field: wrong})
        assert answer.status_code == 422
        assert [fault["pointer"] for fault in answer.json["errors"]] == [f"/{field}"]
    assert (ann.api.get("/me").etag, phone.api.get("/me").json) == (before.etag, before.json)
    assert delete_after(ann) is None
    assert mails(ann) == []
    assert log_in(ann).status_code == 200


@pytest.mark.parametrize("new", ["too short", "passwordpassword", "x" * 257, None])
def test_a_new_password_obeys_the_rules_of_registering(ann: Person, new: Any) -> None:
    answer = change_password(ann, new=new)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/new_password"]
    assert log_in(ann).status_code == 200


def test_of_two_new_passwords_at_once_one_holds_and_the_other_was_refused(ann: Person) -> None:
    devices, start = (ann, ann.another_session()), Barrier(2)
    wanted = (FRESH, FRESH + " of the other")

    def change(number: int) -> int:
        start.wait(timeout=30)
        return change_password(devices[number], new=wanted[number]).status_code

    with ThreadPoolExecutor(2) as threads:
        statuses = list(threads.map(change, range(2)))
    assert statuses.count(204) == 1
    assert statuses[1 - statuses.index(204)] in {401, 422}
    assert [log_in(ann, new).status_code for new in wanted] == [
        200 if status == 204 else 401 for status in statuses
    ]


def test_guessing_the_current_password_is_limited_for_each_user(make_app: Callable[..., Flask]) -> None:
    app = make_app("sqlite", TASKAPI_LIMITS="")
    ann, bob = make_person(app), make_person(app)
    for _ in range(3):
        assert ann.api.post("/me/email", {"password": PASSWORD, "email": new_address()}).status_code == 202
    for guess in (change_password, delete_account) * 5:
        assert guess(ann, "wrong").status_code == 422
    for answer in (change_password(ann), delete_account(ann), change_password(ann.another_session())):
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 300
    assert change_password(bob).status_code == 204


def test_a_deleted_account_is_out_everywhere_and_goes_in_fourteen_days(ann: Person, bob: Person) -> None:
    phone, before = ann.another_session(), now()
    answer = delete_account(ann)
    assert (answer.status_code, answer.data) == (204, b"")
    assert_out(ann)
    assert_out(phone)
    goes = delete_after(ann)
    assert goes is not None
    assert before + 14 * DAY <= goes <= now() + 14 * DAY
    assert mails(ann) == ["mail.account_going"]
    assert bob.api.get("/me").status_code == 200


def test_logging_in_before_that_keeps_the_account_and_what_is_in_it(ann: Person) -> None:
    task = ann.new_task("Still wanted")
    delete_account(ann)
    assert log_in(ann, "wrong").status_code == 401
    assert delete_after(ann) is not None, "only who knows the password may cancel"
    answer = log_in(ann)
    assert answer.status_code == 200
    assert delete_after(ann) is None
    back = Api(ann.app, answer.json["access_token"])
    assert back.get("/me").json["id"] == ann.id
    assert [one["id"] for one in back.get("/tasks").json["items"]] == [task["id"]]
    assert_out(ann)


@pytest.mark.parametrize("body", [{}, {"password": None}, {"password": PASSWORD, "sure": True}])
def test_an_account_is_not_deleted_by_a_body_that_cannot_be_read(ann: Person, body: dict[str, Any]) -> None:
    assert ann.api.delete("/me", body).status_code == 422
    assert ann.api.delete("/me").status_code == 400
    assert ann.api.get("/me").status_code == 200
    assert delete_after(ann) is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/me"),
        ("PATCH", "/me"),
        ("DELETE", "/me"),
        ("POST", "/me/password"),
        ("POST", "/me/email"),
        ("GET", "/me/limits"),
    ],
)
def test_without_a_token_nobody_is_anybody(anonymous: Api, method: str, path: str) -> None:
    answer = anonymous.call(method, path)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")

"""What a person sees and changes of themselves, and what their devices notice of it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask

from taskapi.accounts import queries
from taskapi.accounts.service import by_id, mail_token
from taskapi.clock import now
from taskapi.db import Session
from taskapi.epochs import scope_key
from taskapi.limits import DEFAULTS
from taskapi.tokens import new_personal_token
from tests.people import PASSWORD, Answer, Api, Person, make_person, new_address


@pytest.mark.parametrize("role", ["user", "admin"])
def test_me_is_what_was_promised(app: Flask, role: str) -> None:
    person = make_person(app, role=role, verified=True)
    answer = person.api.get("/me")
    assert answer.status_code == 200
    times = {name: answer.json[name] for name in ("created_at", "updated_at")}
    assert answer.json == times | {
        "id": person.id,
        "email": person.email,
        "name": "",
        "role": role,
        "email_verified": True,
        "language": "en",
        "timezone": "UTC",
    }
    assert all(time.endswith("Z") for time in times.values())
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_me_is_not_sent_again_to_who_has_it_and_never_shared_between_people(ann: Person, bob: Person) -> None:
    etag = ann.api.get("/me").etag
    again = ann.api.get("/me", headers={"If-None-Match": etag})
    assert (again.status_code, again.data, again.etag) == (304, b"", etag)
    assert bob.api.get("/me", headers={"If-None-Match": etag}).status_code == 200


def test_a_change_is_answered_seen_at_once_and_leaves_the_rest(ann: Person) -> None:
    before = ann.api.get("/me")
    changed = ann.api.patch("/me", {"name": " Ann ", "language": "fr"})
    assert changed.status_code == 200
    assert changed.json == before.json | {
        "name": "Ann",
        "language": "fr",
        "updated_at": changed.json["updated_at"],
    }
    after = ann.api.get("/me", headers={"If-None-Match": before.etag})
    assert (after.status_code, after.json, after.etag) == (200, changed.json, changed.etag)
    assert changed.etag != before.etag


def test_a_change_of_profile_ends_no_session(ann: Person) -> None:
    phone = ann.another_session()
    for name in ("One", "Two"):
        assert ann.api.patch("/me", {"name": name}).status_code == 200
        for device in (ann, phone):
            assert device.api.get("/me").json["name"] == name
            body = {"refresh_token": device.grant.refresh_token}
            assert Api(ann.app).post("/auth/refresh", body).status_code == 200


def test_writing_what_is_there_already_is_no_change(ann: Person) -> None:
    before = ann.api.get("/me")
    bodies: list[dict[str, str]] = [{}, {"name": ""}, {"language": "en", "timezone": "UTC"}]
    for body in bodies:
        same = ann.api.patch("/me", body)
        assert (same.status_code, same.json, same.etag) == (200, before.json, before.etag)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"name": None}, ["/name"]),
        ({"language": None, "timezone": None}, ["/language", "/timezone"]),
        ({"name": "x" * 101}, ["/name"]),
        ({"name": "a\nb"}, ["/name"]),
        ({"name": 5}, ["/name"]),
        ({"timezone": "Mars/Olympus"}, ["/timezone"]),
        # A name that only some machines' own files have.
        ({"timezone": "localtime"}, ["/timezone"]),
        ({"language": "english please"}, ["/language"]),
        ({"name": "good", "email": "new@example.test"}, ["/email"]),
        ({"role": "admin"}, ["/role"]),
        ({"email_verified": True, "id": "x"}, ["/email_verified", "/id"]),
    ],
)
def test_a_bad_change_names_each_field_and_changes_nothing(
    ann: Person, body: dict[str, Any], pointers: list[str]
) -> None:
    before = ann.api.get("/me")
    answer = ann.api.patch("/me", body)
    assert answer.status_code == 422
    assert sorted(fault["pointer"] for fault in answer.json["errors"]) == pointers
    assert (ann.api.get("/me").json, ann.api.get("/me").etag) == (before.json, before.etag)


def test_a_stale_if_match_is_refused_with_the_current_etag(ann: Person) -> None:
    stale = ann.api.get("/me").etag
    current = ann.api.patch("/me", {"name": "One"}, headers={"If-Match": stale}).etag
    for body in ({"name": "Two"}, {}):
        answer = ann.api.patch("/me", body, headers={"If-Match": stale})
        assert (answer.status_code, answer.etag) == (412, current)
    assert ann.api.get("/me").json["name"] == "One"
    for good in ("*", f'"other", {current}'):
        assert ann.api.patch("/me", {"name": "One"}, headers={"If-Match": good}).status_code == 200
    assert ann.api.patch("/me", {}, headers={"If-Match": "nonsense"}).status_code == 400


def test_of_two_racing_changes_under_one_if_match_one_wins(ann: Person) -> None:
    match, start = {"If-Match": ann.api.get("/me").etag}, Barrier(2)

    def change(name: str) -> Answer:
        start.wait(timeout=30)
        return ann.api.patch("/me", {"name": name}, headers=match)

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(change, ("One", "Two")))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    (won,) = [answer for answer in answers if answer.status_code == 200]
    assert ann.api.get("/me").json == won.json


def test_a_change_of_time_zone_moves_the_scope_and_nothing_else_does(ann: Person, bob: Person) -> None:
    def epochs() -> list[int]:
        return ann.parts.epochs.current(scope_key(ann.id), scope_key(bob.id))

    def tasks(person: Person) -> str:
        return person.api.get("/tasks").etag

    before, shown, of_bob = epochs(), tasks(ann), tasks(bob)
    for body in ({"name": "Ann"}, {"language": "fr"}, {"timezone": "UTC"}):
        ann.api.patch("/me", body)
    assert (epochs(), tasks(ann)) == (before, shown)
    ann.api.patch("/me", {"timezone": "Asia/Tokyo"})
    assert epochs()[0] > before[0]
    assert epochs()[1] == before[1]
    assert tasks(ann) != shown
    assert tasks(bob) == of_bob


def test_limits_are_told_with_what_is_left_of_them(make_app: Any) -> None:
    person = make_person(make_app("sqlite", TASKAPI_LIMITS="refresh=7/2minute"))
    answer = Api(person.app).post("/auth/refresh", {"refresh_token": person.grant.refresh_token})
    assert answer.headers["RateLimit-Policy"] == '"refresh";q=7;w=120'
    assert answer.headers["RateLimit"] == '"refresh";r=6;t=120'
    person.api.post("/me/password", {"current_password": "wrong", "new_password": "a good long one"})
    limits = person.api.get("/me/limits")
    found = {policy["name"]: policy for policy in limits.json["policies"]}
    assert all(
        policy.keys() == {"name", "quota", "window_seconds", "remaining", "reset_seconds"}
        for policy in found.values()
    )
    assert (found["refresh"]["quota"], found["refresh"]["window_seconds"]) == (7, 120)
    assert (found["refresh"]["remaining"], found["password"]["remaining"]) == (6, 9)
    assert 119 <= found["refresh"]["reset_seconds"] <= 120
    assert person.api.get("/me/limits").json["policies"][0]["remaining"] == 50, "looking costs nothing"


def test_the_limits_that_are_told_are_those_that_count_here(make_app: Callable[..., Flask]) -> None:
    app = make_app("sqlite", TASKAPI_LIMITS="read=9/hour")
    ann, bob = make_person(app), make_person(app)

    def left(person: Person) -> dict[str, int]:
        policies = person.api.get("/me/limits").json["policies"]
        assert len({one["name"] for one in policies}) == len(policies)
        return {one["name"]: one["remaining"] for one in policies}

    before = left(ann)
    # Of mails to an address each kind has a budget of its own, for whoever asks: no one number tells of it.
    assert before.keys() == DEFAULTS.keys() - {"forgot"} | {"read"}
    for _ in range(2):
        body = {"email": ann.email, "password": "wrong"}
        assert Api(app).post("/auth/login", body).status_code == 401
    Api(app).post("/auth/register", {"email": new_address(), "password": PASSWORD})
    Api(app).post("/auth/password/forgot", {"email": new_address()})
    Api(app, new_personal_token()).get("/tasks")
    spent = {"login": 2, "login_account": 2, "login_address": 2}
    spent |= {"register": 1, "forgot_address": 1, "token_address": 1}
    assert left(ann) == {name: count - spent.get(name, 0) for name, count in before.items()}
    of_account = ("login", "login_account")
    assert {name: left(bob)[name] for name in of_account} == {name: before[name] for name in of_account}


def test_looking_at_the_limits_is_limited_by_none(make_app: Callable[..., Flask]) -> None:
    ann = make_person(make_app("sqlite", TASKAPI_LIMITS="read=2/hour"))
    assert [ann.api.get("/tasks?limit=1").status_code for _ in range(3)] == [200, 200, 429]
    for _ in range(3):
        answer = ann.api.get("/me/limits")
        assert answer.status_code == 200
        assert answer.json["policies"][-1] == {
            "name": "read",
            "quota": 2,
            "window_seconds": 3600,
            "remaining": 0,
            "reset_seconds": answer.json["policies"][-1]["reset_seconds"],
        }


def test_without_limits_there_are_none_to_tell(ann: Person) -> None:
    assert ann.api.get("/me/limits").json == {"policies": []}


def test_an_address_changes_by_the_mailed_token_alone(ann: Person) -> None:
    wanted = new_address()
    answer = ann.api.post("/me/email", {"password": ann.password, "email": wanted})
    assert (answer.status_code, answer.json) == (202, {"status": "accepted"})
    assert ann.api.get("/me").json["email"] == ann.email
    assert _log_in(ann, wanted).status_code == 401
    token = _token_of_change(ann)
    assert _verify(ann, token).status_code == 204
    me = ann.api.get("/me").json
    assert (me["email"], me["email_verified"]) == (wanted, True)
    assert (_log_in(ann, wanted).status_code, _log_in(ann, ann.email).status_code) == (200, 401)
    assert _verify(ann, token).status_code == 422


def test_the_token_of_an_earlier_wish_does_not_fulfil_a_later_one(ann: Person) -> None:
    ann.api.post("/me/email", {"password": ann.password, "email": new_address()})
    first = _token_of_change(ann)
    last = new_address()
    ann.api.post("/me/email", {"password": ann.password, "email": last})
    assert _verify(ann, first).status_code == 422
    assert ann.api.get("/me").json["email"] == ann.email
    assert _verify(ann, _token_of_change(ann)).status_code == 204
    assert ann.api.get("/me").json["email"] == last


@pytest.mark.parametrize("taken_meanwhile", [True, False])
def test_an_address_of_somebody_else_is_asked_for_alike_but_never_given(
    ann: Person, bob: Person, taken_meanwhile: bool
) -> None:
    wanted = new_address() if taken_meanwhile else bob.email
    answer = ann.api.post("/me/email", {"password": ann.password, "email": wanted.upper()})
    assert (answer.status_code, answer.json) == (202, {"status": "accepted"})
    token = _token_of_change(ann)
    if taken_meanwhile:
        body = {"email": wanted, "password": ann.password}
        assert Api(ann.app).post("/auth/register", body).status_code == 202
    answer = _verify(ann, token)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/token")
    assert ann.api.get("/me").json["email"] == ann.email
    assert bob.api.get("/me").json["email"] == bob.email


def test_of_two_who_prove_the_same_address_at_once_one_gets_it(
    ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, value = new_address(), Session.value
    for person in (ann, bob):
        person.api.post("/me/email", {"password": person.password, "email": wanted})
    tokens = [_token_of_change(person) for person in (ann, bob)]

    def slow(session: Session, statement: Any, **parameters: Any) -> Any:
        found = value(session, statement, **parameters)
        if statement is queries.ID_OF:
            time.sleep(0.2)  # The other one looks too, and finds that nobody has it.
        return found

    monkeypatch.setattr(Session, "value", slow)
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda token: _verify(ann, token), tokens))
    assert sorted(answer.status_code for answer in answers) == [204, 422]
    refused = next(answer for answer in answers if answer.status_code == 422)
    assert refused.json["errors"][0]["pointer"] == "/token"
    assert [person.api.get("/me").json["email"] for person in (ann, bob)].count(wanted) == 1


def test_mails_about_a_new_address_are_limited_for_the_address_and_the_client(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app("sqlite", TASKAPI_LIMITS="forgot=2/hour,forgot_address=4/hour")
    ann, bob = make_person(app), make_person(app)
    wanted = new_address()

    def ask(person: Person, email: str) -> int:
        return person.api.post("/me/email", {"password": person.password, "email": email}).status_code

    assert [ask(ann, wanted), ask(bob, wanted.upper()), ask(ann, wanted)] == [202, 202, 429]
    assert [ask(ann, new_address()), ask(bob, new_address())] == [202, 429]


def test_a_change_of_address_may_be_one_of_spelling(ann: Person) -> None:
    ann.api.post("/me/email", {"password": ann.password, "email": ann.email.upper()})
    assert _verify(ann, _token_of_change(ann)).status_code == 204
    assert ann.api.get("/me").json["email"] == ann.email.upper()
    assert _log_in(ann, ann.email).status_code == 200


def _token_of_change(person: Person) -> str:
    with person.parts.database.reader() as session:
        return mail_token(person.parts, by_id(session, person.id), "change", now())


def _verify(person: Person, token: str) -> Answer:
    return Api(person.app).post("/auth/email/verify", {"token": token})


def _log_in(person: Person, email: str) -> Answer:
    return Api(person.app).post("/auth/login", {"email": email, "password": person.password})

"""What a mail's link carries works once, in its time, for its purpose, and while its address is the same."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from taskapi import clock
from taskapi.accounts.models import User
from taskapi.accounts.service import Purpose, by_id, mail_token
from taskapi.jobs import OutboxRow
from taskapi.parts import Parts
from taskapi.text import email_key
from taskapi.tokens import _segment
from tests.people import PASSWORD, Answer, Api, Person, new_address, set_disabled

FRESH = "a fresh and good password"
LIFETIME: dict[Purpose, int] = {"verify": 3 * clock.DAY, "change": 3 * clock.DAY, "reset": clock.HOUR}


def token_for(person: Person, purpose: Purpose) -> str:
    with person.parts.database.reader() as session:
        return mail_token(person.parts, by_id(session, person.id), purpose, clock.now())


def verify(app: Flask, token: str) -> Answer:
    return Api(app).post("/auth/email/verify", {"token": token})


def reset(app: Flask, token: str, password: str = FRESH) -> Answer:
    return Api(app).post("/auth/password/reset", {"token": token, "password": password})


def use(app: Flask, purpose: Purpose, token: str) -> Answer:
    return reset(app, token) if purpose == "reset" else verify(app, token)


def log_in(person: Person, password: str, email: str | None = None) -> int:
    body = {"email": email or person.email, "password": password}
    return Api(person.app).post("/auth/login", body).status_code


def ask_for_change(person: Person) -> str:
    wanted = new_address()
    answer = person.api.post("/me/email", {"password": person.password, "email": wanted})
    assert answer.status_code == 202
    return wanted


def assert_refused(answer: Answer) -> None:
    assert answer.status_code == 422, answer.text
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/token"]


def test_a_mailed_token_verifies_the_address_once(ann: Person) -> None:
    token = token_for(ann, "verify")
    assert ann.api.get("/me").json["email_verified"] is False
    answer = verify(ann.app, token)
    assert (answer.status_code, answer.data) == (204, b"")
    assert ann.api.get("/me").json["email_verified"] is True
    assert_refused(verify(ann.app, token))


def test_an_account_works_once_its_address_is_verified(make_app: Callable[..., Flask]) -> None:
    app = make_app("sqlite", TASKAPI_VERIFY_EMAIL="required")
    email = new_address()
    Api(app).post("/auth/register", {"email": email, "password": PASSWORD})
    parts: Parts = app.extensions["taskapi"]
    with parts.database.reader() as session:
        user = session.row(select(User).where(User.email == email))
    body = {"email": email, "password": PASSWORD}
    assert Api(app).post("/auth/login", body).status_code == 401
    assert verify(app, mail_token(parts, user, "verify", clock.now())).status_code == 204
    assert Api(app).post("/auth/login", body).status_code == 200


@pytest.mark.parametrize("purpose", ["verify", "change", "reset"])
def test_a_mailed_token_is_over_when_its_time_is(
    ann: Person, monkeypatch: pytest.MonkeyPatch, purpose: Purpose
) -> None:
    ask_for_change(ann)
    token = token_for(ann, purpose)
    soon = clock.now() + LIFETIME[purpose]
    monkeypatch.setattr("taskapi.accounts.service.now", lambda: soon)
    assert_refused(use(ann.app, purpose, token))
    monkeypatch.setattr("taskapi.accounts.service.now", lambda: soon - clock.MINUTE)
    assert use(ann.app, purpose, token).status_code == 204


@pytest.mark.parametrize(("made", "used"), [("verify", "reset"), ("change", "reset"), ("reset", "verify")])
def test_a_token_of_another_purpose_is_refused(ann: Person, made: Purpose, used: Purpose) -> None:
    ask_for_change(ann)
    assert_refused(use(ann.app, used, token_for(ann, made)))
    assert log_in(ann, PASSWORD) == 200
    assert ann.api.get("/me").json["email_verified"] is False


def test_a_reset_sets_the_password_and_shuts_every_device_out(ann: Person, bob: Person) -> None:
    phone, token = ann.another_session(), token_for(ann, "reset")
    answer = reset(ann.app, token)
    assert (answer.status_code, answer.data) == (204, b"")
    for device in (ann, phone):
        assert device.api.get("/me").status_code == 401
        body = {"refresh_token": device.grant.refresh_token}
        assert Api(ann.app).post("/auth/refresh", body).status_code == 401
    assert (log_in(ann, PASSWORD), log_in(ann, FRESH)) == (401, 200)
    assert ann.another_session().api.get("/me").json["email_verified"] is True
    assert bob.api.get("/me").status_code == 200
    assert_refused(reset(ann.app, token))


def test_a_reset_makes_the_tokens_of_earlier_mails_worthless(ann: Person) -> None:
    first, second, to_verify = (token_for(ann, one) for one in ("reset", "reset", "verify"))
    assert reset(ann.app, second).status_code == 204
    assert_refused(reset(ann.app, first, "the wish of a thief"))
    assert_refused(verify(ann.app, to_verify))
    assert log_in(ann, FRESH) == 200


def test_a_changed_password_makes_the_reset_mail_worthless(ann: Person) -> None:
    token = token_for(ann, "reset")
    body = {"current_password": PASSWORD, "new_password": FRESH}
    assert ann.api.post("/me/password", body).status_code == 204
    assert_refused(reset(ann.app, token, "the wish of a thief"))


@pytest.mark.parametrize("password", ["too short", "passwordpassword"])
def test_a_reset_to_a_bad_password_is_refused_and_the_token_still_holds(ann: Person, password: str) -> None:
    token = token_for(ann, "reset")
    answer = reset(ann.app, token, password)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/password"]
    assert ann.api.get("/me").status_code == 200
    assert reset(ann.app, token).status_code == 204


@pytest.mark.parametrize("purpose", ["verify", "reset"])
def test_a_token_mailed_to_an_address_is_worthless_once_it_was_changed(ann: Person, purpose: Purpose) -> None:
    token = token_for(ann, purpose)
    ask_for_change(ann)
    assert verify(ann.app, token_for(ann, "change")).status_code == 204
    assert_refused(use(ann.app, purpose, token))


@pytest.mark.parametrize("purpose", ["verify", "change", "reset"])
def test_a_disabled_account_takes_no_mailed_token(ann: Person, purpose: Purpose) -> None:
    ask_for_change(ann)
    token = token_for(ann, purpose)
    with ann.parts.database.writer() as session:
        set_disabled(session, ann.email, disabled=True)
    assert_refused(use(ann.app, purpose, token))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_mailed_token_altered_in_any_place_is_refused(ann: Person, data: st.DataObject) -> None:
    token = token_for(ann, "verify")
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCXYZabcxyz0189-_= é").filter(lambda letter: letter != token[place]))
    assert_refused(verify(ann.app, token[:place] + other + token[place + 1 :]))


later = st.just(clock.now() + clock.DAY)
ids = st.text(max_size=40) | st.uuids().map(str) | st.integers(-(2**53), 2**53) | st.none() | st.just("x\x00")
payloads = (
    st.tuples(ids, st.sampled_from(["verify", "change", "reset", "other"]) | ids, later | ids).map(list)
    | st.lists(st.integers(-9, 9), max_size=4)
    | st.dictionaries(st.text(max_size=2), st.none(), max_size=3)
    | st.integers(-(2**53), 2**53)
    | st.none()
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=payloads, purpose=st.sampled_from(["verify", "reset"]))
def test_a_token_that_somebody_else_made_is_refused_whatever_it_says(
    app: Flask, payload: Any, purpose: Purpose
) -> None:
    assert_refused(use(app, purpose, _segment(bytes(16) + orjson.dumps(payload))))


def test_a_forged_token_for_an_account_that_exists_is_refused(ann: Person) -> None:
    payload = orjson.dumps([ann.id, "reset", clock.now() + clock.HOUR])
    assert_refused(reset(ann.app, _segment(bytes(16) + payload)))
    assert_refused(reset(ann.app, ann.parts.refresh_tokens.close([ann.id, "reset", clock.now() + clock.DAY])))


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/auth/password/forgot", "mail.reset_password"), ("/auth/email/resend", "mail.resend_verification")],
)
def test_asking_for_a_mail_leaves_the_same_job_for_known_and_unknown(
    ann: Person, path: str, kind: str
) -> None:
    left, answers = [], []
    for email in (ann.email, new_address()):
        answer = Api(ann.app).post(path, {"email": email.upper()}, headers={"X-Request-ID": "the-same"})
        answers.append((answer.status_code, answer.data, list(answer.headers)))
        payload = orjson.dumps({"email_key": email_key(email)}).decode()
        with ann.parts.database.reader() as session:
            rows = session.rows(select(OutboxRow.__table__).where(OutboxRow.payload == payload))
        (found,) = [row._asdict() for row in rows]
        for differs in ("id", "payload", "created_at", "due_at", "traceparent"):
            del found[differs]
        left.append(found)
    assert answers[0] == answers[1]
    assert (answers[0][0], orjson.loads(answers[0][1])) == (202, {"status": "accepted"})
    assert left[0] == left[1]
    assert (left[0]["kind"], left[0]["user_id"]) == (kind, None)


def test_mails_to_one_address_are_limited_alike_for_known_and_unknown(make_app: Callable[..., Flask]) -> None:
    app = make_app("sqlite", TASKAPI_LIMITS="")
    known = new_address()
    Api(app).post("/auth/register", {"email": known, "password": PASSWORD})
    for path in ("/auth/password/forgot", "/auth/email/resend"):
        statuses = [
            [Api(app).post(path, {"email": email}).status_code for _ in range(6)]
            for email in (known, new_address())
        ]
        assert statuses == [[202] * 5 + [429]] * 2


def test_a_reset_does_not_bring_back_an_account_whose_days_of_regret_are_over(ann: Person) -> None:
    token = token_for(ann, "reset")
    with ann.parts.database.writer() as session:
        session.run(update(User).where(User.id == ann.id).values(delete_after=clock.now() - 1))
    reset(ann.app, token)
    assert log_in(ann, FRESH) == 401

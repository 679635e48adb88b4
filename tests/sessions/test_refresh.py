"""Refresh tokens rotate: one head per family, a lost answer is forgiven for 10 s, a copy ends the family."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from taskapi import clock, create_app
from taskapi.jobs import OutboxRow
from taskapi.parts import Parts
from taskapi.sessions.models import LoginSession
from tests.people import Answer, Api, Person, set_disabled

AT_ONCE = 20


class Clock:
    """The time the sessions live in: it stands still until a test moves it."""

    def __init__(self) -> None:
        self.moment = clock.now()

    def __call__(self) -> int:
        return self.moment


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    standing = Clock()
    monkeypatch.setattr("taskapi.sessions.service.now", standing)
    return standing


def refresh(app: Flask, token: str) -> Answer:
    return Api(app).post("/auth/refresh", {"refresh_token": token})


def successor(app: Flask, token: str) -> str:
    answer = refresh(app, token)
    assert answer.status_code == 200, answer.text
    found: str = answer.json["refresh_token"]
    return found


def row(parts: Parts, session_id: str) -> Any:
    with parts.database.reader() as session:
        return session.row(select(LoginSession).where(LoginSession.id == session_id))


def assert_dead(app: Flask, *tokens: str) -> None:
    for token in tokens:
        answer = refresh(app, token)
        assert answer.status_code == 401
        assert answer.json["code"] == "invalid_refresh_token"
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_refresh_answers_like_a_log_in(ann: Person) -> None:
    answer = refresh(ann.app, ann.grant.refresh_token)
    assert answer.status_code == 200
    assert answer.json.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 600)
    assert answer.headers["Cache-Control"] == "no-store"
    assert Api(ann.app, answer.json["access_token"]).get("/me").json["id"] == ann.id


def test_twenty_refreshes_of_one_token_at_once_name_the_same_successor(ann: Person) -> None:
    start = Barrier(AT_ONCE)

    def one(_: int) -> Answer:
        start.wait(timeout=30)
        return refresh(ann.app, ann.grant.refresh_token)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(one, range(AT_ONCE)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1
    assert row(ann.parts, ann.session_id).generation == 1
    assert all(Api(ann.app, one.json["access_token"]).get("/me").status_code == 200 for one in answers)


@pytest.mark.parametrize("milliseconds", [0, 9_999, 10_000])
def test_a_lost_answer_is_given_again_within_ten_seconds(ann: Person, time: Clock, milliseconds: int) -> None:
    head = successor(ann.app, ann.grant.refresh_token)
    time.moment += milliseconds
    assert successor(ann.app, ann.grant.refresh_token) == head
    assert row(ann.parts, ann.session_id).generation == 1
    assert successor(ann.app, head) != head


def test_the_predecessor_after_ten_seconds_ends_the_family(ann: Person, time: Clock) -> None:
    head = successor(ann.app, ann.grant.refresh_token)
    time.moment += 10_001
    assert_dead(ann.app, ann.grant.refresh_token, head)
    assert row(ann.parts, ann.session_id).ended_at == time.moment
    assert ann.api.get("/me").status_code == 401


def test_the_end_of_a_copied_family_is_committed_with_its_refusal(ann: Person) -> None:
    other = ann.another_session()
    second = refresh(ann.app, successor(ann.app, ann.grant.refresh_token)).json
    of_head = Api(ann.app, second["access_token"])
    assert of_head.get("/me").status_code == 200

    assert_dead(ann.app, ann.grant.refresh_token)

    assert of_head.get("/me").status_code == 401
    assert row(ann.parts, ann.session_id).ended_at is not None
    with ann.parts.database.reader() as session:
        mails = select(func.count()).where(
            OutboxRow.kind == "mail.session_stolen", OutboxRow.user_id == ann.id
        )
        assert session.value(mails) == 1
    afresh = create_app(ann.parts.settings)
    try:
        assert Api(afresh, second["access_token"]).get("/me").status_code == 401
        assert_dead(afresh, second["refresh_token"])
        # The person's other device has done nothing wrong.
        assert Api(afresh, other.grant.access_token).get("/me").status_code == 200
        assert refresh(afresh, other.grant.refresh_token).status_code == 200
    finally:
        afresh.extensions["taskapi"].database.close()


def test_a_family_that_ended_cannot_be_refreshed(ann: Person) -> None:
    assert ann.api.post("/auth/logout").status_code == 204
    assert_dead(ann.app, ann.grant.refresh_token)


def test_a_session_is_over_when_thirty_days_pass_without_a_refresh(ann: Person, time: Clock) -> None:
    token = successor(ann.app, ann.grant.refresh_token)
    for _ in range(2):
        time.moment += 30 * clock.DAY - 1
        token = successor(ann.app, token)
    time.moment += 30 * clock.DAY
    assert_dead(ann.app, token)


def test_a_disabled_user_cannot_refresh_even_after_being_let_in_again(ann: Person, bob: Person) -> None:
    for disabled in (True, False):
        with ann.parts.database.writer() as session:
            set_disabled(session, ann.email, disabled)
        assert_dead(ann.app, ann.grant.refresh_token)
    assert refresh(bob.app, bob.grant.refresh_token).status_code == 200


def test_a_live_session_of_a_disabled_user_is_refused(ann: Person) -> None:
    session_id = ann.session_id
    with ann.parts.database.writer() as session:
        set_disabled(session, ann.email, disabled=True)
        # As if it had been opened while the account was being shut out.
        session.run(update(LoginSession).where(LoginSession.id == session_id).values(ended_at=None))
    assert_dead(ann.app, ann.grant.refresh_token)


def test_a_token_for_a_session_of_somebody_else_is_refused(ann: Person, bob: Person) -> None:
    assert_dead(ann.app, ann.parts.refresh_tokens.close([ann.id, bob.session_id, 0]))
    assert refresh(bob.app, bob.grant.refresh_token).status_code == 200


@pytest.mark.parametrize("purpose", ["mail_tokens", "devices", "cursors"])
def test_what_we_sealed_for_another_purpose_is_no_refresh_token(ann: Person, purpose: str) -> None:
    assert_dead(ann.app, getattr(ann.parts, purpose).close([ann.id, ann.session_id, 0]))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_token_altered_in_any_place_is_refused(ann: Person, data: st.DataObject) -> None:
    token = ann.grant.refresh_token
    place = data.draw(st.integers(0, len(token) - 1))
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=.+/ é"
    other = data.draw(st.sampled_from(letters).filter(lambda letter: letter != token[place]))
    assert_dead(ann.app, token[:place] + other + token[place + 1 :])
    assert row(ann.parts, ann.session_id).generation == 0


@pytest.mark.parametrize("body", [{}, {"refresh_token": None}, {"refresh_token": ""}])
def test_no_token_at_all_is_refused_like_a_wrong_one(anonymous: Api, body: dict[str, Any]) -> None:
    answer = anonymous.post("/auth/refresh", body)
    assert (answer.status_code, answer.json["code"]) == (401, "invalid_refresh_token")


def test_an_access_token_is_no_refresh_token(ann: Person) -> None:
    assert_dead(ann.app, ann.grant.access_token)


def test_a_token_above_the_head_is_taken_after_the_database_was_rolled_back(ann: Person, time: Clock) -> None:
    token = ann.grant.refresh_token
    tokens = [token := successor(ann.app, token) for _ in range(5)]
    with ann.parts.database.writer() as session:
        rolled_back = {"generation": 2, "rotated_at": time.moment}
        session.run(update(LoginSession).where(LoginSession.id == ann.session_id).values(rolled_back))
    head = successor(ann.app, tokens[-1])
    assert row(ann.parts, ann.session_id).generation == 6
    assert successor(ann.app, tokens[-1]) == head, "its answer may get lost like any other"
    assert_dead(ann.app, tokens[0], head)


def test_a_refresh_is_seen_in_the_list_of_sessions(ann: Person, time: Clock) -> None:
    time.moment += 60_000
    body = {"refresh_token": ann.grant.refresh_token}
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    Api(ann.app).post("/auth/refresh", body, headers={"User-Agent": "a phone"}, environ_overrides=elsewhere)
    (seen,) = ann.api.get("/auth/sessions").json["items"]
    assert (seen["ip"], seen["user_agent"]) == ("192.0.2.7", "a phone")
    assert seen["last_seen_at"] == clock.rfc3339(time.moment)

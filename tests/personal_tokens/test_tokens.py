"""Personal tokens: shown once, kept as a digest, as good and fast as an access token, and ended for good."""

import re
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from taskapi import create_app, epochs, schema
from taskapi.accounts import service as accounts
from taskapi.audit.models import AuditEntry
from taskapi.clock import MINUTE, now, rfc3339
from taskapi.db import Session
from taskapi.parts import Parts
from taskapi.personal_tokens import queries, service
from taskapi.settings import load_settings
from taskapi.tokens import is_personal_token, new_personal_token
from tests.people import PASSWORD, Answer, Api, Person, make_person, set_disabled
from tests.personal_tokens.tokens import READ, WRITE, by_token, let_expire, new_token, row_of
from tests.statements import Statements

FRESH = "a fresh and good password"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def reset_by_mail(person: Person) -> None:
    with person.parts.database.reader() as reader:
        user = accounts.by_id(reader, person.id)
    token = accounts.mail_token(person.parts, user, "reset", now())
    answer = Api(person.app).post("/auth/password/reset", {"token": token, "password": FRESH})
    assert answer.status_code == 204


def actions(person: Person) -> list[tuple[str, str | None]]:
    """What is remembered of a person and their tokens, in order."""
    statement = select(AuditEntry.action, AuditEntry.target_id).where(AuditEntry.actor_id == person.id)
    with person.parts.database.reader() as reader:
        rows = reader.rows(statement.order_by(AuditEntry.id))
    return [(row.action, row.target_id) for row in rows if "token" in row.action]


def whole_database(parts: Parts) -> str:
    """Every value of every table, as text."""
    with parts.database.reader() as reader:
        rows = [row for table in schema.METADATA.sorted_tables for row in reader.rows(select(table))]
    return "\n".join(
        value.decode("latin-1") if isinstance(value, bytes) else str(value) for row in rows for value in row
    )


def test_a_token_has_a_form_that_scanners_and_typing_errors_meet() -> None:
    tokens = {new_personal_token() for _ in range(100)}
    assert len(tokens) == 100
    for token in tokens:
        assert re.fullmatch(r"tk_[0-9A-Za-z]{42}", token)
        assert is_personal_token(token)
        number = 0
        for digit in token[-6:]:
            number = number * 62 + ALPHABET.index(digit)
        assert number == zlib.crc32(token[3:-6].encode())


@given(st.integers(0, 44), st.sampled_from(ALPHABET + "_-= é"))
def test_one_wrong_character_is_always_noticed(place: int, letter: str) -> None:
    token = new_personal_token()
    wrong = token[:place] + letter + token[place + 1 :]
    assert is_personal_token(wrong) is (wrong == token)


def test_a_token_is_shown_once_and_works(ann: Person) -> None:
    made = new_token(ann, WRITE, READ, expires_at="2100-01-01T00:00:00.500+01:00", name="  Backup  ")
    assert list(made) == [
        "id", "name", "scopes", "prefix", "created_at", "expires_at", "last_used_at", "token"
    ]  # fmt: skip
    assert (made["name"], made["scopes"], made["last_used_at"]) == ("Backup", [READ, WRITE], None)
    assert made["expires_at"] == "2099-12-31T23:00:00.500Z"
    assert made["token"].startswith(made["prefix"])
    assert len(made["prefix"]) == 11
    assert Api(ann.app, made["token"]).get("/me").json["id"] == ann.id
    second = new_token(ann, READ)
    listed = ann.api.get("/me/tokens")
    assert [one["id"] for one in listed.json["items"]] == [second["id"], made["id"]]
    assert listed.json["items"][1] == {name: made[name] for name in made if name != "token"}
    assert made["token"] not in listed.text


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": " "}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"name": "two\nlines"}, "/name"),
        ({"name": None}, "/name"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": None}, "/scopes"),
        ({"scopes": "tasks:read"}, "/scopes"),
        ({"scopes": [READ, READ]}, "/scopes"),
        ({"scopes": ["account"]}, "/scopes/0"),
        ({"scopes": [READ, "admin"]}, "/scopes/1"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2100-01-01"}, "/expires_at"),
        ({"expires_at": 4102444800}, "/expires_at"),
        ({"token": "tk_mine"}, "/token"),
    ],
)
def test_what_a_token_cannot_be_is_refused(ann: Person, body: dict[str, Any], pointer: str) -> None:
    answer = ann.api.post("/me/tokens", {"name": "Script", "scopes": [READ]} | body)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json["errors"]] == [pointer]
    assert ann.api.get("/me/tokens").json == {"items": []}


def test_there_are_fifty_at_most_also_when_many_are_made_at_once(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(service.MOST - 3):
        new_token(ann)
    value = Session.value

    def slow(session: Session, statement: Any, **parameters: Any) -> Any:
        found = value(session, statement, **parameters)
        if statement is queries.COUNT_LIVE:
            time.sleep(0.02)  # Others count too, unless they have to wait.
        return found

    monkeypatch.setattr(Session, "value", slow)
    with ThreadPoolExecutor(8) as threads:
        body = {"name": "Script", "scopes": [READ]}
        answers = list(threads.map(lambda _: ann.api.post("/me/tokens", body), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json["code"] == "too_many_tokens"
    assert "50" in refused.json["detail"]
    made = ann.api.get("/me/tokens").json["items"]
    assert len(made) == service.MOST
    assert ann.api.delete(f"/me/tokens/{made[0]['id']}").status_code == 204
    new_token(ann)


def test_a_revoked_token_is_refused_at_once_and_stays_so(ann: Person) -> None:
    kept, made = new_token(ann), new_token(ann)
    api = Api(ann.app, made["token"])
    etag = api.get("/tasks").etag
    assert api.get("/tasks").headers["X-Cache"] == "hit"
    answer = ann.api.delete(f"/me/tokens/{made['id'].upper()}")
    assert (answer.status_code, answer.data) == (204, b"")
    for headers in ({}, {"If-None-Match": etag}):
        assert api.get("/tasks", headers=headers).status_code == 401
    assert api.post("/tasks", {"title": "No"}).status_code == 401
    assert ann.api.delete(f"/me/tokens/{made['id']}").status_code == 404
    assert [one["id"] for one in ann.api.get("/me/tokens").json["items"]] == [kept["id"]]
    assert Api(ann.app, kept["token"]).get("/tasks").status_code == 200
    assert actions(ann) == [
        ("token.created", kept["id"]),
        ("token.created", made["id"]),
        ("token.revoked", made["id"]),
    ]


def test_a_token_ends_at_its_time_and_so_does_what_was_kept_for_it(ann: Person) -> None:
    ends = now() + 1200
    api = Api(ann.app, new_token(ann, expires_at=rfc3339(ends))["token"])
    etag = api.get("/tasks").etag
    assert api.get("/tasks").headers["X-Cache"] == "hit"
    time.sleep(max(0, ends - now()) / 1000)
    for headers in ({}, {"If-None-Match": etag}):
        assert api.get("/tasks", headers=headers).status_code == 401
    assert ann.api.get("/me/tokens").json == {"items": []}


def test_the_database_holds_no_token_and_a_replay_shows_it_all_the_same(ann: Person) -> None:
    body, key = {"name": "Script", "scopes": [READ]}, {"Idempotency-Key": "make"}
    first, again = (ann.api.post("/me/tokens", body, headers=key) for _ in range(2))
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    for answer in (first, again):
        assert answer.headers["Cache-Control"] == "no-store"
    token = first.json["token"]
    assert Api(ann.app, token).get("/tasks").status_code == 200
    text = whole_database(ann.parts)
    assert first.json["id"] in text
    assert token not in text
    assert token[12:-6] not in text


def test_another_persons_key_or_another_secret_opens_no_kept_answer(
    ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, key = {"name": "Script", "scopes": [READ]}, {"Idempotency-Key": "make"}
    made = ann.api.post("/me/tokens", body, headers=key)
    assert bob.api.post("/me/tokens", body, headers=key).json["token"] != made.json["token"]

    def unreadable(*_: Any) -> bytes:
        raise ValueError("not ours")

    monkeypatch.setattr(type(ann.parts.kept_answers), "open", unreadable)
    answer = ann.api.post("/me/tokens", body, headers=key)
    assert (answer.status_code, answer.json["code"]) == (409, "idempotent_answer_purged")
    assert len(ann.api.get("/me/tokens").json["items"]) == 1


def test_a_kept_answer_in_another_place_is_not_opened(parts: Parts) -> None:
    sealed = parts.kept_answers.close(b"secret", "ann make")
    assert parts.kept_answers.open(sealed, "ann make") == b"secret"
    assert b"secret" not in sealed
    for content, binding in ((sealed, "bob make"), (sealed[:-1], "ann make"), (b"", "ann make")):
        with pytest.raises(ValueError):  # noqa: PT011 - of whichever fault
            parts.kept_answers.open(content, binding)


def test_a_token_costs_one_look_up_and_then_no_more_than_an_access_token(ann: Person, parts: Parts) -> None:
    statements, api = Statements(parts), by_token(ann)

    def sent(caller: Api, path: str) -> tuple[int, int]:
        answer = statements.during(lambda: caller.get(path))
        assert answer.status_code == 200
        return statements.own, statements.of_epochs

    assert sent(api, "/tasks?limit=1") == (2, 1)
    for path in ("/tasks?limit=2", "/labels", "/labels"):
        ann.api.get("/stats")  # So that both know their epochs.
        assert sent(api, path) == sent(ann.api, path), path
    assert statements.during(lambda: api.get("/labels")).headers["X-Cache"] == "hit"
    assert statements.own == 0


def test_what_is_no_token_costs_no_query_and_what_might_be_one_costs_one(
    parts: Parts, anonymous: Api
) -> None:
    statements, known = Statements(parts), len(parts.callers._seen)

    def refused(token: str) -> int:
        answer = statements.during(lambda: Api(anonymous.app, token).get("/tasks"))
        assert answer.status_code == 401
        return len([one for one in statements.sent if not one.startswith("BEGIN")])

    token = new_personal_token()
    for text in (token[:-1], token + "0", token.lower(), "tk_" + "0" * 42, "tk_", "TK" + token[2:]):
        assert refused(text) == 0, text
    assert [refused(token), refused(token), refused(new_personal_token())] == [1, 1, 1]
    assert len(parts.callers._seen) == known


def test_guessing_is_limited_for_each_client_and_troubles_no_token_that_is_known(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app("sqlite", TASKAPI_LIMITS="token_address=3/hour")
    ann = make_person(app)
    used, unused = by_token(ann), by_token(ann)
    for _ in range(5):
        assert used.get("/tasks").status_code == 200
    for _ in range(3):
        assert Api(app, new_personal_token()).get("/tasks").status_code == 401
    limited = Api(app, new_personal_token()).get("/tasks")
    assert (limited.status_code, limited.json["code"]) == (429, "too_many")
    assert int(limited.headers["Retry-After"]) > 0
    assert used.get("/labels").status_code == 200
    assert unused.get("/tasks").status_code == 429
    elsewhere = unused.get("/tasks", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert elsewhere.status_code == 200


def test_what_is_remembered_of_a_token_is_looked_up_again_in_time(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, statements = by_token(ann), Statements(ann.parts)

    def looked_up() -> bool:
        assert statements.during(lambda: api.get("/me/limits")).status_code == 200
        return any("personal_tokens" in one for one in statements.sent)

    assert [looked_up(), looked_up()] == [True, False]
    later = now() + service.REMEMBERED_MILLISECONDS
    monkeypatch.setattr("taskapi.callers.now", lambda: later)
    assert looked_up()


def test_a_changed_password_keeps_tokens_and_one_reset_by_mail_ends_them(ann: Person, bob: Person) -> None:
    first, second = by_token(ann), by_token(ann)
    of_bob = by_token(bob)
    assert first.get("/tasks").status_code == 200
    answer = ann.api.post("/me/password", {"current_password": PASSWORD, "new_password": FRESH})
    assert answer.status_code == 204
    assert [api.get("/tasks").status_code for api in (first, second)] == [200, 200]
    reset_by_mail(ann)
    assert [api.get("/tasks").status_code for api in (first, second)] == [401, 401]
    assert ann.another_session().api.get("/me/tokens").json == {"items": []}
    assert of_bob.get("/tasks").status_code == 200
    assert actions(ann)[-1] == ("user.tokens_revoked", ann.id)


@pytest.mark.parametrize("is_remembered", [True, False])
def test_a_token_rests_while_its_user_is_disabled(ann: Person, is_remembered: bool) -> None:
    api = by_token(ann)
    if is_remembered:
        assert api.get("/tasks").status_code == 200
    for disabled, status in ((True, 401), (False, 200)):
        with ann.parts.database.writer() as session:
            set_disabled(session, ann.email, disabled=disabled)
        assert api.get("/tasks").status_code == status
        assert api.get("/tasks").status_code == status


@pytest.mark.parametrize("is_remembered", [True, False])
def test_a_token_rests_while_its_account_is_about_to_go(ann: Person, is_remembered: bool) -> None:
    api = by_token(ann)
    if is_remembered:
        assert api.get("/tasks").status_code == 200
    assert ann.api.delete("/me", {"password": PASSWORD}).status_code == 204
    assert [api.get("/tasks").status_code for _ in range(2)] == [401, 401]
    answer = Api(ann.app).post("/auth/login", {"email": ann.email, "password": PASSWORD})
    assert answer.status_code == 200
    assert api.get("/tasks").status_code == 200


def test_sessions_end_without_tokens_and_a_new_name_ends_nothing(ann: Person) -> None:
    api = by_token(ann)
    assert ann.api.patch("/me", {"name": "Ann"}).status_code == 200
    assert api.get("/me").json["name"] == "Ann"
    assert ann.api.delete("/auth/sessions").status_code == 204
    assert ann.api.get("/me").status_code == 401
    assert api.get("/me").status_code == 200


def test_when_a_token_was_used_is_written_later_and_moves_nothing(ann: Person) -> None:
    made = new_token(ann)
    api, statements = Api(ann.app, made["token"]), Statements(ann.parts)
    ann.parts.callers.take_uses()
    keys = (epochs.user_key(ann.id), epochs.scope_key(ann.id), epochs.session_key(made["id"]), epochs.USERS)
    before, began = ann.parts.epochs.current(*keys), now()
    for _ in range(5):
        answer = statements.during(lambda: api.get("/tasks"))
        assert not [one for one in statements.sent if one.startswith("UPDATE")]
    assert answer.headers["X-Cache"] == "hit"
    assert row_of(ann, made["id"]).last_used_at is None

    def written() -> int:
        def write() -> Answer:
            service.write_uses(ann.parts)
            return answer

        statements.during(write)
        return len([one for one in statements.sent if one.startswith("UPDATE")])

    assert [written(), written()] == [1, 0]
    used = row_of(ann, made["id"]).last_used_at
    assert began <= used <= now()
    assert ann.api.get("/me/tokens").json["items"][0]["last_used_at"] == rfc3339(used)
    # What another process wrote of a later use is not undone.
    ann.parts.callers._uses[ann.id, made["id"]] = used - MINUTE
    service.write_uses(ann.parts)
    assert row_of(ann, made["id"]).last_used_at == used
    assert ann.parts.epochs.current(*keys) == before
    assert api.get("/tasks").headers["X-Cache"] == "hit"


def test_uses_are_written_by_a_thread_beside_the_requests(make_app: Callable[..., Flask]) -> None:
    app = make_app("sqlite")
    ann = make_person(app)
    made = new_token(ann)
    Api(app, made["token"]).get("/tasks")
    background = app.extensions["taskapi_background"]
    (chore,) = (one for one in background._chores if one.name == "token-uses")
    rounds = iter((False, True))

    class Twice(threading.Event):
        """Set when it is waited for the second time."""

        def wait(self, timeout: float | None = None) -> bool:
            assert timeout == 60
            return next(rounds)

    background._repeat(chore, Twice())
    assert row_of(ann, made["id"]).last_used_at is not None


def test_a_token_revoked_by_one_process_is_refused_by_another(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app("postgresql")
    settings = app.extensions["taskapi"].settings
    url = settings.url
    other = create_app(load_settings(TASKAPI_HOME=settings.home, TASKAPI_LIMITS="off", DATABASE_URL=url))
    try:
        ann = make_person(app)
        made = new_token(ann)
        there = Api(other, made["token"])
        assert [there.get("/tasks").status_code for _ in range(3)] == [200] * 3
        assert ann.api.delete(f"/me/tokens/{made['id']}").status_code == 204
        assert there.get("/tasks").status_code == 401
    finally:
        other.extensions["taskapi"].database.close()


def test_old_tokens_are_forgotten_with_what_told_of_their_end(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, revoked, expired = (new_token(ann) for _ in range(3))
    assert ann.api.delete(f"/me/tokens/{revoked['id']}").status_code == 204
    let_expire(ann, expired["id"])
    moment, end = now(), epochs.session_key(revoked["id"])

    def left_after(time_passed: int) -> list[str]:
        with monkeypatch.context() as patch:
            patch.setattr(service, "now", lambda: moment + time_passed)
            with ann.parts.database.reader() as reader, ann.parts.database.writer() as session:
                service.forget_old(reader, session)
        return [one["id"] for one in (live, revoked, expired) if row_of(ann, one["id"])]

    assert left_after(service.KEPT_MILLISECONDS - MINUTE) == [live["id"], revoked["id"], expired["id"]]
    assert ann.parts.epochs.current(end)[0] > 0
    assert left_after(service.KEPT_MILLISECONDS + MINUTE) == [live["id"]]
    ann.parts.epochs.clear()
    assert ann.parts.epochs.current(end) == [0]
    assert [Api(ann.app, one["token"]).get("/tasks").status_code for one in (live, revoked, expired)] == [
        200,
        401,
        401,
    ]

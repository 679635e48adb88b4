"""What is worth remembering is remembered, in the transaction of what it is about, and in ids only."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import Row, select

from taskapi.accounts import queries
from taskapi.accounts import service as accounts
from taskapi.accounts.service import Purpose
from taskapi.audit.models import ENTRY, AuditEntry
from taskapi.clock import now
from taskapi.parts import Parts
from tests.people import PASSWORD, Api, Person, make_person, new_address
from tests.planted import plant_job
from tests.statements import Statements

NEW_PASSWORD = "a wholly different phrase"
REQUEST = {"X-Request-ID": "remembered-by-this"}

Entries = Sequence[Row[Any]]


@pytest.fixture
def root(app: Flask) -> Person:
    return make_person(app, role="admin")


def entries_of(parts: Parts, call: Callable[[], object]) -> Entries:
    """What a call left in the audit, under its request id."""
    ours = select(*ENTRY).where(AuditEntry.request_id == REQUEST["X-Request-ID"]).order_by(AuditEntry.id)
    with parts.database.reader() as session:
        before = len(session.rows(ours))
    call()
    with parts.database.reader() as session:
        return session.rows(ours)[before:]


def mailed(person: Person, purpose: Purpose) -> dict[str, str]:
    with person.parts.database.reader() as reader:
        user = reader.row(queries.BY_ID, user_id=person.id)
    return {"token": accounts.mail_token(person.parts, user, purpose, now())}


def _new_email(ann: Person) -> dict[str, str]:
    body = {"password": PASSWORD, "email": new_address()}
    assert ann.api.post("/me/email", body).status_code == 202
    return mailed(ann, "change")


Call = Callable[[Person], tuple[str, str, Any]]

# What somebody does about themselves: the method, the path, the body, and what is remembered of it.
BY_THEMSELVES: dict[str, Call] = {
    "session.ended": lambda _: ("POST", "/auth/logout", None),
    "user.sessions_ended": lambda _: ("DELETE", "/auth/sessions", None),
    "user.password_changed": lambda _: (
        "POST",
        "/me/password",
        {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
    ),
    "user.email_change_asked": lambda _: (
        "POST",
        "/me/email",
        {"password": PASSWORD, "email": new_address()},
    ),
    "user.deletion_asked": lambda _: ("DELETE", "/me", {"password": PASSWORD}),
}
BY_MAIL: dict[str, Call] = {
    "user.password_reset": lambda ann: (
        "POST",
        "/auth/password/reset",
        mailed(ann, "reset") | {"password": NEW_PASSWORD},
    ),
    "user.email_verified": lambda ann: ("POST", "/auth/email/verify", mailed(ann, "verify")),
    "user.email_changed": lambda ann: ("POST", "/auth/email/verify", _new_email(ann)),
    "session.opened": lambda ann: ("POST", "/auth/login", {"email": ann.email, "password": PASSWORD}),
}
BY_AN_ADMIN: dict[str, Call] = {
    "user.promoted": lambda ann: ("PATCH", f"/admin/users/{ann.id}", {"role": "admin"}),
    "user.disabled": lambda ann: ("PATCH", f"/admin/users/{ann.id}", {"disabled": True}),
    "user.renamed": lambda ann: ("PATCH", f"/admin/users/{ann.id}", {"name": "Ann Lee"}),
    "user.sessions_ended": lambda ann: ("POST", f"/admin/users/{ann.id}/logout", None),
    "user.password_reset_asked": lambda ann: ("POST", f"/admin/users/{ann.id}/password-reset", None),
    "job.retried": lambda ann: ("POST", f"/admin/jobs/{plant_job(ann.parts, parked_at=1)}/retry", None),
}


@pytest.mark.parametrize("action", BY_THEMSELVES | BY_MAIL)
def test_what_somebody_does_about_their_account_is_remembered(ann: Person, action: str) -> None:
    method, path, body = (BY_THEMSELVES | BY_MAIL)[action](ann)
    (entry,) = entries_of(ann.parts, lambda: ann.api.call(method, path, body, headers=REQUEST))
    assert (entry.action, entry.actor_id, entry.via) == (action, ann.id, "api")
    if action.startswith("user."):
        assert (entry.target_kind, entry.target_id) == ("user", ann.id)
    else:
        assert entry.target_kind == "session"
    _holds_ids_only(entry, ann, body)


@pytest.mark.parametrize("action", BY_AN_ADMIN)
def test_what_an_admin_does_is_remembered_with_whom_it_is_about(
    root: Person, ann: Person, action: str
) -> None:
    method, path, body = BY_AN_ADMIN[action](ann)
    (entry,) = entries_of(ann.parts, lambda: root.api.call(method, path, body, headers=REQUEST))
    assert (entry.action, entry.actor_id, entry.via) == (action, root.id, "api")
    assert entry.target_id in path
    _holds_ids_only(entry, ann, body)


def _holds_ids_only(entry: Row[Any], person: Person, body: Any) -> None:
    text = orjson.dumps(entry._asdict()).decode()
    written = [person.email, person.email.split("@")[0], PASSWORD, NEW_PASSWORD]
    written += [value for value in (body or {}).values() if isinstance(value, str) and value != "admin"]
    assert not [one for one in written if one in text]


def test_several_changes_at_once_are_remembered_one_by_one(root: Person, ann: Person) -> None:
    path = f"/admin/users/{ann.id}"
    change = {"role": "admin", "disabled": True, "name": "Ann"}
    found = entries_of(ann.parts, lambda: root.api.patch(path, change, headers=REQUEST))
    assert {entry.action for entry in found} == {"user.promoted", "user.disabled", "user.renamed"}
    assert entries_of(ann.parts, lambda: root.api.patch(path, change, headers=REQUEST)) == []
    undone = {"role": "user", "disabled": False}
    found = entries_of(ann.parts, lambda: root.api.patch(path, undone, headers=REQUEST))
    assert {entry.action for entry in found} == {"user.demoted", "user.enabled"}


def test_a_token_that_came_back_is_remembered_though_the_answer_is_a_refusal(ann: Person) -> None:
    first = {"refresh_token": ann.grant.refresh_token}
    for _ in range(2):
        again = Api(ann.app).post("/auth/refresh", first)
        second = {"refresh_token": again.json["refresh_token"]}
    assert Api(ann.app).post("/auth/refresh", second).status_code == 200
    (entry,) = entries_of(ann.parts, lambda: Api(ann.app).post("/auth/refresh", first, headers=REQUEST))
    assert (entry.action, entry.actor_id) == ("session.token_reused", None)
    assert (entry.target_id, orjson.loads(entry.details)) == (ann.session_id, {"user_id": ann.id})


def test_registering_is_remembered_and_costs_the_same_for_a_known_address(ann: Person) -> None:
    statements = Statements(ann.parts)
    sent = []
    for email, action in ((new_address(), "user.registered"), (ann.email, "user.registration_refused")):
        body = {"email": email, "password": PASSWORD}

        def register(body: dict[str, str] = body) -> object:
            return statements.during(lambda: Api(ann.app).post("/auth/register", body, headers=REQUEST))

        (entry,) = entries_of(ann.parts, register)
        assert entry.action == action
        assert email not in orjson.dumps(entry._asdict()).decode()
        sent.append(list(statements.sent))
    assert sent[0] == sent[1]


def test_a_cancelled_deletion_is_remembered_beside_the_log_in(ann: Person) -> None:
    assert ann.api.delete("/me", {"password": PASSWORD}).status_code == 204
    body = {"email": ann.email, "password": PASSWORD}
    found = entries_of(ann.parts, lambda: Api(ann.app).post("/auth/login", body, headers=REQUEST))
    assert [entry.action for entry in found] == ["user.deletion_cancelled", "session.opened"]


def test_what_is_refused_or_read_leaves_nothing(root: Person, ann: Person) -> None:
    def refused() -> None:
        body = {"email": ann.email, "password": "not the password"}
        assert Api(ann.app).post("/auth/login", body, headers=REQUEST).status_code == 401
        stale = {"If-Match": '"stale"', **REQUEST}
        assert root.api.patch(f"/admin/users/{ann.id}", {"name": "x"}, headers=stale).status_code == 412
        assert ann.api.patch(f"/admin/users/{ann.id}", {"role": "admin"}, headers=REQUEST).status_code == 404
        assert root.api.get("/admin/audit", headers=REQUEST).status_code == 200
        assert ann.api.post("/tasks", {"title": "x"}, headers=REQUEST).status_code == 201

    assert entries_of(ann.parts, refused) == []


def walked(root: Person, query: str, limit: int = 200) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = root.api.get(f"/admin/audit?limit={limit}{query}{cursor}").json
        found.extend(page["items"])
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_the_log_is_listed_by_actor_action_and_time(root: Person, ann: Person, bob: Person) -> None:
    for person in (ann, bob):
        for disabled in (True, False):
            root.api.patch(f"/admin/users/{person.id}", {"disabled": disabled})
    mine = walked(root, f"&actor={root.id}")
    assert [(one["action"], one["target_id"]) for one in mine[:4]] == [
        ("user.enabled", bob.id),
        ("user.disabled", bob.id),
        ("user.enabled", ann.id),
        ("user.disabled", ann.id),
    ]
    assert walked(root, f"&actor={root.id}", limit=1) == mine
    assert mine[0].keys() == {
        "id",
        "at",
        "actor_id",
        "action",
        "target_kind",
        "target_id",
        "via",
        "request_id",
        "details",
    }
    assert walked(root, f"&actor={root.id}&action=user.disabled") == [
        one for one in mine if one["action"] == "user.disabled"
    ]
    for begin, end in ((0, 2), (1, 3)):
        since, until = mine[end]["at"], mine[begin]["at"]
        within = [one for one in mine if since <= one["at"] < until]
        assert walked(root, f"&actor={root.id}&since={since}&until={until}") == within
    cursor = root.api.get("/admin/audit?limit=1").json["next_cursor"]
    assert root.api.get(f"/admin/audit?action=x&cursor={cursor}").status_code == 400
    for query in ("actor=ann", "since=yesterday", "until=2026-01-01", "limit=0"):
        assert root.api.get(f"/admin/audit?{query}").status_code == 400

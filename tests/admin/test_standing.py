"""Who may act as an admin: it ends at once, and the last one cannot be lost."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import select, update

from taskapi import epochs
from taskapi.accounts.models import User
from taskapi.accounts.service import LastAdmin
from taskapi.actors import Operator
from taskapi.admin import service as admin
from taskapi.admin.schemas import UserChange
from taskapi.ids import new_id
from taskapi.parts import Parts
from tests.conftest import ENGINES
from tests.people import PASSWORD, Answer, Api, Person, make_person
from tests.routes import OPERATIONS
from tests.test_access import ROWS


@pytest.fixture(scope="module", params=ENGINES)
def court(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Flask:
    """An application of this module's own: in the shared one there is always another admin."""
    return make_app(request.param)


@pytest.fixture
def alone(court: Flask) -> Person:
    """The only admin there is."""
    parts: Parts = court.extensions["taskapi"]
    with parts.database.writer() as session:
        session.run(update(User).values(role="user", disabled_at=None, delete_after=None))
        epochs.move(session, epochs.USERS)
    return make_person(court, role="admin")


def admins(app: Flask) -> set[str]:
    """Those who can act."""
    parts: Parts = app.extensions["taskapi"]
    with parts.database.reader() as session:
        statement = select(User.id).where(
            User.role == "admin", User.disabled_at.is_(None), User.delete_after.is_(None)
        )
        return {row.id for row in session.rows(statement)}


def bare(answer: Answer) -> tuple[int, bytes, dict[str, str]]:
    body, headers = answer.data, dict(answer.headers)
    for name in ("request_id", "instance"):
        body = body.replace(orjson.dumps(answer.json[name]), b"")
    del headers["X-Request-ID"], headers["Content-Length"]
    return answer.status_code, body, headers


def test_for_others_the_whole_area_is_a_path_that_leads_nowhere(ann: Person) -> None:
    for operation in OPERATIONS:
        if operation.for_admins:
            for body in (ROWS[str(operation)].body(ann), {"no_such_field": 1}):
                headers = {"If-Match": "malformed", "Idempotency-Key": new_id()}
                nowhere = ann.api.call(operation.method, "/admin/nowhere", body, headers=headers)
                path = operation.path(new_id())
                assert nowhere.status_code == 404
                for asked in (path, f"{path}?no_such_parameter=1"):
                    answer = ann.api.call(operation.method, asked, body, headers=headers)
                    assert bare(answer) == bare(nowhere), operation


def test_a_demotion_closes_the_area_at_once_and_leaves_everything_else(ann: Person, app: Flask) -> None:
    root, other = make_person(app, role="admin"), make_person(app, role="admin")
    paths = ["/admin/users", f"/admin/users/{ann.id}", "/admin/stats", "/admin/jobs", "/admin/audit"]
    for path in paths * 2:
        assert other.api.get(path).status_code == 200
    assert other.api.get("/admin/users").headers["X-Cache"] == "hit"
    kept = other.api.patch(f"/admin/users/{ann.id}", {"name": "Ann"}, headers={"Idempotency-Key": "once"})
    assert kept.status_code == 200

    assert root.api.patch(f"/admin/users/{other.id}", {"role": "user"}).json["role"] == "user"
    nowhere = bare(other.api.get("/admin/nowhere"))
    for path in paths:
        assert bare(other.api.get(path)) == nowhere
        assert bare(other.api.get(path, headers={"If-None-Match": "*"})) == nowhere
    again = other.api.patch(f"/admin/users/{ann.id}", {"name": "Ann"}, headers={"Idempotency-Key": "once"})
    assert again.status_code == 404
    assert other.api.get("/tasks").status_code == 200
    assert other.api.get("/me").json["role"] == "user"

    assert root.api.patch(f"/admin/users/{other.id}", {"role": "admin"}).status_code == 200
    assert other.api.get("/admin/users").status_code == 200


def test_disabling_an_admin_ends_everything(app: Flask) -> None:
    root, other = make_person(app, role="admin"), make_person(app, role="admin")
    other.api.get("/admin/users")
    assert root.api.patch(f"/admin/users/{other.id}", {"disabled": True}).status_code == 200
    assert {other.api.get(path).status_code for path in ("/admin/users", "/tasks", "/me")} == {401}
    refresh = {"refresh_token": other.grant.refresh_token}
    assert Api(app).post("/auth/refresh", refresh).status_code == 401
    assert root.api.patch(f"/admin/users/{other.id}", {"disabled": False}).status_code == 200
    assert other.api.get("/tasks").status_code == 401
    assert other.another_session().api.get("/admin/users").status_code == 200


def test_a_write_of_somebody_demoted_since_they_were_let_in_is_refused(
    app: Flask, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, other = make_person(app, role="admin"), make_person(app, role="admin")
    let_in = admin.require_admin

    def slow(parts: Parts, actor: Any) -> None:
        let_in(parts, actor)
        monkeypatch.setattr(admin, "require_admin", let_in)
        with ThreadPoolExecutor(1) as another:
            demoted = another.submit(root.api.patch, f"/admin/users/{other.id}", {"role": "user"})
            assert demoted.result().status_code == 200

    monkeypatch.setattr(admin, "require_admin", slow)
    answer = other.api.patch(f"/admin/users/{ann.id}", {"role": "admin"})
    assert answer.status_code == 404
    assert ann.api.get("/admin/users").status_code == 404


def last_admin(answer: Answer) -> None:
    assert (answer.status_code, answer.json["code"]) == (409, "last_admin")


def test_the_last_admin_can_neither_be_demoted_nor_disabled_nor_go(alone: Person) -> None:
    path = f"/admin/users/{alone.id}"
    for change in ({"role": "user"}, {"disabled": True}, {"role": "user", "disabled": True, "name": "x"}):
        last_admin(alone.api.patch(path, change))
    last_admin(alone.api.delete("/me", {"password": PASSWORD}))
    with (
        alone.parts.database.writer() as session,
        pytest.raises(LastAdmin),
    ):
        admin.change_user(session, Operator("cli"), alone.id, UserChange(disabled=True), None)
    assert admins(alone.app) == {alone.id}
    assert alone.api.patch(path, {"name": "Root"}).json["name"] == "Root"


@pytest.mark.parametrize("gone", ["disabled", "going", "demoted"])
def test_who_cannot_act_as_an_admin_does_not_count(alone: Person, gone: str) -> None:
    other = make_person(alone.app, role="admin")
    if gone == "going":
        assert other.api.delete("/me", {"password": PASSWORD}).status_code == 204
    else:
        change = {"disabled": True} if gone == "disabled" else {"role": "user"}
        assert alone.api.patch(f"/admin/users/{other.id}", change).status_code == 200
    last_admin(alone.api.patch(f"/admin/users/{alone.id}", {"role": "user"}))
    # It takes nobody away: they were away already.
    assert alone.api.patch(f"/admin/users/{other.id}", {"role": "user"}).status_code == 200
    another = make_person(alone.app, role="admin")
    assert alone.api.patch(f"/admin/users/{alone.id}", {"role": "user"}).status_code == 200
    assert admins(alone.app) == {another.id}


LOSSES: dict[str, Callable[[Person, str], int]] = {
    "demotes the other": lambda one, other: (
        one.api.patch(f"/admin/users/{other}", {"role": "user"}).status_code
    ),
    "disables the other": lambda one, other: (
        one.api.patch(f"/admin/users/{other}", {"disabled": True}).status_code
    ),
    "demotes themselves": lambda one, _: (
        one.api.patch(f"/admin/users/{one.id}", {"role": "user"}).status_code
    ),
    "leaves": lambda one, _: one.api.delete("/me", {"password": PASSWORD}).status_code,
    "is demoted by the command": lambda one, _: _by_command(one),
}


def _by_command(one: Person) -> int:
    try:
        with one.parts.database.writer() as session:
            admin.change_user(session, Operator("cli"), one.id, UserChange(role="user"), None)
    except LastAdmin as refusal:
        return refusal.status
    return 200


@pytest.mark.parametrize("first", LOSSES)
@pytest.mark.parametrize("second", ["demotes the other", "demotes themselves", "leaves"])
def test_two_at_once_cannot_lose_the_last_admin(alone: Person, first: str, second: str) -> None:
    for _ in range(3):
        one, other = alone, make_person(alone.app, role="admin")
        gate = threading.Barrier(2)

        def lose(how: str, who: Person, whom: Person, gate: threading.Barrier = gate) -> int:
            gate.wait()
            return LOSSES[how](who, whom.id)

        with ThreadPoolExecutor(2) as pool:
            asked = pool.submit(lose, first, one, other), pool.submit(lose, second, other, one)
            answers = [future.result(timeout=30) for future in asked]
        left = admins(alone.app)
        assert len(left) == 1, answers
        assert set(answers) <= {200, 204, 401, 404, 409}, answers
        alone = one if one.id in left else other
        if alone.api.get("/me").status_code != 200:
            alone = alone.another_session()


@pytest.mark.prove
def test_many_at_once_cannot_lose_the_last_admin(alone: Person) -> None:
    """Eight admins who demote each other at random, again and again, until one is left."""
    for _ in range(20):
        people = [alone, *(make_person(alone.app, role="admin") for _ in range(7))]

        def fight(one: Person, people: list[Person] = people) -> list[int]:
            how = LOSSES["demotes the other"]
            return [how(one, other.id) for other in people if other is not one] + [how(one, one.id)]

        with ThreadPoolExecutor(8) as pool:
            answers = {status for found in pool.map(fight, people) for status in found}
        assert answers <= {200, 404, 409}
        (left,) = admins(alone.app)
        (alone,) = (one for one in people if one.id == left)


@pytest.mark.parametrize("engine", ENGINES)
def test_who_could_not_log_in_is_no_other_admin(make_app: Callable[..., Flask], engine: str) -> None:
    app = make_app(engine, TASKAPI_VERIFY_EMAIL="required")
    root, other = make_person(app, "admin", verified=True), make_person(app, verified=False)
    assert root.api.patch(f"/admin/users/{other.id}", {"role": "admin"}).status_code == 200
    refused = root.api.patch(f"/admin/users/{root.id}", {"role": "user"})
    assert (refused.status_code, refused.json["code"]) == (409, "last_admin")
    assert root.api.delete("/me", {"password": PASSWORD}).status_code == 409
    assert other.parts.settings.verify_email
    third = make_person(app, "admin", verified=True)
    assert root.api.patch(f"/admin/users/{root.id}", {"role": "user"}).status_code == 200
    assert third.api.get("/admin/stats").status_code == 200

"""What a personal token may do: what its scopes say, and nothing of what no scope of theirs is asked for."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select

from taskapi import epochs
from taskapi.http import Endpoints, reply
from taskapi.idempotency import IdempotencyRecord
from taskapi.ids import new_id
from taskapi.replies import Reply
from taskapi.scopes import scope_of
from tests.conftest import ENGINES
from tests.people import Answer, Api, Person, make_person
from tests.personal_tokens.tokens import READ, WRITE, by_token
from tests.problems import check_problem
from tests.routes import PRIVATE, Operation
from tests.test_access import ROWS

ACCOUNT = "account"

# Every private route and the scope it asks for; None: any token will do.
SCOPES = {
    "GET /api/v1/tasks": READ,
    "POST /api/v1/tasks": WRITE,
    "POST /api/v1/tasks/bulk": WRITE,
    "GET /api/v1/tasks/<task_id>": READ,
    "PUT /api/v1/tasks/<task_id>": WRITE,
    "PATCH /api/v1/tasks/<task_id>": WRITE,
    "DELETE /api/v1/tasks/<task_id>": WRITE,
    "POST /api/v1/tasks/<task_id>/restore": WRITE,
    "GET /api/v1/tasks/<task_id>/history": READ,
    "GET /api/v1/projects": READ,
    "POST /api/v1/projects": WRITE,
    "GET /api/v1/projects/<project_id>": READ,
    "PATCH /api/v1/projects/<project_id>": WRITE,
    "DELETE /api/v1/projects/<project_id>": WRITE,
    "GET /api/v1/labels": READ,
    "POST /api/v1/labels/rename": WRITE,
    "GET /api/v1/stats": READ,
    "GET /api/v1/exports": READ,
    # It writes a file, and changes no task.
    "POST /api/v1/exports": READ,
    "GET /api/v1/exports/<export_id>": READ,
    "DELETE /api/v1/exports/<export_id>": READ,
    "GET /api/v1/imports": READ,
    "POST /api/v1/imports": WRITE,
    "GET /api/v1/imports/<import_id>": READ,
    # It may take a key away from whoever writes.
    "GET /api/v1/operations": WRITE,
    "GET /api/v1/me": None,
    "GET /api/v1/me/limits": None,
    "PATCH /api/v1/me": ACCOUNT,
    "DELETE /api/v1/me": ACCOUNT,
    "POST /api/v1/me/password": ACCOUNT,
    "POST /api/v1/me/email": ACCOUNT,
    "GET /api/v1/me/notifications": ACCOUNT,
    "PATCH /api/v1/me/notifications": ACCOUNT,
    "GET /api/v1/me/tokens": ACCOUNT,
    "POST /api/v1/me/tokens": ACCOUNT,
    "DELETE /api/v1/me/tokens/<token_id>": ACCOUNT,
    "POST /api/v1/auth/logout": ACCOUNT,
    "GET /api/v1/auth/sessions": ACCOUNT,
    "DELETE /api/v1/auth/sessions": ACCOUNT,
    "DELETE /api/v1/auth/sessions/<session_id>": ACCOUNT,
    **{str(operation): ACCOUNT for operation in PRIVATE if operation.for_admins},
}


@pytest.fixture(scope="module", params=ENGINES)
def owner(request: pytest.FixtureRequest, apps: Callable[[str], Flask]) -> Person:
    return make_person(apps(request.param))


@pytest.fixture(scope="module")
def by_scopes(owner: Person) -> dict[frozenset[str], Api]:
    return {frozenset(scopes): by_token(owner, *scopes) for scopes in ((READ,), (WRITE,), (READ, WRITE))}


def ask(api: Api, operation: Operation, owner: Person, key: str) -> Answer:
    row = ROWS[str(operation)]
    path = operation.path(row.target(owner)) + row.query
    return api.call(operation.method, path, row.body(owner), headers={"Idempotency-Key": key})


def check_refused(answer: Answer, scope: str) -> None:
    check_problem(answer, 403)
    assert answer.json["code"] == "insufficient_scope"
    assert answer.headers["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{scope}"'


def standing(owner: Person) -> tuple[object, ...]:
    """All that a refused call could have changed: whatever is written moves an epoch, or is a kept answer."""
    keys = (epochs.scope_key(owner.id), epochs.user_key(owner.id), epochs.session_key(owner.session_id))
    kept = select(func.count()).where(IdempotencyRecord.user_id == owner.id)
    with owner.parts.database.reader() as reader:
        return (
            owner.parts.epochs.current(*keys),
            reader.value(kept),
            owner.api.get("/auth/sessions").data,
            [{**one, "last_used_at": None} for one in owner.api.get("/me/tokens").json["items"]],
        )


def test_every_private_route_has_the_scope_that_is_written_here(app: Flask) -> None:
    found = {}
    for rule in app.url_map.iter_rules():
        for method in rule.methods or ():
            operation = Operation(rule.rule, method, public=False)
            if operation in PRIVATE:
                found[str(operation)] = scope_of(app, rule.endpoint, method)
                # HEAD asks for what GET does.
                assert method != "GET" or scope_of(app, rule.endpoint, "HEAD") == found[str(operation)]
    assert found == SCOPES


@pytest.mark.parametrize("operation", PRIVATE, ids=str)
def test_a_token_does_what_its_scopes_allow_and_a_refusal_has_no_effect(
    owner: Person, by_scopes: dict[frozenset[str], Api], operation: Operation
) -> None:
    scope = SCOPES[str(operation)]
    for scopes, api in by_scopes.items():
        key = new_id()
        if scope is None or scope in scopes:
            answer = ask(api, operation, owner, key)
            assert answer.status_code == ROWS[str(operation)].status, answer.text
            continue
        target = ROWS[str(operation)].target(owner)
        before = standing(owner)
        for path in (operation.path(target), operation.path(new_id()), operation.path("nonsense")):
            body = ROWS[str(operation)].body(owner)
            answer = api.call(operation.method, path, body, headers={"Idempotency-Key": key})
            check_refused(answer, scope)
        assert standing(owner) == before


@pytest.mark.parametrize("operation", PRIVATE, ids=str)
def test_who_lacks_the_scope_is_not_even_told_that_the_request_is_bad(
    by_scopes: dict[frozenset[str], Api], operation: Operation
) -> None:
    scope = SCOPES[str(operation)]
    for scopes, api in by_scopes.items():
        if scope is not None and scope not in scopes:
            path = operation.path(new_id()) + "?no_such_parameter=1"
            headers = {"If-Match": "malformed", "If-None-Match": "malformed", "Accept": "text/html"}
            check_refused(api.call(operation.method, path, headers=headers, data=b"{"), scope)


def test_a_route_that_says_nothing_of_itself_is_closed_to_personal_tokens(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app("sqlite")
    plain = Endpoints("plain", __name__)

    def look() -> Reply:
        return reply({})

    plain.get("/plain")(look)
    app.register_api(plain)  # type: ignore[attr-defined]
    app.add_url_rule("/by-rule", "by_rule", lambda: look().response())
    ann = make_person(app)
    for path in ("//plain", "//by-rule"):
        check_refused(by_token(ann).get(path), ACCOUNT)
        assert ann.api.get(path).status_code == 200


def test_a_replay_asks_for_the_scope_too(ann: Person) -> None:
    key = {"Idempotency-Key": "once"}
    made = by_token(ann, WRITE).post("/tasks", {"title": "Pay rent"}, headers=key)
    again = by_token(ann, WRITE).post("/tasks", {"title": "Pay rent"}, headers=key)
    assert (again.status_code, again.data) == (201, made.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    check_refused(by_token(ann, READ).post("/tasks", {"title": "Pay rent"}, headers=key), WRITE)


def test_the_admin_of_a_token_is_no_admin(app: Flask) -> None:
    admin = make_person(app, role="admin")
    for method, path in (("GET", "/auth/sessions"), ("POST", "/me/tokens")):
        check_refused(by_token(admin).call(method, path), ACCOUNT)


def test_what_is_kept_for_one_token_is_never_told_to_one_that_may_not_see_it(ann: Person) -> None:
    ann.new_task()
    reading, writing = by_token(ann, READ), by_token(ann, WRITE)
    first = reading.get("/tasks")
    assert reading.get("/tasks").headers["X-Cache"] == "hit"
    for headers in ({}, {"If-None-Match": first.etag}, {"If-None-Match": "*"}):
        for method in ("GET", "HEAD"):
            answer = writing.call(method, "/tasks", headers=headers)
            assert answer.status_code == 403
            assert answer.headers["X-Cache"] == "bypass"
    assert reading.get("/tasks", headers={"If-None-Match": first.etag}).status_code == 304


def test_what_a_token_changes_came_in_by_the_api(ann: Person) -> None:
    task = by_token(ann, WRITE).post("/tasks", {"title": "Pay rent"}).json
    (change,) = by_token(ann, READ).get(f"/tasks/{task['id']}/history").json["items"]
    assert (change["via"], change["actor_id"]) == ("api", ann.id)

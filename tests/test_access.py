"""Who may do what: every operation of the routes, by everybody, on everything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskapi.accounts import queries
from taskapi.accounts import service as accounts
from taskapi.clock import HOUR, now
from taskapi.ids import new_id
from taskapi.tokens import ACCESS_SECONDS, new_personal_token
from tests.conftest import ENGINES
from tests.people import (
    PASSWORD,
    Answer,
    Api,
    Person,
    make_person,
    new_address,
    open_session_of,
    set_disabled,
)
from tests.personal_tokens.tokens import by_token, let_expire, new_token
from tests.planted import plant_export, plant_import, plant_job
from tests.routes import OPERATIONS, PRIVATE, Operation

NEW_PASSWORD = "a wholly different phrase"
MALFORMED = ("nonsense", "0", "%ff", "%F0%9F%92%A9", "null", "{ID}0", "{ID}%20", "{ID}%0A", "x" * 3000)


@dataclass(frozen=True)
class Row:
    """How to make a valid request, and what its owner gets."""

    status: int
    body: Callable[[Person], Any] = lambda _owner: None
    target: Callable[[Person], str] = lambda _owner: ""
    query: str = ""


def _mailed(purpose: Any) -> Callable[[Person], str]:
    def token(owner: Person) -> str:
        with owner.parts.database.reader() as reader:
            user = reader.row(queries.BY_ID, user_id=owner.id)
        return accounts.mail_token(owner.parts, user, purpose, now())

    return token


def _live(owner: Person) -> str:
    task: dict[str, str] = owner.new_task("Only mine")
    return task["id"]


def _trashed(owner: Person) -> str:
    task_id = _live(owner)
    assert owner.api.delete(f"/tasks/{task_id}").status_code == 204
    return task_id


def _project(owner: Person) -> str:
    answer = owner.api.post("/projects", {"name": "Only mine"})
    assert answer.status_code == 201
    return str(answer.json["id"])


def _session(owner: Person) -> str:
    return owner.another_session().session_id


def _other_user(owner: Person) -> str:
    return make_person(owner.app).id


def _parked_job(owner: Person) -> str:
    return plant_job(owner.parts, parked_at=now(), attempts=5)


def _token(owner: Person) -> str:
    return str(new_token(owner)["id"])


def _export(owner: Person) -> str:
    return plant_export(owner, status="done", expires_at=now() + HOUR, finished_at=now(), size=1)


def _import(owner: Person) -> str:
    return plant_import(owner, status="done", finished_at=now())


ROWS: dict[str, Row] = {
    "GET /": Row(200),
    "GET /livez": Row(200),
    "GET /health": Row(200),
    "GET /readyz": Row(200),
    "GET /.well-known/jwks.json": Row(200),
    "GET /openapi.json": Row(200),
    "GET /docs": Row(200),
    "GET /docs/<name>": Row(200, target=lambda _: "page.js"),
    "GET /verify": Row(200),
    "GET /reset": Row(200),
    "GET /unsubscribe": Row(200),
    # By a link that this is none of.
    "GET /download/<export_id>": Row(404, target=_export, query="?token=x"),
    # By the token of a mail; without one there is nothing to decline.
    "POST /unsubscribe": Row(422, query="?token=x"),
    "GET /web/<name>": Row(200, target=lambda _: "mailed.css"),
    "POST /api/v1/auth/register": Row(202, lambda _: {"email": new_address(), "password": NEW_PASSWORD}),
    "POST /api/v1/auth/login": Row(200, lambda owner: {"email": owner.email, "password": PASSWORD}),
    "POST /api/v1/auth/refresh": Row(200, lambda owner: {"refresh_token": owner.grant.refresh_token}),
    "POST /api/v1/auth/password/forgot": Row(202, lambda owner: {"email": owner.email}),
    "POST /api/v1/auth/password/reset": Row(
        204, lambda owner: {"token": _mailed("reset")(owner), "password": NEW_PASSWORD}
    ),
    "POST /api/v1/auth/email/verify": Row(204, lambda owner: {"token": _mailed("verify")(owner)}),
    "POST /api/v1/auth/email/resend": Row(202, lambda owner: {"email": owner.email}),
    "POST /api/v1/auth/logout": Row(204),
    "GET /api/v1/auth/sessions": Row(200),
    "DELETE /api/v1/auth/sessions": Row(204),
    "DELETE /api/v1/auth/sessions/<session_id>": Row(204, target=_session),
    "GET /api/v1/me": Row(200),
    "PATCH /api/v1/me": Row(200, lambda _: {"name": "Somebody"}),
    "DELETE /api/v1/me": Row(204, lambda _: {"password": PASSWORD}),
    "POST /api/v1/me/password": Row(
        204, lambda _: {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    ),
    "POST /api/v1/me/email": Row(202, lambda _: {"password": PASSWORD, "email": new_address()}),
    "GET /api/v1/me/notifications": Row(200),
    "PATCH /api/v1/me/notifications": Row(200, lambda _: {"digest": True}),
    "GET /api/v1/me/limits": Row(200),
    "GET /api/v1/me/tokens": Row(200),
    "POST /api/v1/me/tokens": Row(201, lambda _: {"name": "Script", "scopes": ["tasks:read"]}),
    "DELETE /api/v1/me/tokens/<token_id>": Row(204, target=_token),
    "GET /api/v1/operations": Row(200, query="?key=a-key"),
    "GET /api/v1/tasks": Row(200),
    "POST /api/v1/tasks": Row(201, lambda _: {"title": "Pay rent"}),
    "POST /api/v1/tasks/bulk": Row(
        200, lambda _: {"operations": [{"op": "create", "data": {"title": "Pay rent"}}]}
    ),
    "GET /api/v1/tasks/<task_id>": Row(200, target=_live),
    "PUT /api/v1/tasks/<task_id>": Row(200, lambda _: {"title": "Replaced"}, _live),
    "PATCH /api/v1/tasks/<task_id>": Row(200, lambda _: {"title": "Changed"}, _live),
    "DELETE /api/v1/tasks/<task_id>": Row(204, target=_live),
    "POST /api/v1/tasks/<task_id>/restore": Row(200, target=_trashed),
    "GET /api/v1/tasks/<task_id>/history": Row(200, target=_live),
    "GET /api/v1/projects": Row(200),
    "POST /api/v1/projects": Row(201, lambda _: {"name": "Home"}),
    "GET /api/v1/projects/<project_id>": Row(200, target=_project),
    "PATCH /api/v1/projects/<project_id>": Row(200, lambda _: {"name": "Work"}, _project),
    "DELETE /api/v1/projects/<project_id>": Row(204, target=_project),
    "GET /api/v1/stats": Row(200),
    "GET /api/v1/labels": Row(200),
    "POST /api/v1/labels/rename": Row(200, lambda _: {"from": "home", "to": "house"}),
    "GET /api/v1/exports": Row(200),
    "POST /api/v1/exports": Row(202, lambda _: {"format": "csv"}),
    "GET /api/v1/exports/<export_id>": Row(200, target=_export),
    "DELETE /api/v1/exports/<export_id>": Row(204, target=_export),
    "GET /api/v1/imports": Row(200),
    "POST /api/v1/imports": Row(202, lambda _: [{"title": "Pay rent"}], query="?format=json"),
    "GET /api/v1/imports/<import_id>": Row(200, target=_import),
    "GET /api/v1/admin/users": Row(200),
    "GET /api/v1/admin/users/<user_id>": Row(200, target=_other_user),
    "PATCH /api/v1/admin/users/<user_id>": Row(200, lambda _: {"name": "Somebody"}, _other_user),
    "POST /api/v1/admin/users/<user_id>/logout": Row(204, target=_other_user),
    "POST /api/v1/admin/users/<user_id>/password-reset": Row(202, target=_other_user),
    "GET /api/v1/admin/audit": Row(200),
    "GET /api/v1/admin/stats": Row(200),
    "GET /api/v1/admin/service": Row(200),
    "GET /api/v1/admin/jobs": Row(200),
    "POST /api/v1/admin/jobs/<job_id>/retry": Row(200, target=_parked_job),
}


@dataclass(frozen=True)
class Stage:
    """An application with those whose tokens do not hold, and those who are somebody else."""

    app: Flask
    refused: Mapping[str, Api]
    strangers: Mapping[str, Person]


@pytest.fixture(scope="module", params=ENGINES)
def stage(request: pytest.FixtureRequest, apps: Callable[[str], Flask]) -> Stage:
    app = apps(request.param)
    refused = {
        "anonymous": Api(app),
        "disabled user": Api(app, _disabled(app)),
        "expired token": Api(app, _expired(app)),
        "ended session": Api(app, _ended(app)),
        "refresh token": Api(app, make_person(app).grant.refresh_token),
        "revoked personal token": _revoked(app),
        "expired personal token": _over(app),
        "personal token of a disabled user": _shut_out(app),
        "personal token of an account that goes": _going(app),
        "unknown personal token": Api(app, new_personal_token()),
        "mistyped personal token": Api(app, new_token(make_person(app))["token"][:-1] + "!"),
        "another scheme": Api(app, headers={"Authorization": f"Basic {make_person(app).grant.access_token}"}),
    }
    return Stage(app, refused, {"user": make_person(app), "admin": make_person(app, role="admin")})


def _disabled(app: Flask) -> str:
    person = make_person(app)
    with person.parts.database.writer() as session:
        set_disabled(session, person.email, disabled=True)
    return person.grant.access_token


def _expired(app: Flask) -> str:
    """A token whose last second has just come, made by a clock that was behind by its whole life."""
    person = make_person(app)
    with pytest.MonkeyPatch.context() as patch:
        behind = SimpleNamespace(time=lambda: now() / 1000 - ACCESS_SECONDS)
        patch.setattr("taskapi.tokens.time", behind)
        return open_session_of(app, person.id).access_token


def _ended(app: Flask) -> str:
    person = make_person(app)
    assert person.api.post("/auth/logout").status_code == 204
    return person.grant.access_token


def _revoked(app: Flask) -> Api:
    person = make_person(app)
    made = new_token(person)
    assert person.api.delete(f"/me/tokens/{made['id']}").status_code == 204
    return Api(app, made["token"])


def _over(app: Flask) -> Api:
    person = make_person(app)
    made = new_token(person)
    let_expire(person, made["id"])
    return Api(app, made["token"])


def _shut_out(app: Flask) -> Api:
    person = make_person(app)
    api = by_token(person)
    assert api.get("/tasks").status_code == 200
    with person.parts.database.writer() as session:
        set_disabled(session, person.email, disabled=True)
    return api


def _going(app: Flask) -> Api:
    person = make_person(app)
    api = by_token(person)
    assert api.get("/tasks").status_code == 200
    assert person.api.delete("/me", {"password": PASSWORD}).status_code == 204
    return api


def _ask(api: Api, operation: Operation, owner: Person, target: str) -> Answer:
    row = ROWS[str(operation)]
    return api.call(operation.method, operation.path(target) + row.query, row.body(owner))


def _bare(answer: Answer) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers without what names this very request."""
    body, headers = answer.data, dict(answer.headers)
    assert headers.pop("X-Request-ID") == answer.json["request_id"]
    for name in ("request_id", "instance"):
        body = body.replace(orjson.dumps(answer.json[name]), b"")
    headers.pop("Content-Length")
    headers.pop("Date", None)
    return answer.status_code, body, headers


def _standing(owner: Person) -> list[str]:
    """All that an intruder could have changed, as its owner sees it."""
    answers = [owner.api.get(path) for path in ("/tasks", "/projects", "/auth/sessions", "/me/tokens")]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.text for answer in answers]


def test_every_operation_has_a_row_and_every_row_an_operation() -> None:
    assert {str(one) for one in OPERATIONS} == ROWS.keys()


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@pytest.mark.parametrize("role", ["user", "admin"])
def test_the_owner_gets_what_the_table_says(stage: Stage, operation: Operation, role: str) -> None:
    owner = make_person(stage.app, role=role)
    row = ROWS[str(operation)]
    answer = _ask(owner.api, operation, owner, row.target(owner))
    expected = 404 if operation.for_admins and role != "admin" else row.status
    assert answer.status_code == expected, answer.text


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.public], ids=str)
def test_a_public_operation_asks_for_no_token_and_minds_no_bad_one(
    stage: Stage, operation: Operation
) -> None:
    for name in ("anonymous", "disabled user"):
        owner, row = make_person(stage.app), ROWS[str(operation)]
        answer = _ask(stage.refused[name], operation, owner, row.target(owner))
        assert answer.status_code == row.status, name


@pytest.mark.parametrize("operation", PRIVATE, ids=str)
def test_whoever_holds_no_token_gets_the_same_401_whatever_they_ask_for(
    stage: Stage, operation: Operation
) -> None:
    owner = make_person(stage.app)
    own = ROWS[str(operation)].target(owner)
    before = _standing(owner)
    bodies = set()
    for name, api in stage.refused.items():
        for target in (own, new_id(), "nonsense") if operation.has_id else ("",):
            answer = _ask(api, operation, owner, target)
            assert answer.status_code == 401, name
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            bodies.add(_bare(answer)[1])
    assert len(bodies) == 1
    assert _standing(owner) == before


@pytest.mark.parametrize("operation", PRIVATE, ids=str)
def test_without_a_token_not_even_a_bad_request_is_told(stage: Stage, operation: Operation) -> None:
    path = operation.path(new_id()) + "?no_such_parameter=1"
    headers = {"If-Match": "malformed", "Accept": "text/html"}
    answer = stage.refused["anonymous"].call(operation.method, path, headers=headers, data=b"{")
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("operation", "stranger"),
    [
        (one, stranger)
        for one in PRIVATE
        for stranger in ("user", "admin")
        if one.has_id and not (one.for_admins and stranger == "admin")
    ],
    ids=str,
)
def test_what_is_somebody_elses_is_missing_byte_for_byte(
    stage: Stage, operation: Operation, stranger: str
) -> None:
    owner, api = make_person(stage.app), stage.strangers[stranger].api
    foreign = ROWS[str(operation)].target(owner)
    before = _standing(owner)
    missing = _bare(_ask(api, operation, owner, new_id()))
    assert missing[0] == 404
    assert _bare(_ask(api, operation, owner, foreign)) == missing
    assert _bare(_ask(api, operation, owner, foreign.upper())) == missing
    for malformed in MALFORMED:
        assert _bare(_ask(api, operation, owner, malformed.replace("{ID}", foreign))) == missing, malformed
    assert _standing(owner) == before


@pytest.mark.parametrize("operation", [one for one in PRIVATE if one.has_id], ids=str)
def test_a_nul_names_nothing(stage: Stage, operation: Operation) -> None:
    owner, api = make_person(stage.app), stage.strangers["user"].api
    assert _bare(_ask(api, operation, owner, "%00")) == _bare(_ask(api, operation, owner, new_id()))


@pytest.mark.parametrize("operation", [one for one in PRIVATE if one.has_id], ids=str)
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{", {}),
        (b'{"no_such_field": 1}', {"Content-Type": "application/json"}),
        (b"", {"If-Match": '"stale"'}),
        (b'{"title": "Mine now"}', {"Content-Type": "application/json", "If-Match": '"stale"'}),
        (b'{"title": "Mine now"}', {"Content-Type": "application/json", "If-Match": "*"}),
        (b"", {"If-None-Match": "*"}),
    ],
)
def test_no_odd_request_tells_foreign_from_missing(
    stage: Stage, operation: Operation, body: bytes, headers: dict[str, str]
) -> None:
    owner, api = make_person(stage.app), stage.strangers["user"].api
    foreign = ROWS[str(operation)].target(owner)
    before = _standing(owner)
    answers = [
        _bare(api.call(operation.method, operation.path(target), headers=headers, data=body))
        for target in (foreign, new_id())
    ]
    assert answers[0] == answers[1]
    assert _standing(owner) == before


@pytest.mark.parametrize("stranger", ["user", "admin"])
def test_nothing_of_the_owner_is_in_what_a_stranger_reads(stage: Stage, stranger: str) -> None:
    owner = make_person(stage.app)
    mine = {owner.id, owner.email, owner.session_id, _live(owner), _project(owner), _session(owner)}
    for operation in PRIVATE:
        may = operation.for_admins and stranger == "admin"
        if operation.method == "GET" and not operation.has_id and not may:
            text = stage.strangers[stranger].api.get(operation.path()).text
            assert not [one for one in mine if one in text], operation


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(target=st.text(min_size=1, max_size=60).filter(lambda text: not {"/", "?", "#"} & set(text)))
def test_no_text_at_all_names_a_task(stage: Stage, target: str) -> None:
    quoted = "".join(f"%{byte:02x}" for byte in target.encode("utf-8", "surrogatepass"))
    answer = stage.strangers["user"].api.get(f"/tasks/{quoted}")
    assert answer.status_code == 404
    assert answer.json["code"] == "not_found"

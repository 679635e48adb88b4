"""Schemathesis let loose on an application in this process: all phases, all checks, on behalf of real people.

It makes up what a schema allows; what nobody can make up is put in its place: tokens that were mailed, the
caller's password, the ids of the caller's own things.
"""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import events, from_schema
from schemathesis.generation.meta import TestPhase
from schemathesis.generation.modes import GenerationMode
from schemathesis.transport.wsgi import WSGITransport

from taskapi import health
from taskapi.accounts import queries
from taskapi.accounts import service as accounts
from taskapi.actors import Client
from taskapi.clock import now
from taskapi.contract.words import REQUEST_HEADERS
from taskapi.errors import Unauthorized
from taskapi.fields import zones
from taskapi.parts import Parts
from taskapi.passwords import PasswordHashing, is_common
from taskapi.sessions.service import authenticate
from taskapi.text import label_key
from tests import truth
from tests.people import PASSWORD, Person, make_person
from tests.planted import plant_export, plant_import

_SEED = 20260131


@dataclass(frozen=True)
class Exempt:
    """Where a check is wrong about the contract."""

    check: str
    reason: str
    holds: Callable[[Any, int], bool]


EXCEPTIONS = (
    Exempt(
        "positive_data_acceptance",
        "An invented If-Match is well-formed and names no current state.",
        lambda case, status: status == 412 and "If-Match" in case.headers,
    ),
    Exempt(
        "negative_data_rejection",
        "A line is trimmed before its length is counted, which no schema can say.",
        lambda case, status: status < 300 and _is_valid_when_trimmed(case),
    ),
    Exempt(
        "unsupported_method",
        "PUT of /tasks/bulk is PUT of the task `bulk`, and a malformed id names nothing.",
        lambda case, status: status == 404 and case.path == "/api/v1/tasks/bulk",
    ),
)


class PlainHashing(PasswordHashing):
    """Passwords as they are: what is explored is the contract, and argon2 would take most of the time."""

    def hash(self, password: str) -> str:
        return f"plain:{password}"

    def verify(self, password: str, stored: str | None) -> bool:
        return stored == self.hash(password)

    def needs_rehash(self, stored: str) -> bool:  # noqa: ARG002 - as it is in what this stands for
        return False


class Caller:
    """Whoever calls: the same person from call to call, until they log out or their account is gone."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._person: Person | None = None
        self._tokens: set[str] = set()
        self._things: dict[str, str] = {}

    @property
    def person(self) -> Person:
        if self._person is None or not _holds(self._person):
            self._person = make_person(self._app, role="admin")
            with self._person.parts.database.writer() as session:
                accounts.apply(session, self._person.id, {"password_hash": f"plain:{PASSWORD}"})
            self._things = {}
        return self._person

    @property
    def token(self) -> str:
        self._tokens.add(self.person.grant.access_token)
        return self.person.grant.access_token

    def renew(self, headers: Any) -> None:
        """A case may be sent again after it ended what its token stood for."""
        if str(headers.get("Authorization")).removeprefix("Bearer ") in self._tokens:
            headers["Authorization"] = f"Bearer {self.token}"

    def mailed(self, purpose: Any) -> str:
        with self.person.parts.database.reader() as reader:
            user = reader.row(queries.BY_ID, user_id=self.person.id)
        return accounts.mail_token(self.person.parts, user, purpose, now())

    def thing(self, path: str, body: dict[str, str]) -> str:
        """The id of a task or project of theirs, made where there is none any more."""
        api, known = self.person.api, self._things.get(path)
        if known is None or api.get(f"{path}/{known}").status_code != 200:
            self._things[path] = api.post(path, body).json["id"]
        return self._things[path]

    def anchor(self) -> str:
        """The id of a task that is not the one a path names."""
        return str(self.person.new_task("There")["id"])

    def named(self, operation: str, parameter: str) -> str:
        """The id of something there is, for a path."""
        made: dict[str, Callable[[], str]] = {
            "session_id": lambda: self.person.another_session().session_id,
            "user_id": lambda: make_person(self._app).id,
            "token_id": self._token_id,
            "job_id": self._job_id,
            # Those that are under way would count among the few that may be.
            "export_id": lambda: plant_export(self.person, status="done", expires_at=0),
            "import_id": lambda: plant_import(self.person, status="failed"),
            "project_id": lambda: self.thing("/projects", {"name": "Home"}),
        }
        if parameter in made:
            return made[parameter]()
        task_id = self.thing("/tasks", {"title": "Here"})
        if operation == "restoreTask":
            self.person.api.delete(f"/tasks/{task_id}")
        return task_id

    def _token_id(self) -> str:
        # There may be so many, and those that were explored into being count.
        api = self.person.api
        known = api.get("/me/tokens").json["items"]
        made = known or [api.post("/me/tokens", {"name": "Script", "scopes": ["tasks:read"]}).json]
        return str(made[0]["id"])

    def _job_id(self) -> str:
        api = self.person.api
        api.post(f"/admin/users/{self.person.id}/password-reset")
        return str(api.get("/admin/jobs?state=waiting&limit=1").json["items"][0]["id"])


def _holds(person: Person) -> bool:
    try:
        authenticate(person.parts, person.grant.access_token, Client("127.0.0.1", "tests", "exploring"))
    except Unauthorized:
        return False
    with person.parts.database.reader() as reader:
        user = reader.row(queries.BY_ID, user_id=person.id)
    return user is not None and (user.password_hash, user.role) == (f"plain:{PASSWORD}", "admin")


def _genuine(caller: Caller) -> dict[str, Callable[[str, Any], Any]]:
    """What stands in the place of a member of a body, by its name; given the operation and the value."""
    return {
        "token": lambda operation, _: caller.mailed("reset" if operation == "resetPassword" else "verify"),
        "current_password": lambda *_: PASSWORD,
        "password": lambda operation, value: _uncommon(value) if operation in _NEW_PASSWORDS else PASSWORD,
        "new_password": lambda _, value: _uncommon(value),
        "email": lambda operation, value: caller.person.email if operation == "login" else value,
        "refresh_token": lambda *_: caller.person.grant.refresh_token,
        "project_id": lambda _, value: value and caller.thing("/projects", {"name": "Home"}),
        "position": lambda _, value: {side: caller.anchor() for side in value},
        "labels": lambda _, value: list({label_key(label.strip()): label for label in value}.values()),
        "expires_at": lambda _, value: value and "2099-12-31T23:59:59Z",
        # One that cannot be done is told by its status in the results, unless all depend on it.
        "atomic": lambda *_: False,
    }


def _uncommon(password: str) -> str:
    """What a schema cannot say of a password: that nobody tries it first."""
    return f"{PASSWORD}, again" if is_common(password) else password


_NEW_PASSWORDS = {"register", "resetPassword"}


@dataclass
class Explored:
    """What came out: failures of checks, and how often each operation was answered with which status."""

    failures: list[str] = field(default_factory=list)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)


def explore(app: Flask, examples: int) -> Explored:
    """Everything that schemathesis finds wrong with an application, whose limits have to be off."""
    parts: Parts = app.extensions["taskapi"]
    app.extensions["taskapi"] = replace(parts, hashing=PlainHashing())
    schemathesis.openapi.format("iana-time-zone", st.sampled_from(sorted(zones())))
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app, config=_config(examples))
    caller = Caller(app)
    _authenticate(schema, caller)
    found = Explored()
    with _on_behalf_of(caller), pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # It looks at what is answered: on a machine that other tests keep busy, to be slow is no failure.
        patch.setattr(health, "CHECK_SECONDS", 30)
        # That what it made is long to print, which is a fault here of nothing.
        warnings.simplefilter("ignore", HypothesisWarning)
        for event in from_schema(schema).execute():
            _note(event, found)
    return found


def _config(examples: int) -> SchemathesisConfig:
    fixed = {"deterministic": True, "no-shrink": True, "database": "none", "max-examples": examples}
    return SchemathesisConfig.from_dict({"seed": _SEED, "generation": fixed})


def _authenticate(schema: Any, caller: Caller) -> None:
    @schema.auth(refresh_interval=None)
    class _Bearer:
        def get(self, _case: Any, _context: Any) -> str:
            return caller.token

        def set(self, case: Any, data: str, _context: Any) -> None:
            case.headers["Authorization"] = f"Bearer {data}"


def _make_genuine(case: Any, caller: Caller) -> None:
    """Put what nobody can make up into the parts of a case that are as their schema has them."""
    caller.renew(case.headers)
    genuine = _genuine(caller)
    operation = case.operation.definition.raw["operationId"]
    if _is_well_made(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        case.body = {
            name: genuine[name](operation, value) if name in genuine else value
            for name, value in case.body.items()
        }
        if operation == "changeTask":
            # A task has one of them, and so either is refused where it has the other.
            case.body = {"due_at": None, "due_on": None} | case.body
    if case.path_parameters and _is_well_made(case, ParameterLocation.PATH) and not _follows_links(case):
        case.path_parameters = {name: caller.named(operation, name) for name in case.path_parameters}
    if _is_well_made(case, ParameterLocation.QUERY):
        # Cursors are made by the service alone.
        case.query.pop("cursor", None)
    if _is_well_made(case, ParameterLocation.HEADER):
        _make_headers_genuine(case.headers)


def _make_headers_genuine(headers: Any) -> None:
    if "Idempotency-Key" in headers:
        # One that was used before would stand for the request of then.
        headers["Idempotency-Key"] = str(uuid4())
    for name in ("If-Match", "If-None-Match"):
        # Of these two the coverage phase makes any text, whatever their schema says.
        if name in headers and not re.search(REQUEST_HEADERS[name]["schema"]["pattern"], headers[name]):
            headers[name] = "*"


def _follows_links(case: Any) -> bool:
    return case.meta is not None and case.meta.phase.name is TestPhase.STATEFUL


def _is_well_made(case: Any, place: ParameterLocation) -> bool:
    """Whether a part of a case is as its schema has it."""
    if case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE:
        return True
    part = case.meta.components.get(place)
    return part is None or part.mode is GenerationMode.POSITIVE


@contextmanager
def _on_behalf_of(caller: Caller) -> Iterator[None]:
    """Calls with what is genuine in them.

    They go without what is for sockets, which probes of schemathesis hand on even in this process; and
    answers come as they are, since nobody decompresses them here.
    """
    send = WSGITransport.send

    def sent(self: WSGITransport, case: Any, *, session: Any = None, **more: Any) -> Any:
        _make_genuine(case, caller)
        for name in ("max_redirects", "verify", "cert", "proxies"):
            more.pop(name, None)
        more["headers"] = {**(more.get("headers") or {}), "Accept-Encoding": "identity"}
        return send(self, case, session=session, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WSGITransport, "send", sent)
        yield


def _note(event: Any, found: Explored) -> None:
    if isinstance(event, events.NonFatalError):
        found.failures.append(f"{event.label}: {event.info.format()}")
    elif isinstance(event, events.FatalError):
        found.failures.append(repr(event.exception))
    elif isinstance(event, events.ScenarioFinished):
        for interaction in event.recorder.interactions.values():
            if interaction.response is not None:
                found.answers[event.recorder.label, interaction.response.status_code] += 1
        for case_id, checks in event.recorder.checks.items():
            case, interaction = event.recorder.cases[case_id].value, event.recorder.interactions[case_id]
            status = interaction.response.status_code if interaction.response is not None else 0
            found.failures += [
                f"{check.name} in {event.phase.name} {event.recorder.label}: "
                f"{check.failure_info.failure.message}\n{check.failure_info.code_sample}"
                for check in checks
                if check.failure_info is not None and not _is_excepted(check.name, case, status)
            ]


def _is_excepted(check: str, case: Any, status: int) -> bool:
    return any(one.check == check and one.holds(case, status) for one in EXCEPTIONS)


def _is_valid_when_trimmed(case: Any) -> bool:
    """Whether nothing but the space around a line is wrong with a body or a query."""
    operation = case.operation.definition.raw
    if not _is_well_made(case, ParameterLocation.BODY):
        content = operation["requestBody"]["content"]["application/json"]
        return isinstance(case.body, dict) and _allows(content["schema"], case.body)
    schemas = {one.get("name"): one.get("schema") for one in operation["parameters"]}
    return not _is_well_made(case, ParameterLocation.QUERY) and all(
        name in schemas and _allows(schemas[name], value) for name, value in case.query.items()
    )


def _allows(schema: dict[str, Any], value: Any) -> bool:
    whole = {**schema, "components": truth.document()["components"]}
    return bool(jsonschema_rs.Draft202012Validator(whole).is_valid(_trimmed(value)))


def _trimmed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _trimmed(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_trimmed(one) for one in value]
    return value.strip() if isinstance(value, str) else value

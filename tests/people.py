"""People who use the service in tests: a client in this process, and accounts made without much hashing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

import orjson
from flask import Flask
from werkzeug.datastructures import Headers

from taskapi.accounts import service as accounts
from taskapi.accounts.schemas import NewAccount
from taskapi.actors import Client, Operator
from taskapi.admin import service as admin
from taskapi.admin.schemas import UserChange
from taskapi.db import Session
from taskapi.ids import new_id
from taskapi.parts import Parts
from taskapi.passwords import PasswordHashing
from taskapi.sessions.service import open_session
from taskapi.tokens import Grant
from tests import truth

PASSWORD = "correct horse battery staple"


@cache
def password_hash() -> str:
    """PASSWORD, hashed once for all."""
    return PasswordHashing().hash(PASSWORD)


def new_address() -> str:
    return f"{uuid4().hex}@example.test"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status_code: int
    headers: Headers
    data: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.data)

    @property
    def text(self) -> str:
        return self.data.decode()

    @property
    def etag(self) -> str:
        return self.headers["ETag"]


@dataclass
class Api:
    """Calls to an application in this process, below /api/v1 unless the path begins with two slashes."""

    app: Flask
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def call(
        self, method: str, path: str, json: Any = None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answer:
        """One request on a connection without cookies."""
        url = path[1:] if path.startswith("//") else f"/api/v1{path}"
        sent = dict(self.headers)
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        sent |= headers or {}
        if json is not None:
            more["json"] = json
        # Where there is a box it is asked, which has the application's database and keys (tests/containers).
        opened = self.app.extensions.get("box") or self.app.test_client(use_cookies=False).open
        answer = opened(url, method=method, headers=sent, **more)
        truth.check(method, url, answer.status_code, dict(answer.headers), answer.data)
        return Answer(answer.status_code, answer.headers, answer.data)

    def get(self, path: str, **more: Any) -> Answer:
        return self.call("GET", path, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> Answer:
        return self.call("POST", path, json, **more)

    def put(self, path: str, json: Any = None, **more: Any) -> Answer:
        return self.call("PUT", path, json, **more)

    def patch(self, path: str, json: Any = None, **more: Any) -> Answer:
        return self.call("PATCH", path, json, **more)

    def delete(self, path: str, json: Any = None, **more: Any) -> Answer:
        return self.call("DELETE", path, json, **more)


@dataclass
class Person:
    """Somebody with an account and a session; `api` calls with their access token."""

    app: Flask
    id: str
    email: str
    grant: Grant
    password: str = PASSWORD

    @property
    def parts(self) -> Parts:
        parts: Parts = self.app.extensions["taskapi"]
        return parts

    @property
    def api(self) -> Api:
        return Api(self.app, self.grant.access_token)

    @property
    def session_id(self) -> str:
        access = self.parts.access_tokens.verify(self.grant.access_token)
        assert access is not None
        return access.session_id

    def another_session(self) -> "Person":
        """The same person on another device."""
        return Person(self.app, self.id, self.email, open_session_of(self.app, self.id))

    def new_task(self, title: str = "Pay rent", **fields: Any) -> dict[str, Any]:
        answer = self.api.post("/tasks", {"title": title, **fields})
        assert answer.status_code == 201, answer.text
        task: dict[str, Any] = answer.json
        return task


def make_person(app: Flask, role: str = "user", verified: bool = False) -> Person:
    """An account with PASSWORD and one session, written by the services themselves."""
    parts: Parts = app.extensions["taskapi"]
    email = new_address()
    with parts.database.writer() as session:
        wanted = NewAccount(email=email, password=PASSWORD)
        user_id = accounts.create(session, wanted, password_hash(), role, verified)
    assert user_id is not None
    return Person(app, user_id, email, open_session_of(app, user_id))


def set_disabled(session: Session, email: str, disabled: bool) -> None:
    """What `taskapi users disable` and `enable` do."""
    user_id = accounts.id_of(session, email)
    assert user_id is not None
    admin.change_user(session, Operator("made-by-a-test"), user_id, UserChange(disabled=disabled), None)


def open_session_of(app: Flask, user_id: str) -> Grant:
    parts: Parts = app.extensions["taskapi"]
    client = Client(address="127.0.0.1", user_agent="tests", request_id="made-by-a-test")
    with parts.database.writer() as session:
        (epoch,) = parts.epochs.current(f"u:{user_id}")
        return open_session(parts, session, client, user_id, epoch, "api", new_id())

"""Server-Timing: admins are told what took how long, and nobody else."""

import re
import time
from pathlib import Path

import httpx
import pytest
from flask import Flask

from taskapi.admin.jobs import know_admins
from taskapi.parts import Parts
from tests.people import PASSWORD, Person, make_person, set_disabled
from tests.servers import running

TOLD = re.compile(r'app;dur=[0-9.]+, auth;dur=[0-9.]+, db;dur=[0-9.]+;desc="([0-9]+) statements"')


@pytest.fixture
def root(app: Flask, parts: Parts) -> Person:
    """An admin whom the process knows."""
    made = make_person(app, role="admin")
    know_admins(parts)
    return made


def timing_of(person: Person, path: str = "/tasks") -> tuple[str, str | None]:
    answer = person.api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.headers["X-Cache"], answer.headers.get("Server-Timing")


def test_an_admin_is_told_of_each_answer(root: Person) -> None:
    kind, told = timing_of(root)
    assert kind == "miss"
    found = TOLD.fullmatch(told or "")
    assert found is not None
    assert int(found[1]) >= 1
    assert timing_of(root) == ("hit", 'cache;desc="hit"')
    assert TOLD.fullmatch(root.api.post("/tasks", {"title": "Pay rent"}).headers["Server-Timing"])
    assert TOLD.fullmatch(root.api.get("/tasks/nowhere").headers["Server-Timing"])


def test_others_are_not(root: Person, ann: Person) -> None:
    assert [timing_of(ann) for _ in range(2)] == [("miss", None), ("hit", None)]
    assert "Server-Timing" not in ann.api.post("/tasks", {"title": "Pay rent"}).headers
    assert "Server-Timing" not in ann.api.get("/tasks/nowhere").headers


def test_whoever_was_shut_out_is_forgotten(root: Person, parts: Parts) -> None:
    with parts.database.writer() as session:
        set_disabled(session, root.email, disabled=True)
    know_admins(parts)
    assert not parts.timing.is_for(root.id)


def test_a_server_knows_its_admins_from_the_start(tmp_path: Path) -> None:
    given = {"TASKAPI_ADMIN_EMAIL": "root@example.test", "TASKAPI_ADMIN_PASSWORD": PASSWORD}
    with running(tmp_path / "home", **given) as server, httpx.Client(base_url=server.url) as api:
        login = api.post(
            "/api/v1/auth/login", json={"email": "root@example.test", "password": PASSWORD}
        ).json()
        bearer = {"Authorization": f"Bearer {login['access_token']}"}
        for _ in range(100):
            answer = api.get("/api/v1/tasks", headers=bearer)
            if "Server-Timing" in answer.headers:
                return
            time.sleep(0.02)
    pytest.fail("an admin was told nothing")

"""What a request leaves in the log: one line that cannot be forged, and nothing that must stay secret."""

import json
import logging
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from taskapi import logs
from taskapi.audit.service import remember
from taskapi.log_lines import PAUSE_SECONDS, RotatingFile
from taskapi.parts import Parts
from tests.people import Api, make_person
from tests.servers import Server, running

ECS = {
    "@timestamp",
    "log.level",
    "message",
    "ecs.version",
    "log.logger",
    "service.name",
    "service.version",
    "service.node.name",
    "event.dataset",
    "http.request.method",
    "http.response.status_code",
    "http.response.body.bytes",
    "event.duration",
    "http.request.id",
    "trace.id",
    "span.id",
    "taskapi.route",
}
ADDRESS = "sentinel-address@example.test"
PASSWORD = "sentinel-password-1234"


class Log:
    """A log file, read on from where it was read last."""

    def __init__(self, path: Path, is_of_server: bool = False) -> None:
        self._path = path
        self._is_of_server = is_of_server
        self._read = 0

    def new(self) -> list[dict[str, Any]]:
        logs.flush()
        # A server's own line is written a moment after its answer.
        time.sleep(4 * PAUSE_SECONDS if self._is_of_server else 0)
        whole = self._path.read_text()
        lines = whole[self._read :].split("\n")
        self._read = len(whole)
        assert lines.pop() == "", "the last line was not ended"
        return [json.loads(line) for line in lines]


@pytest.fixture
def log(app: Flask, tmp_path: Path) -> Iterator[Log]:
    """This process's log goes to a file, as when it serves."""
    yield from logging_to(app, tmp_path)


def logging_to(app: Flask, folder: Path) -> Iterator[Log]:
    parts: Parts = app.extensions["taskapi"]
    root = logging.getLogger()
    before = (list(root.handlers), root.level, logging.raiseExceptions)
    logs.configure(parts.settings.model_copy(update={"log_file": folder / "app.log"}))
    ours = list(root.handlers)
    yield Log(folder / "app.log")
    for handler in ours:
        handler.close()
    root.handlers[:], _, logging.raiseExceptions = before
    root.setLevel(before[1])


def test_a_request_leaves_one_line_with_the_names_of_ecs(app: Flask, log: Log) -> None:
    person = make_person(app)
    log.new()
    answer = person.api.get("/tasks", headers={"X-Request-ID": "mine"})
    (line,) = log.new()
    assert set(line) == ECS | {"user.id"}
    assert line["log.level"] == "info"
    assert line["http.request.method"] == "GET"
    assert line["http.response.status_code"] == answer.status_code == 200
    assert line["taskapi.route"] == "/api/v1/tasks"
    assert line["http.request.id"] == "mine"
    assert line["user.id"] == person.id
    assert line["event.duration"] > 0


def test_a_refused_request_leaves_one_line_without_a_user(app: Flask, log: Log) -> None:
    Api(app).get("/tasks")
    (line,) = log.new()
    assert set(line) == ECS
    assert line["http.response.status_code"] == 401


def test_an_entry_of_the_audit_is_logged_once_it_is_committed(app: Flask, log: Log) -> None:
    root, person = make_person(app, role="admin"), make_person(app)
    parts: Parts = app.extensions["taskapi"]
    log.new()
    headers = {"X-Request-ID": "an-act"}
    answer = root.api.patch(f"/admin/users/{person.id}", {"disabled": True}, headers=headers)
    assert answer.status_code == 200
    (line,) = [one for one in log.new() if one["event.dataset"] == "taskapi.audit"]
    assert line["event.action"] == "user.disabled"
    assert (line["user.id"], line["user.target.id"]) == (root.id, person.id)
    assert line["http.request.id"] == "an-act"

    def undone() -> None:
        with parts.database.writer() as session:
            remember(session, "user.enabled", actor_id=root.id, via="cli", request_id="undone")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        undone()
    assert [one for one in log.new() if one["event.dataset"] == "taskapi.audit"] == []


NASTY = st.text(st.sampled_from("a\r\n\t\x1b[31m\x85\u2028\N{RIGHT-TO-LEFT OVERRIDE}{}\"'%\\"), max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=NASTY, identity=NASTY, agent=NASTY, query=NASTY)
def test_nothing_a_client_sends_makes_a_second_line_or_colours_the_terminal(
    apps: Callable[[str], Flask],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    path: str,
    identity: str,
    agent: str,
    query: str,
) -> None:
    app = apps("sqlite")
    for log in logging_to(app, tmp_path):
        log.new()
        capfd.readouterr()
        # Below the test client's own checks, as a server hands over what it was sent.
        sent = {
            "HTTP_X_REQUEST_ID": identity,
            "HTTP_USER_AGENT": agent,
            "PATH_INFO": f"/{path}",
            "QUERY_STRING": query,
        }
        # PEP 3333: bytes, one to a character.
        environ = {name: value.encode().decode("latin-1") for name, value in sent.items()}
        app.test_client().get("/", environ_overrides=environ)
        (line,) = log.new()
        assert line["http.request.id"].isalnum()
        shown = capfd.readouterr().out
        assert shown.endswith("\n")
        assert shown[:-1].isprintable()


def test_a_real_server_keeps_one_line_for_each_request_whatever_is_in_it(home: Path) -> None:
    with running(home) as server:
        log = Log(home / "logs" / "app.log", is_of_server=True)
        log.new()
        forged = "%0d%0a%7B%22log.level%22%3A%22forged%22%7D%1b[31m"
        heads = (
            f"GET /{forged} HTTP/1.1\r\nUser-Agent: \xff[2J",
            f"GET /health?{forged} HTTP/1.1\r\nX-Request-ID: {forged}",
            f"DELETE /api/v1/tasks/{forged} HTTP/1.1\r\nAuthorization: Bearer {forged}",
        )
        for head in heads:
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                connection.sendall(f"{head}\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1"))
                assert connection.makefile("rb").read().startswith(b"HTTP/1.1 ")
        lines = log.new()
        assert {line["log.level"] for line in lines} == {"info"}
        # Jobs that are due at the start are told of as well.
        requests = [line for line in lines if line["log.logger"] != "taskapi.jobs"]
        assert [line["http.request.method"] for line in requests] == ["GET", "GET", "DELETE"]
        assert server.stop() == 0


def test_no_secret_and_no_address_of_a_real_run_reaches_the_logs(home: Path) -> None:
    with running(home, TASKAPI_LOG_LEVEL="DEBUG") as server:
        secrets = {ADDRESS, PASSWORD, *used_tokens(server)}
        assert server.stop() == 0
    written = (home / "logs" / "app.log").read_text() + server.log.read_text()
    assert "authn_token_reuse" in written
    assert sorted(secret for secret in secrets if secret in written) == []


def used_tokens(server: Server) -> set[str]:
    """The tokens of a life: registered, logged in, mistyped, refreshed, stolen and logged out."""
    account = {"email": ADDRESS, "password": PASSWORD}
    with httpx.Client(base_url=f"{server.url}/api/v1") as client:
        for _ in range(2):
            assert client.post("/auth/register", json=account).status_code == 202
        assert client.post("/auth/login", json=account | {"password": PASSWORD + "x"}).status_code == 401
        assert client.post("/auth/login", json=account | {"unknown": PASSWORD}).status_code == 422
        assert client.post("/auth/login", content=json.dumps(account)[:-1]).status_code in {400, 415}
        generations = [client.post("/auth/login", json=account).json()]
        for _ in range(2):
            sent = {"refresh_token": generations[-1]["refresh_token"]}
            generations.append(client.post("/auth/refresh", json=sent).json())
        sent = {"refresh_token": generations[0]["refresh_token"]}
        assert client.post("/auth/refresh", json=sent).status_code == 401
        bearer = {"Authorization": f"Bearer {generations[-1]['access_token']}"}
        assert client.get("/tasks", headers=bearer).status_code == 401
        assert client.get(f"/tasks/{ADDRESS}?{PASSWORD}", headers=bearer).status_code == 401
    return {token[name] for token in generations for name in ("access_token", "refresh_token")}


def test_a_failing_statement_is_logged_without_what_people_wrote(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    """PostgreSQL's errors and SQLAlchemy's both quote values."""
    app = make_app("postgresql")
    person = make_person(app)
    with app.extensions["taskapi"].database.writer() as session:
        session.run(text("CREATE UNIQUE INDEX one_title ON tasks (title)"))
        session.run(text("ALTER TABLE outbox RENAME TO lost"))
    for log in logging_to(app, tmp_path):
        person.new_task("sentinel-title")
        assert person.api.post("/tasks", {"title": "sentinel-title"}).status_code == 409
        account = {"email": ADDRESS, "password": PASSWORD}
        assert Api(app).post("/auth/register", account).status_code == 500
        written = json.dumps(log.new())
        assert "UndefinedTable" in written
        assert "one_title" in written
        assert "sentinel" not in written


def test_words_that_do_not_fit_fail_nobody(log: Log) -> None:
    """Whoever logs so is a library, and the request it is logged for not to blame."""
    log.new()
    logging.getLogger("somebody").warning("%d apples", "many")
    logging.getLogger("somebody").warning("%s", _Unspeakable())
    said = [line["message"] for line in log.new()]
    assert said == [f"{words} (and something that does not fit these words)" for words in ("%d apples", "%s")]


class _Unspeakable:
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full disk to write to")
def test_a_log_that_cannot_be_written_any_more_fails_no_request(home: Path) -> None:
    with running(home, TASKAPI_LOG_FILE="/dev/full") as server:
        answers = [httpx.get(f"{server.url}/livez") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        answer = httpx.get(f"{server.url}/api/v1/tasks")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert server.stop() == 0
        assert server.log.read_text().count("GET /livez") == 3


def test_the_log_is_its_owners_alone_because_links_of_mails_are_in_it(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "app.log", size=200, kept=3)
    for number in range(6):
        file.write(f"{number}\n".encode() * 75)
    file.close()
    kept = {path.name: path.read_text()[0] for path in tmp_path.iterdir()}
    assert kept == {"app.log": "5", "app.log.1": "4", "app.log.2": "3", "app.log.3": "2"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}

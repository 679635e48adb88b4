"""`taskapi mail`: what was written, what waits and what was given up."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from taskapi import create_app, schema
from taskapi.__main__ import cli
from taskapi.db import Session
from taskapi.handlers import HANDLERS
from taskapi.jobs import Job, enqueue
from taskapi.outbox import Outbox
from taskapi.parts import Parts
from taskapi.settings import load_settings
from tests.people import Api, make_person


@pytest.fixture
def served(home: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """An application whose home the command is told of."""
    monkeypatch.setenv("TASKAPI_HOME", str(home))
    app = create_app(load_settings())
    schema.migrate(app.extensions["taskapi"].database)
    return app


def mail(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["mail", *arguments])


def refused(_parts: Parts, _session: Session, _job: Job) -> None:
    raise OSError("the host\x1b is out")


def test_without_mails_the_list_says_so(served: Flask) -> None:
    assert mail("list").output == "There are no mails.\n"
    assert mail("list", "--json").output == ""


def test_a_mail_is_listed_while_it_waits_and_shown_once_it_is_a_file(served: Flask) -> None:
    parts: Parts = served.extensions["taskapi"]
    person = make_person(served)
    Api(served).post("/auth/password/forgot", {"email": person.email})
    (waiting,) = map(json.loads, mail("list", "--json").output.splitlines())
    assert (waiting["state"], waiting["kind"], waiting["attempts"]) == ("waiting", "mail.reset_password", 0)
    Outbox(parts, HANDLERS).do_due()
    (file,) = map(json.loads, mail("list", "--json").output.splitlines())
    assert (file["id"], file["state"], file["to"]) == (waiting["id"], "file", person.email)
    assert mail("list").output == f"{file['id']}  file     {person.email}  Set a new password\n"
    shown = mail("show", file["id"][:30])
    assert shown.output.startswith(f"To: {person.email}\nDate: ")
    text = mail("show", file["id"], "--text").output
    assert shown.output.endswith(f"Subject: Set a new password\n\n{text}")
    assert "http://127.0.0.1:5000/reset#" in text
    as_json = json.loads(mail("show", file["id"], "--json").output)
    assert (as_json["address"], as_json["text"]) == (person.email, text)


def test_what_people_wrote_does_nothing_to_the_terminal(served: Flask) -> None:
    parts: Parts = served.extensions["taskapi"]
    person = make_person(served, verified=True)
    assert person.api.patch("/me", {"name": "\x1b]0;gone\x07\x9b2JÉmile"}).status_code == 200
    Api(served).post("/auth/password/forgot", {"email": person.email})
    Outbox(parts, HANDLERS).do_due()
    (file,) = map(json.loads, mail("list", "--json").output.splitlines())
    for shown in (mail("show", file["id"]), mail("show", file["id"], "--text")):
        assert "Émile" in shown.output
        assert not {"\x1b", "\x07", "\x9b"} & set(shown.output)


def test_mails_are_listed_while_somebody_writes(served: Flask) -> None:
    parts: Parts = served.extensions["taskapi"]
    with parts.database.writer() as session:
        enqueue(session, "mail.reset_password", {"email_key": "a"}, "a-request")
        session.begin()
        # Had it to wait for the writer, it would give up after five seconds.
        assert mail("list").exit_code == 0


def test_what_was_given_up_is_listed_with_its_reason(served: Flask) -> None:
    parts: Parts = served.extensions["taskapi"]
    with parts.database.writer() as session:
        enqueue(session, "mail.reset_password", {"email_key": "a"}, "a-request")
        enqueue(session, "jobs.something_else", {}, "a-request")
    worker = Outbox(parts, {"mail.reset_password": refused}, back_off=[0])
    worker.do_due()
    (line,) = mail("list").output.splitlines()
    assert line.endswith("parked   mail.reset_password, tried 2 times  OSError: the host\ufffd is out")


def test_a_mail_that_is_not_there_is_named(served: Flask) -> None:
    shown = mail("show", "0199")
    assert shown.exit_code == 1
    assert shown.output == (
        "Error: No mail that is a file begins with 0199; `taskapi mail list` shows their ids.\n"
    )

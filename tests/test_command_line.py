"""The `taskapi` command as whoever runs the service types it."""

import io
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from taskapi import __main__ as command_line
from taskapi import schema
from taskapi.keys import load_keys, new_secret_key, new_signing_key
from taskapi.settings import load_settings
from tests.chaos.writers import prepared
from tests.mail_hosts import mail_host
from tests.people import PASSWORD
from tests.servers import clean_environment, free_port, running
from tests.test_serving import logged_in, task_list, wait_until


@dataclass(frozen=True)
class Ended:
    code: int
    output: str
    error: str


Taskapi = Callable[..., Ended]


@pytest.fixture
def taskapi(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Taskapi:
    """Runs a command on `home` in this process, to its exit: `taskapi("users", "list", TASKAPI_ENV="…")`."""
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    monkeypatch.setenv("TASKAPI_HOME", str(home))

    def run(*arguments: str, **environment: str) -> Ended:
        with monkeypatch.context() as given:
            given.setattr(sys, "argv", ["taskapi", *arguments])
            for name, value in environment.items():
                given.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                command_line.main()
        output = capsys.readouterr()
        return Ended(int(ended.value.code or 0), output.out, output.err)

    return run


def test_help_lists_every_command(taskapi: Taskapi) -> None:
    shown = taskapi("--help")
    assert shown.code == 0
    for name, (_, line) in command_line.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", shown.output, re.MULTILINE)
    assert taskapi("nonsense").code == 2
    assert taskapi("--version").output.startswith("taskapi, version ")


def test_migrating_goes_up_and_down_and_says_where_it_is(taskapi: Taskapi) -> None:
    assert taskapi("migrate").output == f"The schema is at {schema.head()}.\n"
    assert taskapi("migrate", "--to", "base", "--yes").output == "The schema is at base.\n"
    assert taskapi("users", "list") == Ended(
        2, "", "taskapi: DATABASE_URL: the schema is older than this release; run `taskapi migrate`\n"
    )


def test_nothing_is_removed_unasked_or_under_a_running_server(
    taskapi: Taskapi, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taskapi("migrate")
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    asked = taskapi("migrate", "--to", "base")
    assert asked.code == 1
    assert "may remove tables" in asked.output
    with running(home):
        refused = taskapi("migrate", "--to", "base", "--yes")
        assert refused.code == 2
        assert refused.error.startswith("taskapi: TASKAPI_HOME: another process (")
    assert taskapi("users", "list").code == 0


def test_an_unknown_revision_is_one_line(taskapi: Taskapi) -> None:
    for _ in range(2):  # On an empty database, and on one that has its schema.
        refused = taskapi("migrate", "--to", "nonsense", "--yes")
        assert refused.code == 2
        assert refused.error.startswith("taskapi: --to: ")
        assert len(refused.error.splitlines()) == 1
        taskapi("migrate")


def test_before_the_first_start_a_command_says_that_there_is_no_database_and_makes_none(
    taskapi: Taskapi, home: Path
) -> None:
    home.mkdir()
    refused = taskapi("users", "list")
    assert refused.code == 2
    assert refused.error.startswith(
        f"taskapi: TASKAPI_HOME: there is no database at {home / 'taskapi.db'} yet"
    )
    assert list(home.iterdir()) == []


def test_an_admin_is_made_or_an_account_becomes_one(taskapi: Taskapi, home: Path) -> None:
    (person,) = prepared(home, 1)
    made = taskapi("create-admin", "--email", "root@example.test", TASKAPI_ADMIN_PASSWORD=PASSWORD)
    assert made == Ended(0, "root@example.test was made an account and is an admin now.\n", "")
    taken = taskapi("create-admin", "--email", person.email, "--password", PASSWORD)
    assert taken.output.startswith(f"{person.email} is an admin now, with the password given here: somebody ")
    promoted = taskapi("create-admin", "--email", person.email.upper(), "--password", PASSWORD)
    assert promoted == Ended(
        0, f"{person.email.upper()} is an admin now; its password and name stay as they were.\n", ""
    )
    lines = taskapi("users", "list").output.splitlines()
    assert [line.split()[1:] for line in lines] == [
        ["admin", "active", person.email],
        ["admin", "active", "root@example.test"],
    ]


@pytest.mark.parametrize(
    ("email", "password", "named"),
    [("nobody", PASSWORD, "email"), ("a@example.test", "password1234", "password")],
)
def test_an_admin_who_cannot_be_is_refused_with_the_reason(
    taskapi: Taskapi, email: str, password: str, named: str
) -> None:
    taskapi("migrate")
    refused = taskapi("create-admin", "--email", email, "--password", password)
    assert refused.code == 1
    assert refused.error.startswith(f"Error: {named}: ")
    assert password not in refused.error
    assert taskapi("users", "list").output == ""


def test_disabling_ends_a_session_of_the_running_service_and_enabling_lets_in_again(
    taskapi: Taskapi, home: Path
) -> None:
    (person,) = prepared(home, 1)
    with running(home, TASKAPI_LIMITS="off") as server:
        assert task_list(server, person.grant.access_token) == 200
        assert taskapi("users", "disable", person.email).output == f"{person.email} is disabled now.\n"
        wait_until(lambda: task_list(server, person.grant.access_token) == 401)
        assert logged_in(server, person.email, PASSWORD).status_code == 401
        assert "disabled" in taskapi("users", "list").output
        assert taskapi("users", "enable", person.email).output == f"{person.email} is enabled now.\n"
        # An ended session stays ended; a new one can be opened.
        assert task_list(server, person.grant.access_token) == 401
        assert logged_in(server, person.email, PASSWORD).status_code == 200
        assert httpx.get(f"{server.url}/health").status_code == 200


@pytest.mark.parametrize("word", ["disable", "enable"])
def test_an_address_without_account_is_named(taskapi: Taskapi, word: str) -> None:
    taskapi("migrate")
    refused = taskapi("users", word, "nobody@example.test")
    assert refused == Ended(1, "", "Error: There is no account with the address nobody@example.test.\n")


def test_printed_keys_are_settings_for_a_shell_and_for_an_environment_file(
    taskapi: Taskapi, home: Path
) -> None:
    printed = taskapi("keys").output
    by_file = dict(line.split("=", 1) for line in printed.splitlines())
    names = ["TASKAPI_SIGNING_KEY", "TASKAPI_SECRET_KEY"]
    assert list(by_file) == names
    script = 'eval "$1"; printf "%s\\0%s" "$TASKAPI_SIGNING_KEY" "$TASKAPI_SECRET_KEY"'
    said = subprocess.run(["sh", "-c", script, "sh", printed], capture_output=True, check=True, text=True)
    by_shell = dict(zip(names, said.stdout.split("\0"), strict=True))
    unquoted = {name: value.strip('"') for name, value in by_file.items()}
    assert by_shell == unquoted
    for given in (by_shell, by_file):
        keys = load_keys(load_settings(TASKAPI_HOME=home, **given))
        assert len(keys.signing) == 1
    assert not home.exists()
    assert taskapi("keys").output != printed


def test_the_doctor_finds_nothing_before_the_first_start_and_makes_nothing(
    taskapi: Taskapi, home: Path
) -> None:
    for _ in range(2):
        found = taskapi("doctor", TASKAPI_SECRET_KEY=new_secret_key())
        assert found.code == 0, found.output
        assert {line[:5] for line in found.output.splitlines()} == {"ok   "}
        assert not home.exists() or not list(home.iterdir())
        home.mkdir(exist_ok=True)


def test_the_doctor_finds_nothing_after_the_first_start(taskapi: Taskapi, home: Path) -> None:
    prepared(home, 1)
    found = taskapi("doctor")
    assert found.code == 0, found.output
    assert f"the schema is this release's ({schema.head()})" in found.output


def test_the_doctor_asks_the_mail_host(taskapi: Taskapi) -> None:
    with mail_host() as host:
        found = taskapi("doctor", SMTP_URL=f"smtp://127.0.0.1:{host.port}")
        assert found.code == 0, found.output
        assert f"127.0.0.1:{host.port} takes mails from us" in found.output
        assert host.taken == []


def break_schema(home: Path) -> dict[str, str]:
    prepared(home, 0)
    with sqlite3.connect(home / "taskapi.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    return {}


def break_keys(home: Path) -> dict[str, str]:
    (home / "keys").mkdir(parents=True)
    (home / "keys" / "signing.pem").write_text(new_signing_key())
    (home / "keys" / "signing.pem").chmod(0o644)
    return {}


def break_home(home: Path) -> dict[str, str]:
    home.write_text("a file")
    return {"TASKAPI_HOME": str(home / "below")}


def break_database(_home: Path) -> dict[str, str]:
    return {"DATABASE_URL": f"postgresql://u:sesame@127.0.0.1:{free_port()}/d"}


def break_mails(_home: Path) -> dict[str, str]:
    return {"SMTP_URL": f"smtp://u:sesame@127.0.0.1:{free_port()}"}


BROKEN: dict[str, tuple[Callable[[Path], dict[str, str]], str]] = {
    "a typing error": (lambda _: {"TASKAPI_WORKER": "2"}, "did you mean TASKAPI_WORKERS?"),
    "a file for what is no secret": (lambda _: {"TASKAPI_WORKERS_FILE": "/x"}, "is not a setting"),
    "a bad setting": (lambda _: {"TASKAPI_WORKERS": "0"}, "TASKAPI_WORKERS"),
    "a home that cannot be made": (break_home, "cannot be written"),
    "a key that others can read": (break_keys, "chmod 600"),
    "a newer schema": (break_schema, "is newer"),
    "a mail host that does not answer": (break_mails, "does not take mails from us"),
    "a database that does not answer": (break_database, "cannot be used"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_the_doctor_names_what_is_broken_and_ends_with_1(taskapi: Taskapi, home: Path, case: str) -> None:
    make, said = BROKEN[case]
    found = taskapi("doctor", **make(home))
    assert found.code == 1
    (failed,) = (line for line in found.output.splitlines() if line.startswith("FAIL "))
    assert said in failed
    assert "sesame" not in found.output

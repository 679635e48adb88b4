"""A start that cannot be: one line that names the setting and the mend, code 2, and nothing half done."""

import os
import re
import socket
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from taskapi import __main__ as command_line
from taskapi import schema
from taskapi.db import Database
from taskapi.keys import new_secret_key, new_signing_key
from taskapi.settings import load_settings
from tests.servers import BOUND_BY_RIGHTS, clean_environment, command, free_port, running

PASSWORD = "hunter2sesame"
SHARED_KEYS = {"TASKAPI_SIGNING_KEY": new_signing_key(), "TASKAPI_SECRET_KEY": new_secret_key()}


def only_line(output: str) -> str:
    """The one line of a refusal."""
    lines = output.splitlines()
    assert len(lines) == 1, output
    assert lines[0].startswith("taskapi: ")
    assert PASSWORD not in output
    for key in SHARED_KEYS.values():
        assert key not in output
    return lines[0]


def refused_start(home: Path, *arguments: str, under: Sequence[str] = (), **environment: str) -> str:
    """The line a start is refused with; it is given a port, so that it could go on if it would."""
    port = () if "--port" in arguments else ("--port", str(free_port()))
    ended = command("serve", *port, *arguments, home=home, under=under, **environment)
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    return only_line(ended.stderr)


def made(home: Path) -> set[str]:
    """The files below a home, without the log and the lock."""
    found = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    return found - {"logs/app.log", "lock"}


BAD_SETTINGS: dict[str, tuple[dict[str, str], str]] = {
    "no workers": ({"TASKAPI_WORKERS": "0"}, "TASKAPI_WORKERS"),
    "workers in words": ({"TASKAPI_WORKERS": "abc"}, "TASKAPI_WORKERS"),
    "two workers on SQLite": ({"TASKAPI_WORKERS": "2"}, "TASKAPI_WORKERS"),
    "one thread": ({"TASKAPI_THREADS": "1"}, "TASKAPI_THREADS"),
    "an unknown limit": ({"TASKAPI_LIMITS": "sleep=1/hour"}, "TASKAPI_LIMITS"),
    "an unreadable limit": ({"TASKAPI_LIMITS": "register=often"}, "TASKAPI_LIMITS"),
    "half an origin": ({"TASKAPI_CORS_ORIGINS": "a.example"}, "TASKAPI_CORS_ORIGINS"),
    "an origin with a slash": ({"TASKAPI_CORS_ORIGINS": "https://a.example/"}, "TASKAPI_CORS_ORIGINS"),
    "an unknown environment": ({"TASKAPI_ENV": "staging"}, "TASKAPI_ENV"),
    "another database": ({"DATABASE_URL": f"mysql://u:{PASSWORD}@h/d"}, "DATABASE_URL"),
    "a database in memory": ({"DATABASE_URL": "sqlite:///:memory:"}, "DATABASE_URL"),
    "a database without a file": ({"DATABASE_URL": "sqlite://"}, "DATABASE_URL"),
    "an empty home": ({"TASKAPI_HOME": ""}, "TASKAPI_HOME"),
    "no database": ({"DATABASE_URL": f"{PASSWORD}"}, "DATABASE_URL"),
    "a letter in the port": ({"DATABASE_URL": f"postgresql://u:p@h:{PASSWORD}/d"}, "DATABASE_URL"),
    "a sign made of letters": ({"DATABASE_URL": f"pg://u:{PASSWORD}\N{ACCOUNT OF}@h/d"}, "DATABASE_URL"),
    "half an address": ({"DATABASE_URL": f"postgresql://u:{PASSWORD}@[::1/d"}, "DATABASE_URL"),
    "Redis on SQLite": ({"REDIS_URL": f"redis://:{PASSWORD}@h/0", **SHARED_KEYS}, "DATABASE_URL"),
    "no Redis at all": ({"REDIS_URL": f"http://:{PASSWORD}@h/0", **SHARED_KEYS}, "REDIS_URL"),
    "Redis without shared keys": (
        {"DATABASE_URL": f"postgresql://u:{PASSWORD}@h/d", "REDIS_URL": f"redis://:{PASSWORD}@h/0"},
        "TASKAPI_SIGNING_KEY",
    ),
    "workers without Redis": (
        {"DATABASE_URL": f"postgresql://u:{PASSWORD}@h/d", "TASKAPI_WORKERS": "2"},
        "REDIS_URL",
    ),
    "a short secret": ({"TASKAPI_SECRET_KEY": PASSWORD}, "TASKAPI_SECRET_KEY"),
    "a secret's missing file": ({"TASKAPI_SECRET_KEY_FILE": "/none"}, "TASKAPI_SECRET_KEY_FILE"),
    "a database's missing file": ({"DATABASE_URL_FILE": "/none"}, "DATABASE_URL_FILE"),
    "no mail host": ({"SMTP_URL": f"mail://u:{PASSWORD}@h"}, "SMTP_URL"),
    "a password in the clear": ({"SMTP_URL": f"smtp://u:{PASSWORD}@h?starttls=never"}, "SMTP_URL"),
    "half a public address": ({"TASKAPI_PUBLIC_URL": "tasks.example.com"}, "TASKAPI_PUBLIC_URL"),
    "a public address with a query": ({"TASKAPI_PUBLIC_URL": "https://h/?a=b"}, "TASKAPI_PUBLIC_URL"),
    "two senders": ({"TASKAPI_MAIL_FROM": "a@b.example, c@d.example"}, "TASKAPI_MAIL_FROM"),
    "mails whose links lead nowhere": (
        {"TASKAPI_ENV": "production", "SMTP_URL": f"smtp://u:{PASSWORD}@h"},
        "TASKAPI_PUBLIC_URL",
    ),
    "an admin without password": ({"TASKAPI_ADMIN_EMAIL": "a@example.test"}, "TASKAPI_ADMIN_PASSWORD"),
    "a password without admin": ({"TASKAPI_ADMIN_PASSWORD": PASSWORD}, "TASKAPI_ADMIN_EMAIL"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_a_bad_setting_is_one_line_that_names_it_and_nothing_is_made(
    case: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given, named = BAD_SETTINGS[case]
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    for name, value in {"TASKAPI_HOME": str(home), **given}.items():
        monkeypatch.setenv(name, value)
    # `migrate` reads the same settings as `serve`, and ends by itself should they be let through.
    monkeypatch.setattr(sys, "argv", ["taskapi", "migrate"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert named in only_line(output.err)
    assert not home.exists()


def test_serving_refuses_a_bad_setting_before_it_makes_anything(home: Path) -> None:
    line = refused_start(home, DATABASE_URL=f"postgresql://u:p@h:{PASSWORD}/d")
    assert line.startswith("taskapi: DATABASE_URL: ")
    assert not home.exists()


def test_a_signing_key_that_is_none_leaves_no_key_and_no_database(home: Path) -> None:
    line = refused_start(home, TASKAPI_SIGNING_KEY=PASSWORD)
    assert "TASKAPI_SIGNING_KEY" in line
    assert made(home) == set()


def test_a_first_admin_with_a_common_password_is_refused_before_anything_is_made(home: Path) -> None:
    admin = {"TASKAPI_ADMIN_EMAIL": "root@example.test", "TASKAPI_ADMIN_PASSWORD": "password1234"}
    line = refused_start(home, **admin)
    assert "TASKAPI_ADMIN_PASSWORD" in line
    assert "password1234" not in line
    assert not home.exists()


def test_a_home_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "TASKAPI_HOME" in refused_start(tmp_path / "file" / "home")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_a_home_that_may_not_be_written_is_refused(home: Path) -> None:
    home.mkdir(mode=0o500)
    assert "TASKAPI_HOME" in refused_start(home, under=BOUND_BY_RIGHTS)
    assert made(home) == set()


def test_a_log_below_a_file_is_refused(tmp_path: Path, home: Path) -> None:
    (tmp_path / "file").touch()
    line = refused_start(home, TASKAPI_LOG_FILE=str(tmp_path / "file" / "log"))
    assert "TASKAPI_LOG_FILE" in line
    assert made(home) == set()


@pytest.mark.parametrize("name", ["signing.pem", "secret"])
def test_a_key_that_others_can_read_is_refused(home: Path, name: str) -> None:
    (home / "keys").mkdir(parents=True, mode=0o700)
    key = home / "keys" / name
    key.write_text(SHARED_KEYS["TASKAPI_SIGNING_KEY" if name == "signing.pem" else "TASKAPI_SECRET_KEY"])
    key.chmod(0o640)
    line = refused_start(home)
    assert f"chmod 600 {key}" in line
    assert "taskapi.db" not in made(home)


def test_a_newer_schema_is_refused_and_stays_as_it_is(home: Path) -> None:
    home.mkdir()
    database = Database(load_settings(TASKAPI_HOME=home))
    schema.migrate(database)
    database.close()
    with sqlite3.connect(home / "taskapi.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    line = refused_start(home)
    assert "9999" in line
    assert "newer" in line
    with sqlite3.connect(home / "taskapi.db") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
    connection.close()


def test_a_second_process_on_a_home_is_told_the_number_of_the_first(home: Path) -> None:
    with running(home) as first:
        line = refused_start(home)
        assert f"({first.process.pid})" in line
        assert re.search(r"DATABASE_URL=postgresql:.*REDIS_URL", line)


def test_a_postgresql_that_does_not_answer_is_one_line_without_its_password(home: Path) -> None:
    url = f"postgresql://somebody:{PASSWORD}@127.0.0.1:{free_port()}/tasks"
    assert refused_start(home, DATABASE_URL=url).startswith("taskapi: DATABASE_URL: ")


def test_a_postgresql_that_refuses_the_password_does_not_have_it_shown(home: Path, postgres_url: str) -> None:
    url = postgres_url.replace("postgres@", f"nobody_here:{PASSWORD}@")
    assert refused_start(home, DATABASE_URL=url).startswith("taskapi: DATABASE_URL: ")


def test_a_database_file_in_a_missing_folder_is_refused(tmp_path: Path, home: Path) -> None:
    line = refused_start(home, DATABASE_URL=f"sqlite:///{tmp_path}/none/tasks.db")
    assert line.startswith("taskapi: DATABASE_URL: ")


def test_a_port_that_is_taken_is_one_line_and_nothing_is_made(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused_start(home, "--port", str(port))
    assert f"127.0.0.1:{port}" in line
    assert not home.exists()


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_an_address_that_is_not_ours_is_one_line_and_nothing_is_made(home: Path, host: str) -> None:
    assert host in refused_start(home, "--host", host)
    assert not home.exists()


def test_two_homes_never_share_a_port(tmp_path: Path, new_database: Callable[[], str]) -> None:
    """Linux would let two servers of one user share it, and hand each connection to either."""
    with running(tmp_path / "one") as first:
        line = refused_start(tmp_path / "two", "--port", str(first.port), DATABASE_URL=new_database())
        assert f":{first.port}" in line

"""What is done with PostgreSQL's programs: the right ones, and no password where others can read it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from taskapi import schema
from taskapi.backups.making import back_up
from taskapi.db import Database
from taskapi.errors import BadStart
from taskapi.settings import Settings, load_settings

SCRIPT = """#!/bin/sh
echo "$@" >> "$0.said"
[ "$1" = --version ] && echo "pg_dump (PostgreSQL) {version}" && exit 0
for word in "$@"; do
  file=$(echo "$word" | sed -n "s/.*passfile=\\([^ ]*\\).*/\\1/p")
  [ -n "$file" ] && cat "$file" >> "$0.password" && stat -c %a "$file" >> "$0.password"
done
echo "pg_dump: error: no more" >&2
exit 1
"""


@pytest.fixture
def settings(tmp_path: Path, new_database: Callable[[], str]) -> Settings:
    url = new_database().replace("postgres@", "postgres:s%3As%5Came@")
    settings = load_settings(TASKAPI_HOME=tmp_path / "home", DATABASE_URL=url)
    database = Database(settings)
    schema.migrate(database)
    database.close()
    return settings


def program(folder: Path, version: str) -> Path:
    path = folder / "pg_dump"
    path.write_text(SCRIPT.replace("{version}", version))
    path.chmod(0o755)
    return path


def refusal(settings: Settings, to: Path, programs: Path) -> str:
    with pytest.raises(BadStart) as refused:
        back_up(settings, to, False, programs, lambda _done, _pages: None)
    assert not list(to.parent.glob("*backup*"))
    return str(refused.value)


def test_a_missing_program_is_named_with_where_it_comes_from(settings: Settings, tmp_path: Path) -> None:
    said = refusal(settings, tmp_path / "backup", tmp_path)
    assert said.startswith(f"pg_dump is not in {tmp_path}; install ")


def test_one_that_is_older_than_the_server_is_refused(settings: Settings, tmp_path: Path) -> None:
    program(tmp_path, "9.6.24 (Debian)")
    said = refusal(settings, tmp_path / "backup", tmp_path)
    assert "is of PostgreSQL 9 and the server of" in said


def test_a_password_is_given_in_a_private_file_and_what_a_program_says_is_told(
    settings: Settings, tmp_path: Path
) -> None:
    path = program(tmp_path, "99.1")
    assert refusal(settings, tmp_path / "backup", tmp_path) == "pg_dump failed: pg_dump: error: no more"
    assert "ame" not in path.with_name("pg_dump.said").read_text().replace("dbname", "").replace("name", "")
    assert path.with_name("pg_dump.password").read_text() == "*:*:*:*:s\\:s\\\\ame\n600\n"

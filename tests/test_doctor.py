"""What the doctor finds in database, jobs, Redis and machine: each fault, planted, with its mend."""

import os
import resource
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import insert, make_url

from taskapi import doctor, examining, schema
from taskapi.backups.safety import PARKED_BY_RESTORE
from taskapi.clock import DAY, now
from taskapi.db import Database
from taskapi.epochs import Epoch
from taskapi.ids import new_id
from taskapi.jobs import OutboxRow
from taskapi.keys import new_secret_key, new_signing_key
from taskapi.settings import Settings, load_settings
from tests.chaos.instances import redis_server
from tests.servers import BOUND_BY_RIGHTS, clean_environment, command, free_port


@pytest.fixture
def on_sqlite(home: Path) -> Settings:
    home.mkdir()
    return migrated(load_settings(TASKAPI_HOME=home))


@pytest.fixture
def on_postgresql(home: Path, new_database: Callable[[], str]) -> Settings:
    return migrated(load_settings(TASKAPI_HOME=home, DATABASE_URL=new_database()))


def migrated(settings: Settings) -> Settings:
    with closing(Database(settings)) as database:
        schema.migrate(database)
    return settings


def plant(settings: Settings, model: Any, **values: Any) -> None:
    with closing(Database(settings)) as database, database.writer() as session:
        session.run(insert(model), values)


def faults(settings: Settings) -> list[str]:
    return [finding.what for finding in examining.database(settings) if not finding.ok]


def job(**changes: Any) -> dict[str, Any]:
    moment = now()
    blank = {"payload": "{}", "request_id": "r", "attempts": 0, "fence": 0}
    return {"id": new_id(), "kind": "tidy", "created_at": moment, "due_at": moment, **blank, **changes}


@pytest.mark.parametrize("engine", ["on_sqlite", "on_postgresql"])
def test_a_database_as_it_should_be_has_no_fault(engine: str, request: pytest.FixtureRequest) -> None:
    settings = request.getfixturevalue(engine)
    assert faults(settings) == []
    plant(settings, OutboxRow, **job())
    assert faults(settings) == []


@pytest.mark.parametrize("engine", ["on_sqlite", "on_postgresql"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"due_at": now() - DAY}, "a job has been waiting for 24 hours"),
        ({"parked_at": now(), "last_error": "refused"}, "1 jobs were given up"),
        ({"parked_at": now()}, "1 jobs were given up"),
        ({"parked_at": now(), "last_error": PARKED_BY_RESTORE}, None),
        ({"done_at": now(), "due_at": 0}, None),
    ],
)
def test_jobs_that_wait_or_were_given_up_are_found(
    engine: str, change: dict[str, Any], said: str | None, request: pytest.FixtureRequest
) -> None:
    settings = request.getfixturevalue(engine)
    plant(settings, OutboxRow, **job(**change))
    found = faults(settings)
    assert [what.startswith(said or "") for what in found] == ([] if said is None else [True])


@pytest.mark.parametrize("engine", ["on_sqlite", "on_postgresql"])
def test_a_clock_behind_the_database_is_found(engine: str, request: pytest.FixtureRequest) -> None:
    settings = request.getfixturevalue(engine)
    plant(settings, Epoch, key="s:x", value=(now() + DAY) * 1000)
    (found,) = faults(settings)
    assert found.startswith("the clock is 86")


def test_a_damaged_file_and_one_that_others_can_read_are_found(on_sqlite: Settings) -> None:
    file = on_sqlite.sqlite_file
    assert file is not None
    file.chmod(0o644)
    assert faults(on_sqlite) == [f"others can read {file}; run `chmod 600 {file}*`"]
    file.chmod(0o600)
    with closing(sqlite3.connect(file)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        where = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_tasks_due'"
        (root,) = connection.execute(where).fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as opened:
        opened.seek((root - 1) * size)
        opened.write(os.urandom(64))
    (found,) = faults(on_sqlite)
    assert "damaged" in found or "cannot be used" in found


def test_a_database_of_another_encoding_is_found(home: Path, postgres_url: str) -> None:
    name = f"latin_{new_id().replace('-', '')}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
    url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    (found,) = faults(migrated(load_settings(TASKAPI_HOME=home, DATABASE_URL=url)))
    assert "its encoding is SQL_ASCII; make the database with ENCODING 'UTF8'" in found


def test_a_role_without_rights_is_told_what_to_grant(on_postgresql: Settings) -> None:
    role = f"reader_{new_id().replace('-', '')}"
    owner = on_postgresql.url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
        connection.execute(f"REVOKE UPDATE ON audit, audit_chain FROM {role}")
        theirs = load_settings(
            TASKAPI_HOME=on_postgresql.home, DATABASE_URL=owner.replace("postgres@", f"{role}@")
        )
        assert faults(theirs) == []
        connection.execute(f"REVOKE DELETE ON tasks FROM {role}")
    (found,) = faults(theirs)
    assert f"run `GRANT DELETE ON tasks TO {role}`" in found


def test_more_connections_than_the_server_takes_are_found(on_postgresql: Settings) -> None:
    many = on_postgresql.model_copy(update={"pool_size": 5_000})
    (found,) = faults(many)
    assert found.startswith("TASKAPI_POOL_SIZE: up to 5020 connections")


def test_a_redis_that_does_not_answer_is_found(on_postgresql: Settings) -> None:
    assert list(examining.redis(on_postgresql)) == []
    (found,) = examining.redis(_with_redis(on_postgresql, f"redis://:sesame@127.0.0.1:{free_port()}/0"))
    assert not found.ok
    assert found.what.startswith("REDIS_URL: Redis does not answer")
    assert "sesame" not in found.what


def test_a_broker_that_throws_rings_away_is_found(on_postgresql: Settings) -> None:
    with redis_server() as cache, redis_server() as jobs, cache.client() as client:
        one = _with_redis(on_postgresql, cache.url)
        assert [finding.ok for finding in examining.redis(one)] == [True]
        client.config_set("maxmemory", "64mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
        answers, throws = examining.redis(one)
        assert answers.ok
        assert not throws.ok
        assert throws.what.startswith("REDIS_URL: it throws away")
        two = _with_redis(on_postgresql, cache.url, REDIS_JOBS_URL=jobs.url)
        assert [finding.ok for finding in examining.redis(two)] == [True, True]


def _with_redis(settings: Settings, redis_url: str, **others: str) -> Settings:
    keys = {"TASKAPI_SIGNING_KEY": new_signing_key(), "TASKAPI_SECRET_KEY": new_secret_key()}
    url = settings.url.replace("postgresql+psycopg", "postgresql")
    return load_settings(DATABASE_URL=url, REDIS_URL=redis_url, **keys, **others)


def test_too_few_open_files_are_found() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        assert "ulimit -n 8192" in examining.machine().what
        assert not examining.machine().ok
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert examining.machine().ok == (soft >= 1024)


def test_a_port_that_is_taken_is_found_where_one_is_asked_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    monkeypatch.setenv("TASKAPI_HOME", str(home))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        (found,) = (finding for finding in doctor.examine(("127.0.0.1", port)) if not finding.ok)
        assert found.what.startswith("--port: cannot listen on")
        assert all(finding.ok for finding in doctor.examine())
    assert all(finding.ok for finding in doctor.examine(("127.0.0.1", free_port())))


def test_a_log_that_cannot_be_written_is_found(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    found = command(
        "doctor",
        "--json",
        home=home,
        under=BOUND_BY_RIGHTS,
        TASKAPI_LOG_FILE=str(folder / "logs" / "app.log"),
    )
    assert found.returncode == 1
    assert f"TASKAPI_LOG_FILE: {folder} cannot be written" in found.stdout


def test_a_database_in_a_folder_that_is_not_there_is_found(home: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    found = command("doctor", home=home, DATABASE_URL=f"sqlite:///{nowhere}/taskapi.db")
    assert found.returncode == 1, found.stdout
    assert f"DATABASE_URL: no file can be made in {nowhere}" in found.stdout
    nowhere.mkdir()
    mended = command("doctor", home=home, DATABASE_URL=f"sqlite:///{nowhere}/taskapi.db")
    assert mended.returncode == 0, mended.stdout


def test_settings_of_the_terminal_client_are_not_strange(home: Path) -> None:
    found = command(
        "doctor", home=home, TASKAPI_URL="http://x", TASKAPI_TOKEN="tk_x", TASKAPI_ASSETS_URL="s3://x"
    )
    assert found.returncode == 0, found.stdout
    assert "tk_x" not in found.stdout


def test_in_production_a_role_without_time_outs_is_told_of(on_postgresql: Settings) -> None:
    in_production = on_postgresql.model_copy(update={"env": "production"})
    (fault,) = faults(in_production)
    assert "no idle_in_transaction_session_timeout and no lock_timeout and no statement_timeout" in fault
    assert "ALTER ROLE postgres SET idle_in_transaction_session_timeout = '10s'" in fault
    assert not faults(on_postgresql)
    name = str(make_url(on_postgresql.url).database)
    with psycopg.connect(on_postgresql.url.replace("+psycopg", ""), autocommit=True) as connection:
        for setting in ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"):
            connection.execute(f'ALTER DATABASE "{name}" SET {setting} = 1000'.encode())
    assert not faults(in_production)


def test_in_production_without_a_mail_host_nobody_gets_a_new_password(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKAPI_HOME", str(home))
    for env, count in (("production", 1), ("development", 0)):
        monkeypatch.setenv("TASKAPI_ENV", env)
        told = [finding for finding in doctor.examine() if finding.what.startswith("SMTP_URL: is not set")]
        assert (len(told), [finding for finding in told if finding.ok]) == (count, [])


def test_other_servers_are_asked_and_a_primary_is_no_replica(
    home: Path, new_database: Callable[[], str]
) -> None:
    url, away = new_database(), f"postgresql://postgres@127.0.0.1:{free_port()}/taskapi"
    settings = load_settings(
        TASKAPI_HOME=home,
        DATABASE_URL=url,
        DATABASE_DIRECT_URL=url,
        DATABASE_REPLICA_URLS=f"{url}, {away}",
    )
    direct, first, second = examining.other_servers(settings)
    assert (direct.ok, direct.what) == (True, "DATABASE_DIRECT_URL: PostgreSQL answers")
    assert not first.ok
    assert "is no standby and is not asked" in first.what
    assert not second.ok
    assert "does not answer" in second.what
    lost = load_settings(TASKAPI_HOME=home, DATABASE_URL=url, DATABASE_DIRECT_URL=away)
    assert [finding.ok for finding in examining.other_servers(lost)] == [False]


def test_of_settings_alone_no_server_is_asked(home: Path) -> None:
    nobody = {"DATABASE_URL": f"postgresql://x@127.0.0.1:{free_port()}/x"}
    well = command("doctor", "--settings", home=home, **nobody)
    assert (well.returncode, well.stdout) == (0, "ok   settings can be read\n")
    found = command("doctor", "--settings", home=home, TASKAPI_LIMITS="nonsense", **nobody)
    assert found.returncode == 1
    assert found.stdout.startswith("FAIL TASKAPI_LIMITS: ")
    assert command("doctor", home=home, **nobody).returncode == 1

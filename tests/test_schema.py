"""The migrations make exactly the tables of the models, on every engine there is, and can be undone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import ReflectedIndex

from taskapi import schema
from taskapi.db import Database
from taskapi.errors import BadStart
from taskapi.ids import new_id
from taskapi.settings import load_settings
from tests.servers import (
    Postgres,
    clean_environment,
    command,
    debian_programs,
    free_port,
    start_postgres,
)

# What a primary key may begin with; these two tables belong to the whole instance and have keys of their own.
OWNERS = {"scope_id", "user_id", "id"}
INSTANCE_WIDE = {"epochs": "key", "audit_chain": "sequence"}


@pytest.fixture(scope="module")
def debian_postgres() -> Iterator[Postgres]:
    """The oldest PostgreSQL that Debian's packages installed."""
    installed = debian_programs()
    if not installed:
        reason = "Debian's PostgreSQL is NOT TESTED here: `apt-get install postgresql` brings it"
        must = os.environ.get("CI") == "true" and os.geteuid() == 0
        (pytest.fail if must else pytest.skip)(reason)
    server = start_postgres(installed[0])
    yield server
    server.stop()


def fresh_database(server_url: str) -> str:
    name = f"schema_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server_url.rsplit("/", 1)[0] + f"/{name}"


@pytest.fixture(params=["sqlite", "postgresql", "debian"])
def empty(request: pytest.FixtureRequest, home: Path) -> Iterator[Database]:
    """A database without tables on SQLite, on the wheel's PostgreSQL and on Debian's."""
    home.mkdir()
    given: dict[str, object] = {"TASKAPI_HOME": home}
    if request.param == "postgresql":
        given["DATABASE_URL"] = fresh_database(request.getfixturevalue("postgres_url"))
    elif request.param == "debian":
        given["DATABASE_URL"] = fresh_database(request.getfixturevalue("debian_postgres").url())
    database = Database(load_settings(**given))
    yield database
    database.close()


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version"}


def differences(connection: Connection) -> list[object]:
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), schema.METADATA))


def test_up_down_and_up_again_end_at_the_tables_of_the_models(empty: Database) -> None:
    for _ in range(2):
        assert schema.migrate(empty) == schema.head()
        schema.require_served(empty)
        with empty.schema_connection() as connection:
            assert tables(connection) == set(schema.METADATA.tables)
            assert differences(connection) == []
        assert schema.migrate(empty, "base") == "base"
        with empty.schema_connection() as connection:
            assert tables(connection) == set()
        with pytest.raises(BadStart, match="older"):
            schema.require_served(empty)


def test_each_revision_is_reached_from_each_other(empty: Database) -> None:
    for revision in ("0002", "0003", "0001", "0003", "0002", "0001"):
        assert schema.migrate(empty, revision) == revision
    with pytest.raises(BadStart, match="--to"):
        schema.migrate(empty, "no such revision")


def test_migrating_what_is_current_changes_nothing(empty: Database) -> None:
    schema.migrate(empty)
    assert schema.migrate(empty) == schema.head()


def test_a_newer_schema_is_refused_by_migrating_and_by_serving(empty: Database) -> None:
    schema.migrate(empty)
    with empty.schema_connection() as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refused in (schema.migrate, schema.require_served):
        with pytest.raises(BadStart, match=r"9999.*newer"):
            refused(empty)
    with empty.schema_connection() as connection:
        assert tables(connection) == set(schema.METADATA.tables)


def test_each_migration_says_which_code_it_serves_and_none_serves_older_code_than_the_one_before() -> None:
    scripts = sorted(schema._scripts().walk_revisions(), key=lambda one: one.revision)
    since = [one.module.serves_code_from for one in scripts]
    assert since == sorted(since)
    assert all(served <= one.revision for served, one in zip(since, scripts, strict=True))


@pytest.mark.parametrize("serves", [True, False])
def test_a_newer_schema_is_good_enough_where_it_says_so(empty: Database, serves: bool) -> None:
    schema.migrate(empty)
    with empty.schema_connection() as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        if empty.is_sqlite:
            connection.exec_driver_sql(f"PRAGMA user_version = 9999{'0003' if serves else '9998'}")
        else:
            said = f"9999 serves code from {'0003' if serves else '9998'} on"
            connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS '{said}'")
    if not serves:
        with pytest.raises(BadStart, match=r"9999.*newer"):
            schema.require_served(empty)
        return
    schema.require_served(empty)
    assert schema.migrate(empty) == "9999"
    with pytest.raises(BadStart, match=r"9999.*newer"):
        schema.require_own(empty)
    with pytest.raises(BadStart, match=r"9999.*newer"):
        schema.migrate(empty, "0001")


def test_each_primary_key_begins_with_whose_the_row_is(empty: Database) -> None:
    schema.migrate(empty)
    with empty.schema_connection() as connection:
        inspector = inspect(connection)
        for name, table in schema.METADATA.tables.items():
            stored = inspector.get_pk_constraint(name)["constrained_columns"]
            assert stored == [column.name for column in table.primary_key]
            assert stored[0] in ({INSTANCE_WIDE[name]} if name in INSTANCE_WIDE else OWNERS)


def test_each_partial_index_has_the_condition_of_its_model(empty: Database) -> None:
    """What compare_metadata does not look at."""
    schema.migrate(empty)
    option = "sqlite_where" if empty.is_sqlite else "postgresql_where"
    dialect = "sqlite" if empty.is_sqlite else "postgresql"
    with empty.schema_connection() as connection:
        inspector = inspect(connection)
        for name, table in schema.METADATA.tables.items():
            stored = {index["name"]: _condition(index, option) for index in inspector.get_indexes(name)}
            wanted = {
                index.name: str(where)
                if (where := index.dialect_options[dialect].get("where")) is not None
                else None
                for index in table.indexes
            }
            assert stored == wanted


def _condition(index: ReflectedIndex, option: str) -> str | None:
    where = index.get("dialect_options", {}).get(option)
    # PostgreSQL writes parentheses around each part.
    return None if where is None else str(where).replace("(", "").replace(")", "")


USER_OF_BEFORE = """
    INSERT INTO users (id, email, email_key, password_hash, name, role, language, timezone, created_at,
                       updated_at, epoch, auth_epoch)
    VALUES (:user, :email, :email, '', :name, 'user', 'en', 'UTC', 0, 0, 0, 0)
"""
SESSION_OF_BEFORE = """
    INSERT INTO sessions (user_id, id, kind, generation, rotated_at, created_at, last_seen_at, expires_at,
                          address, user_agent)
    VALUES (:user, :session, 'ui', 0, 0, 0, 0, 0, '', '')
"""


def test_users_of_before_are_found_by_their_words_and_stay_logged_in(empty: Database) -> None:
    schema.migrate(empty, "0002")
    given = {"user": new_id(), "session": new_id(), "email": "Jo@x.test", "name": "José 山田太郎"}
    with empty.schema_connection() as connection, connection.begin():
        connection.execute(text(USER_OF_BEFORE), given)
        connection.execute(text(SESSION_OF_BEFORE), given)
    for _ in range(2):
        schema.migrate(empty)
        with empty.schema_connection() as connection:
            words = connection.exec_driver_sql("SELECT name_key, name_words, email_words FROM users").one()
            assert tuple(words) == ("josé 山田太郎", " jose 山田 田太 太郎 郎", " jo x test")
            assert connection.exec_driver_sql("SELECT count(*) FROM sessions").scalar() == 1
        schema.migrate(empty, "0002")


@pytest.mark.parametrize("empty", ["postgresql", "debian"], indirect=True)
def test_text_that_is_sorted_is_compared_by_code_point_on_postgresql(empty: Database) -> None:
    schema.migrate(empty)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call] # as it ships
    ordered = {
        (table.name, column.name)
        for table in schema.METADATA.tables.values()
        for column in table.columns
        if 'COLLATE "C"' in column.type.compile(dialect)
    }
    assert {("tasks", "title_key"), ("tasks", "position"), ("users", "email_key")} <= ordered
    with empty.schema_connection() as connection:
        found = connection.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns"
                " WHERE table_schema = 'public' AND collation_name = 'C'"
            )
        )
        assert {(row[0], row[1]) for row in found} == ordered


def test_commands_go_past_a_pooler_where_the_settings_say_how(postgres_url: str, home: Path) -> None:
    nowhere = f"postgresql://postgres@127.0.0.1:{free_port()}/nothing"
    direct = fresh_database(postgres_url)
    done = command("migrate", home=home, DATABASE_URL=nowhere, DATABASE_DIRECT_URL=direct)
    assert (done.returncode, done.stdout) == (0, f"The schema is at {schema.head()}.\n")


@pytest.mark.parametrize("server", ["postgres_url", "debian_postgres"])
def test_two_migrations_at_once_wait_for_each_other_and_both_end_well(
    server: str, home: Path, request: pytest.FixtureRequest
) -> None:
    given = request.getfixturevalue(server)
    url = fresh_database(given if isinstance(given, str) else given.url())
    with psycopg.connect(url, autocommit=True) as gate:
        gate.execute("SELECT pg_advisory_lock(%s)", [schema._ADVISORY_LOCK])
        running = [_start_migration(home, url) for _ in range(2)]
        # Both stand before the gate, or one has run through it.
        waiting: set[object] = set()
        while len(waiting) < 2:
            waiting |= _trying(gate)
            assert all(process.poll() is None for process in running), "a migration did not wait"
        gate.execute("SELECT pg_advisory_unlock(%s)", [schema._ADVISORY_LOCK])
        outputs = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()


def _start_migration(home: Path, url: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "taskapi", "migrate"],
        env=clean_environment(TASKAPI_HOME=str(home), DATABASE_URL=url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _trying(connection: "psycopg.Connection[tuple[object, ...]]") -> set[object]:
    """Who asks for the lock of migrations in this database at this moment."""
    rows = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND query LIKE '%pg_try_advisory%' AND pid <> pg_backend_pid()"
    )
    return {row[0] for row in rows}


def test_revisions_are_those_that_alembic_finds_one_after_the_other() -> None:
    scripts = list(schema._scripts().walk_revisions())
    assert schema._known() == {one.revision for one in scripts}
    assert schema.head() == schema._scripts().get_current_head()
    # By their numbers they are in order.
    assert [one.down_revision for one in scripts] == [*sorted(schema._known(), reverse=True)[1:], None]


def test_alembic_is_not_loaded_where_there_is_nothing_to_change(home: Path) -> None:
    asked = (
        "import sys; from taskapi import schema, server; from taskapi.settings import load_settings; "
        "server.prepare(load_settings()); print('alembic' in sys.modules)"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", asked],
            env=clean_environment(TASKAPI_HOME=str(home)),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()[-1]
        for _ in range(2)
    ]
    assert told == ["True", "False"]

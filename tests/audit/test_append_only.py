"""The audit can be added to and nothing else: by triggers, and on PostgreSQL by the rights of the service."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from taskapi import create_app, schema
from taskapi.audit_chain.service import link_all, verify
from taskapi.db import Database
from taskapi.errors import BadStart
from taskapi.ids import new_id
from taskapi.parts import Parts
from taskapi.settings import load_settings
from tests.audit.rows import plant_entries
from tests.people import PASSWORD, Api, make_person, new_address

CHANGES = [
    "UPDATE audit SET action = 'another'",
    "UPDATE audit SET action = 'another' WHERE id = :entry",
    "DELETE FROM audit",
    "UPDATE audit_chain SET digest = :digest",
    "DELETE FROM audit_chain WHERE sequence = 1",
]
ON_POSTGRESQL = ["TRUNCATE audit", "TRUNCATE audit_chain", "TRUNCATE audit, audit_chain CASCADE"]
ON_SQLITE = [
    "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE id = :entry",
    "UPDATE OR REPLACE audit SET at = 0",
    "INSERT OR REPLACE INTO audit_chain SELECT sequence, entry_id, :digest FROM audit_chain",
    "INSERT OR REPLACE INTO audit_chain SELECT 99, entry_id, :digest FROM audit_chain WHERE sequence = 1",
    "REPLACE INTO audit_chain VALUES (1, '0', :digest)",
]


def test_nothing_in_the_audit_is_changed_even_by_its_owner(parts: Parts) -> None:
    database = parts.database
    entry, *_ = plant_entries(database, 2)
    link_all(database)
    given = {"entry": entry, "digest": bytes(32)}
    for change in CHANGES + (ON_SQLITE if database.is_sqlite else ON_POSTGRESQL):
        with pytest.raises(DBAPIError, match="the audit is never changed"), database.writer() as session:
            session.run(text(change), {name: given[name] for name in given if f":{name}" in change})
    with database.reader() as session:
        assert verify(session).faults == []


@pytest.fixture
def owned(new_database: Callable[[], str], home: Path) -> tuple[Database, str]:
    """A migrated database of PostgreSQL, and a role that owns nothing."""
    database = Database(load_settings(TASKAPI_HOME=home, DATABASE_URL=new_database()))
    schema.migrate(database)
    role = f"App-{uuid4().hex}"
    with database.schema_connection() as connection, connection.begin():
        connection.execute(text(f'CREATE ROLE "{role}" LOGIN'))
    return database, role


def _url_as(role: str, database: Database) -> str:
    url = database._writing.url
    return f"postgresql://{role}@{url.host}:{url.port}/{url.database}"


def test_the_service_runs_as_a_role_that_can_only_add_to_the_audit(
    owned: tuple[Database, str], home: Path
) -> None:
    database, role = owned
    schema.grant(database, role)
    schema.grant(database, role)  # Again, as after each release.
    settings = load_settings(TASKAPI_HOME=home, TASKAPI_LIMITS="off", DATABASE_URL=_url_as(role, database))
    home.mkdir()
    app = create_app(settings)
    parts: Parts = app.extensions["taskapi"]
    # What `serve` does first: there is nothing to migrate, and it needs no more rights to see that.
    assert schema.migrate(parts.database) == schema.head()
    schema.require_served(parts.database)
    _use(app)
    link_all(parts.database)
    with parts.database.reader() as session:
        verdict = verify(session)
    assert verdict.head.sequence > 5
    assert verdict.faults == []
    parts.database.close()
    _refused_to(role, database)
    with database.reader() as session:
        assert verify(session, verdict.head).faults == []
    database.close()


def _use(app: Flask) -> None:
    """Something of everything that writes."""
    email = new_address()
    body = {"email": email, "password": PASSWORD}
    assert Api(app).post("/auth/register", body).status_code == 202
    assert Api(app).post("/auth/login", body).status_code == 200
    root, ann = make_person(app, role="admin"), make_person(app)
    task = ann.new_task()["id"]
    keyed = {"Idempotency-Key": "once"}
    assert ann.api.patch(f"/tasks/{task}", {"status": "done"}, headers=keyed).status_code == 200
    assert ann.api.delete(f"/tasks/{task}?permanent=true").status_code == 204
    assert root.api.patch(f"/admin/users/{ann.id}", {"disabled": True}).status_code == 200
    assert root.api.post(f"/admin/users/{ann.id}/logout").status_code == 204
    for path in ("audit", "stats", "jobs", "users"):
        assert root.api.get(f"/admin/{path}").status_code == 200


def _refused_to(role: str, database: Database) -> None:
    attempts = [
        "UPDATE audit SET action = 'another'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE audit_chain SET sequence = 0",
        "DELETE FROM audit_chain",
        "TRUNCATE audit_chain",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_is_append_only ON audit",
        "DROP TABLE audit",
        "ALTER TABLE audit OWNER TO CURRENT_USER",
        "ALTER FUNCTION refuse_to_change_the_audit() RENAME TO another",
        "CREATE RULE r AS ON INSERT TO audit DO INSTEAD NOTHING",
        "SET session_replication_role = replica",
        "UPDATE alembic_version SET version_num = '0001'",
    ]
    with psycopg.connect(_url_as(role, database), autocommit=True) as connection:
        for attempt in attempts:
            # PostgreSQL's own word, and not the trigger's: it is not even asked.
            with pytest.raises(
                psycopg.errors.InsufficientPrivilege, match=r"permission denied|must be owner"
            ):
                connection.execute(attempt.encode())


def test_a_release_that_has_to_migrate_tells_such_a_role_who_may(
    owned: tuple[Database, str], home: Path
) -> None:
    database, role = owned
    schema.grant(database, role)
    schema.migrate(database, "0002")
    least = Database(load_settings(TASKAPI_HOME=home, DATABASE_URL=_url_as(role, database)))
    with pytest.raises(BadStart, match="run `taskapi migrate --grant ROLE` as the owner"):
        schema.migrate(least)
    schema.migrate(database)
    assert schema.migrate(least) == schema.head()
    for one in (least, database):
        one.close()


def test_a_grant_takes_back_what_a_role_had_before(owned: tuple[Database, str]) -> None:
    database, role = owned
    with database.schema_connection() as connection, connection.begin():
        connection.execute(text(f'GRANT ALL ON ALL TABLES IN SCHEMA public TO "{role}"'))
    schema.grant(database, role)
    _refused_to(role, database)
    database.close()


def test_a_grant_that_would_keep_nothing_from_anybody_is_refused(
    owned: tuple[Database, str], parts: Parts, home: Path
) -> None:
    database, role = owned
    with pytest.raises(BadStart, match="owns the tables or is a superuser"):
        schema.grant(database, "postgres")
    with pytest.raises(BadStart, match="there is no role nobody-at-all"):
        schema.grant(database, "nobody-at-all")
    with database.schema_connection() as connection, connection.begin():
        connection.execute(text(f'GRANT postgres TO "{role}"'))
    with pytest.raises(BadStart, match="owns the tables or is a superuser"):
        schema.grant(database, role)
    database.close()
    on_sqlite = Database(load_settings(TASKAPI_HOME=home))
    with pytest.raises(BadStart, match="SQLite knows no roles"):
        schema.grant(on_sqlite, role)
    on_sqlite.close()


def test_a_role_named_to_break_out_of_its_quotes_is_only_a_name(owned: tuple[Database, str]) -> None:
    database, _ = owned
    name = f'x" SUPERUSER; DROP TABLE audit; -- {new_id()}'
    with database.schema_connection() as connection, connection.begin():
        quoted = connection.dialect.identifier_preparer.quote_identifier(name)
        connection.exec_driver_sql(f"CREATE ROLE {quoted} LOGIN")
    schema.grant(database, name)
    schema.require_served(database)
    database.close()

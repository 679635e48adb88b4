"""The schema of the database: brought up or down, and compared with what this release knows.

Alembic is loaded where something is to be changed: of each start it would be an eighth.
"""

import re
import time
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError, ProgrammingError

# Every module with a table has to be imported for METADATA to be whole.
import taskapi.accounts.models
import taskapi.audit.models
import taskapi.epochs
import taskapi.exports.models
import taskapi.idempotency
import taskapi.imports.models
import taskapi.jobs
import taskapi.notifications.models
import taskapi.personal_tokens.models
import taskapi.projects.models
import taskapi.sessions.models
import taskapi.tasks.models  # noqa: F401
from taskapi.columns import Base
from taskapi.db import Database, Session
from taskapi.errors import BadStart

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

METADATA = Base.metadata

# Any number, the same in every release: two migrations of one database wait for each other.
_ADVISORY_LOCK = 7_264_733_109
# How long a migration waits for a table at a time, and how often it tries: about a minute in all.
_LOCK_MILLISECONDS = 500
_LOCK_TRIES = 60
_LOCK_PAUSE_SECONDS = 0.5
_LOCK_NOT_AVAILABLE = "55P03"
_INSUFFICIENT_PRIVILEGE = "42501"

# How a schema says which releases can work on it: those whose own revision is the second one or a later one.
_SERVES = "{} serves code from {} on"
# SQLite keeps it as one number: both, one after the other.
_DIGITS = 4
_VERSION_TABLE = "alembic_version"
# The file of a migration, which begins with its revision.
_VERSIONS = "migrations/versions"
_MIGRATION = re.compile(r"(\d{4})_\w+\.py")

# What the service's own role may do with these, where that is less than with all other tables.
_LEAST_RIGHTS = {
    "audit": "SELECT, INSERT",
    "audit_chain": "SELECT, INSERT",
    "alembic_version": "SELECT",
}


def migrate(database: Database, revision: str = "head") -> str:
    """Bring the schema up (or down) to a revision; the revision it is at afterwards.

    A newer schema that serves this release is left as it is. Raises BadStart where it does not, there is no
    such revision, the role may not change tables, or one is in use for so long that it could not be changed.
    """
    with database.schema_connection() as connection:
        if (newer := _newer_or_refused(connection)) is not None:
            if revision != "head":
                raise BadStart(
                    f"--to: the schema ({newer}) is newer than this release; use the newer one's command"
                )
            return newer
        if revision == "head" and _revision(connection) == head():
            return head()
        connection.rollback()
        if database.is_sqlite:
            with connection.begin():
                return _brought_to(connection, revision)
        # One migration at a time has a database; a transaction of its own holds that, also behind a pooler.
        with database.schema_connection() as guard:
            _take_turn(guard)
            return _brought_to_patiently(connection, revision)


def _take_turn(guard: Connection) -> None:
    """Hold the lock of migrations until the connection is closed.

    Whoever waited for it inside a statement would have a snapshot, for which an index that is made beside
    others waits: so it is asked for again and again, and its own snapshot is ended by the statement after it.
    """
    while not guard.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK}):
        guard.rollback()
        time.sleep(_LOCK_PAUSE_SECONDS)
    guard.exec_driver_sql("SAVEPOINT held")


def _brought_to_patiently(connection: Connection, revision: str) -> str:
    """Each migration in a transaction of its own, which lets go where somebody has a table for long.

    Whoever waits for a table has all others wait behind it, readers too: so nobody waits for long, but often.
    """

    @event.listens_for(connection, "begin")
    def be_short(begun: Connection) -> None:
        # Of no effect where an index is made concurrently: that may wait, nobody waits behind it.
        begun.exec_driver_sql(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}")

    for _ in range(_LOCK_TRIES):
        try:
            return _brought_to(connection, revision)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            connection.rollback()
            time.sleep(_LOCK_PAUSE_SECONDS)
    raise BadStart(
        "DATABASE_URL: the schema could not be changed, because a transaction has held one of the tables for "
        "a minute; end it (pg_stat_activity shows it) and run `taskapi migrate` again"
    )


def _brought_to(connection: Connection, revision: str) -> str:
    from alembic import command  # noqa: PLC0415 - as said above
    from alembic.script.revision import RevisionError  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = _config()
    config.attributes["connection"] = connection
    current = _revision(connection)
    if connection.dialect.name == "postgresql":
        connection.rollback()
    try:
        if revision != "head" and _is_below(revision, current):
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)
    except (CommandError, RevisionError) as error:
        raise BadStart(f"--to: {error}") from None
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _INSUFFICIENT_PRIVILEGE:
            raise
        raise BadStart(
            "DATABASE_URL: the schema is older than this release, and this role may not change it;"
            " run `taskapi migrate --grant ROLE` as the owner of the tables"
        ) from None
    return _revision(connection) or "base"


def grant(database: Database, role: str) -> None:
    """Give a role of PostgreSQL what the service needs and no more: the audit it may read and add to.

    Raises BadStart on SQLite, and for a role that is not there or whom no right could be kept from.
    """
    if database.is_sqlite:
        raise BadStart("--grant: SQLite knows no roles; whoever can write the file can write all of it")
    with database.schema_connection() as connection, connection.begin():
        _require_little(connection, role)
        quoted = connection.dialect.identifier_preparer.quote_identifier
        name = quoted(role)
        space = quoted(str(connection.scalar(text("SELECT current_schema()"))))
        connection.execute(text(f"GRANT USAGE ON SCHEMA {space} TO {name}"))
        rights = dict.fromkeys(METADATA.tables, "SELECT, INSERT, UPDATE, DELETE") | _LEAST_RIGHTS
        for table, least in rights.items():
            connection.execute(text(f"REVOKE ALL ON {quoted(table)} FROM {name}"))
            connection.execute(text(f"GRANT {least} ON {quoted(table)} TO {name}"))


def require_served(database: Database) -> None:
    """Raises BadStart unless code of this release can work on the database's schema.

    That is its own, or a newer one that says so: while a new release is rolled out, the old one goes on.
    """
    # By a reader: it is asked at any time, also while somebody writes.
    with database.reader(patient=False) as session:
        if _newer_or_refused(session.connection) is None and _revision(session.connection) != head():
            raise BadStart("DATABASE_URL: the schema is older than this release; run `taskapi migrate`")


def require_own(database: Database) -> None:
    """Raises BadStart unless the database has exactly the schema of this release."""
    require_served(database)
    with database.reader(patient=False) as session:
        found = _revision(session.connection)
    if found != head():
        raise BadStart(
            f"DATABASE_URL: the schema ({found}) is newer than this release; do it with the newer one"
        )


def is_served(session: Session) -> bool:
    """Whether code of this release can work on the database's schema."""
    found = _revision(session.connection)
    return found == head() or _serves_newer(session.connection, found)


def mark(connection: Connection, revision: str | None) -> None:
    """Write down with a schema which releases it serves; each migration does, in its own transaction."""
    since = "0" if revision is None else _scripts().get_revision(revision).module.serves_code_from
    if connection.dialect.name == "postgresql":
        said = _SERVES.format(revision or "nothing", since)
        connection.exec_driver_sql(f"COMMENT ON TABLE {_VERSION_TABLE} IS '{said}'")
    else:
        connection.exec_driver_sql(f"PRAGMA user_version = {int(f'{revision or 0}{since:0>{_DIGITS}}')}")


@cache
def head() -> str:
    """The revision of this release."""
    return max(_known())


def is_known(revision: str) -> bool:
    """Whether this release can go from this revision to its own."""
    return revision in _known()


@cache
def _known() -> frozenset[str]:
    """The revisions this release knows how to go to and from."""
    found = map(_MIGRATION.fullmatch, (one.name for one in files("taskapi").joinpath(_VERSIONS).iterdir()))
    return frozenset(match[1] for match in found if match is not None)


@cache
def _scripts() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as said above

    return ScriptDirectory.from_config(_config())


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - as said above

    config = Config()
    config.set_main_option("script_location", str(files("taskapi").joinpath("migrations")))
    return config


def _revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, _VERSION_TABLE):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _newer_or_refused(connection: Connection) -> str | None:
    """The revision of a schema that is newer than this release and serves it; None for one it knows.

    Raises BadStart where it is newer and does not.
    """
    found = _revision(connection)
    if found is None or found in _known():
        return None
    if not _serves_newer(connection, found):
        raise BadStart(
            f"DATABASE_URL: the schema ({found}) is newer than this release knows ({head()}); "
            "start a release at least as new as the last one, or restore a backup"
        )
    return found


def _serves_newer(connection: Connection, found: str | None) -> bool:
    """Whether a schema that this release does not know says that it serves it."""
    if found is None or found in _known():
        return False
    if connection.dialect.name == "postgresql":
        said = connection.scalar(text(f"SELECT obj_description('{_VERSION_TABLE}'::regclass, 'pg_class')"))
    else:
        number = f"{connection.exec_driver_sql('PRAGMA user_version').scalar():0{2 * _DIGITS}}"
        said = _SERVES.format(number[:_DIGITS], number[_DIGITS:])
    since = re.fullmatch(_SERVES.format(found, r"(\d+)"), str(said))
    return since is not None and since[1] in _known()


def _require_little(connection: Connection, role: str) -> None:
    """Refuse a role that owns the tables, by itself or as a member, or that is asked for no rights."""
    found = connection.execute(
        text(
            "SELECT rolsuper OR pg_has_role(rolname, tableowner, 'MEMBER') FROM pg_roles, pg_tables"
            " WHERE rolname = :role AND tablename = 'audit' AND schemaname = current_schema()"
        ),
        {"role": role},
    ).scalar()
    if found is None:
        raise BadStart(f"--grant: there is no role {role}; make it: CREATE ROLE {role} LOGIN PASSWORD '…'")
    if found:
        raise BadStart(
            f"--grant: {role} owns the tables or is a superuser, so that nothing could be kept from it;"
            " name another role"
        )


def _is_below(revision: str, current: str | None) -> bool:
    # One comes after the other, by number.
    return revision == "base" or (current is not None and revision in _known() and revision < current)

"""The schema of the database: brought up or down, and compared with what this release knows."""

from functools import cache
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection, text

# Every module with a table has to be imported for METADATA to be whole.
import taskapi.accounts.models
import taskapi.audit.models
import taskapi.epochs
import taskapi.idempotency
import taskapi.jobs
import taskapi.notifications.models
import taskapi.projects.models
import taskapi.sessions.models
import taskapi.tasks.models  # noqa: F401
from taskapi.db import Base, Database
from taskapi.errors import BadStart

METADATA = Base.metadata

# Any number, the same in every release: two migrations of one database wait for each other.
_ADVISORY_LOCK = 7_264_733_109


def migrate(database: Database, revision: str = "head") -> str:
    """Bring the schema up (or down) to a revision; the revision it is at afterwards.

    Raises BadStart where the database is newer than this release, or there is no such revision.
    """
    with database.schema_connection() as connection:
        _known_or_refused(connection)
        connection.rollback()
        with connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            config = _config()
            config.attributes["connection"] = connection
            current = _revision(connection)
            try:
                if revision != "head" and _is_below(revision, current):
                    command.downgrade(config, revision)
                else:
                    command.upgrade(config, revision)
            except (CommandError, RevisionError) as error:
                raise BadStart(f"--to: {error}") from None
            return _revision(connection) or "base"


def require_current(database: Database) -> None:
    """Raises BadStart unless the database has exactly the schema of this release."""
    # By a reader: it is asked at any time, also while somebody writes.
    with database.reader(patient=False) as session:
        _known_or_refused(session.connection)
        if _revision(session.connection) != head():
            raise BadStart("DATABASE_URL: the schema is older than this release; run `taskapi migrate`")


@cache
def head() -> str:
    """The revision of this release."""
    return ScriptDirectory.from_config(_config()).get_current_head() or "base"


@cache
def _known() -> frozenset[str]:
    """The revisions this release knows how to go to and from."""
    return frozenset(one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("taskapi").joinpath("migrations")))
    return config


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _known_or_refused(connection: Connection) -> None:
    current = _revision(connection)
    if current is not None and current not in _known():
        raise BadStart(
            f"DATABASE_URL: the schema ({current}) is newer than this release knows ({head()}); "
            "start a release at least as new as the last one, or restore a backup"
        )


def _is_below(revision: str, current: str | None) -> bool:
    if revision == "base":
        return True
    older = ScriptDirectory.from_config(_config()).iterate_revisions(current, revision)
    return current is not None and current != revision and any(True for _ in older)

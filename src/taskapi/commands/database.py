"""The database that a command works on."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy.exc import SQLAlchemyError

from taskapi import schema
from taskapi.actors import Operator
from taskapi.db import Database, Session
from taskapi.errors import BadStart
from taskapi.settings import Settings, load_settings


def command_settings() -> Settings:
    """The settings, but for the first admin: `serve` makes it; here its password may come alone."""
    return past_a_pooler(load_settings(TASKAPI_ADMIN_EMAIL=None, TASKAPI_ADMIN_PASSWORD=None))


def past_a_pooler(settings: Settings) -> Settings:
    """Where the settings say how, commands go to PostgreSQL itself: they set time-outs for their session."""
    if settings.database_direct_url is None:
        return settings
    return settings.model_copy(update={"database_url": settings.database_direct_url})


@contextmanager
def connected(settings: Settings) -> Iterator[Database]:
    """A database, closed afterwards; where it cannot be used, one line says so. Raises BadStart."""
    database = Database(settings)
    try:
        yield database
    except SQLAlchemyError as error:
        raise unusable(error) from None
    finally:
        database.close()


def unusable(error: SQLAlchemyError) -> BadStart:
    reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
    return BadStart(f"DATABASE_URL: the database cannot be used ({reason})")


@contextmanager
def current(settings: Settings) -> Iterator[Database]:
    """A database that is there and has the schema of this release. Raises BadStart."""
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        raise BadStart(
            f"TASKAPI_HOME: there is no database at {settings.sqlite_file} yet; "
            "run `taskapi migrate`, or name the folder that the service has its files in"
        )
    with connected(settings) as database:
        schema.require_served(database)
        yield database


@contextmanager
def transaction() -> Iterator[Session]:
    """One transaction on a database that has the schema of this release."""
    with current(command_settings()) as database, database.writer() as session:
        yield session


@contextmanager
def reader() -> Iterator[Session]:
    """Reading such a database, without keeping anybody from writing."""
    with current(command_settings()) as database, database.reader() as session:
        yield session


def operator() -> Operator:
    """Whoever types this command, as what it does is remembered."""
    return Operator(request_id=f"cli-{uuid4().hex}")

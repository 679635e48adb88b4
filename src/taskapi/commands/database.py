"""The database that a command works on."""

from collections.abc import Iterator
from contextlib import contextmanager

from taskapi import schema
from taskapi.db import Database, Session
from taskapi.errors import BadStart
from taskapi.settings import load_settings


@contextmanager
def transaction() -> Iterator[Session]:
    """One transaction on a database that has the schema of this release."""
    # The first admin of the settings is for `serve` to make; here its password may come alone.
    settings = load_settings(TASKAPI_ADMIN_EMAIL=None, TASKAPI_ADMIN_PASSWORD=None)
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        raise BadStart(
            f"TASKAPI_HOME: there is no database at {settings.sqlite_file} yet; "
            "run `taskapi migrate`, or name the folder that the service has its files in"
        )
    database = Database(settings)
    try:
        schema.require_current(database)
        with database.writer() as session:
            yield session
    finally:
        database.close()

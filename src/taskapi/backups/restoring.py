"""Bringing a backup into an empty place, checked against its manifest and made safe before it can be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Connection, inspect, text

from taskapi import schema, server
from taskapi.audit.service import remember
from taskapi.backups import checksums, manifest, postgresql, sqlite
from taskapi.backups.making import KEYS
from taskapi.backups.manifest import Manifest
from taskapi.backups.safety import Safety, make_safe
from taskapi.db import Database
from taskapi.errors import BadStart
from taskapi.ids import new_id
from taskapi.settings import Settings

_SET_VERSION = text("INSERT INTO alembic_version (version_num) VALUES (:revision)")


@dataclass(frozen=True)
class Restored:
    manifest: Manifest
    safety: Safety
    # Where the schema is now, and which keys came along.
    schema_revision: str
    keys: list[str]


def restore(settings: Settings, source: Path, keep_tokens: bool, programs: Path | None) -> Restored:
    """Restore a backup where there is nothing yet. Raises BadStart, and then nothing is there still."""
    found = manifest.read(source)
    engine = "sqlite" if settings.is_sqlite else "postgresql"
    if found.engine != engine:
        raise BadStart(
            f"FROM: it is a backup of {found.engine} and DATABASE_URL names {engine}; set it to the same"
        )
    if not schema.is_known(found.schema_revision):
        raise BadStart(
            f"FROM: its schema ({found.schema_revision}) is newer than this release knows ({schema.head()}); "
            f"restore it with release {found.version} or a newer one"
        )
    server.make_home(settings)
    way = _in_sqlite if settings.is_sqlite else _in_postgresql
    with way(settings, source, found, programs) as database:
        with database.writer() as session:
            if not settings.is_sqlite:
                session.run(_SET_VERSION, {"revision": found.schema_revision})
            safety = make_safe(session, keep_tokens)
        revision = schema.migrate(database)
        with database.writer() as session:
            details = {"backup_of": found.made_at, "backup_rows": found.rows}
            remember(
                session, "instance.restored", actor_id=None, via="cli", request_id=new_id(), details=details
            )
        keys = _copied_keys(settings, source)
    return Restored(found, safety, revision, keys)


@contextmanager
def _in_sqlite(
    settings: Settings, source: Path, found: Manifest, _programs: Path | None
) -> Iterator[Database]:
    """The copy as a draft, which gets the database's name when all that is done to it is done."""
    target = settings.sqlite_file or Path()
    draft = target.with_name(f".{target.name}.restoring")
    # Whoever holds it is the only one to restore, and no server starts meanwhile.
    with server.lock_home(settings):
        if there := sqlite.files_of(target):
            raise BadStart(
                f"TASKAPI_HOME: {there[0]} exists, and is never overwritten; "
                "move the whole folder away, or name another by TASKAPI_HOME"
            )
        for left in sqlite.files_of(draft):
            left.unlink()
        try:
            sqlite.copy_in(source / sqlite.FILE, draft)
            with sqlite.opened(draft) as connection:
                _require_equal(connection, found)
            database = Database(settings.model_copy(update={"database_url": SecretStr(f"sqlite:///{draft}")}))
            try:
                yield database
            finally:
                database.close()
            sqlite.put_in_place(draft, target)
        finally:
            for left in sqlite.files_of(draft):
                left.unlink()


@contextmanager
def _in_postgresql(
    settings: Settings, source: Path, found: Manifest, programs: Path | None
) -> Iterator[Database]:
    """The database with everything but its schema's version, without which no service starts on it."""
    database = Database(settings)
    try:
        with database.schema_connection() as connection:
            if inspect(connection).get_table_names():
                raise BadStart(
                    "DATABASE_URL: the database has tables, and is never overwritten; "
                    "make an empty one (`createdb NAME`) and name that"
                )
        postgresql.load(settings.url, source / postgresql.FILE, programs)
        with database.schema_connection() as connection:
            _require_equal(connection, found)
        yield database
    finally:
        database.close()


def _require_equal(connection: Connection, found: Manifest) -> None:
    """Raises BadStart where a table is not as the manifest says; the version's is not there yet."""
    for name, known in found.tables.items():
        if name != postgresql.VERSION_TABLE and checksums.sum_of(connection, name, known.columns) != known:
            raise BadStart(f"FROM: the table {name} is not as it was backed up; take another backup")


def _copied_keys(settings: Settings, source: Path) -> list[str]:
    """The keys of the backup, where this place has none of its own."""
    target = settings.home / "keys"
    names = [name for name in KEYS if (source / "keys" / name).exists() and not (target / name).exists()]
    if names:
        target.mkdir(mode=0o700, exist_ok=True)
    for name in names:
        (target / name).touch(mode=0o600)
        (target / name).write_bytes((source / "keys" / name).read_bytes())
    return names

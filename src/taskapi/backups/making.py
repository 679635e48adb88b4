"""Making a backup: in a folder of its own, which gets its name when it is whole."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from taskapi import __version__
from taskapi.backups import checksums, manifest, postgresql, sqlite
from taskapi.backups.manifest import Manifest
from taskapi.clock import now, rfc3339
from taskapi.db import Database
from taskapi.errors import BadStart
from taskapi.settings import Settings

KEYS = ("signing.pem", "secret")


def back_up(
    settings: Settings, to: Path, with_keys: bool, programs: Path | None, tell: Callable[[int, int], None]
) -> Manifest:
    """Back up the database into a new folder. Raises BadStart where that cannot be."""
    with _whole_or_nothing(to) as folder:
        made_at = rfc3339(now()) or ""
        if settings.is_sqlite:
            name, (revision, tables) = sqlite.FILE, _from_sqlite(settings, folder, tell)
        else:
            name, (revision, tables) = postgresql.FILE, _from_postgresql(settings, folder, programs)
        names = [name, *(_copied_keys(settings, folder) if with_keys else ())]
        made = Manifest(
            version=__version__,
            engine="sqlite" if settings.is_sqlite else "postgresql",
            schema_revision=revision,
            made_at=made_at,
            files={one: manifest.file_of(folder / one) for one in names},
            tables=tables,
        )
        manifest.write(folder, made)
    return made


_Read = tuple[str, dict[str, checksums.TableSum]]


def _from_sqlite(settings: Settings, folder: Path, tell: Callable[[int, int], None]) -> _Read:
    source = settings.sqlite_file
    if source is None or not source.exists():
        raise BadStart(
            f"TASKAPI_HOME: there is no database at {source}; name the folder the service has its files in"
        )
    sqlite.copy_out(source, folder / sqlite.FILE, tell)
    with sqlite.opened(folder / sqlite.FILE) as connection:
        return _read(connection)


def _from_postgresql(settings: Settings, folder: Path, programs: Path | None) -> _Read:
    database = Database(settings)
    try:
        with database.schema_connection() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ")
            read = _read(connection)
            postgresql.dump(settings.url, connection, folder / postgresql.FILE, programs)
            return read
    finally:
        database.close()


def _read(connection: Connection) -> _Read:
    """The schema's revision and the checksums of the tables, in the transaction that begins here."""
    if not inspect(connection).has_table(postgresql.VERSION_TABLE):
        raise BadStart("DATABASE_URL: the database has no schema yet, so there is nothing to back up")
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(revision), checksums.tables_of(connection)


def _copied_keys(settings: Settings, folder: Path) -> list[str]:
    """The files of the keys that this instance made itself; those given by settings are kept elsewhere."""
    source = settings.home / "keys"
    names = [name for name in KEYS if (source / name).exists()]
    if names:
        (folder / "keys").mkdir(mode=0o700)
    for name in names:
        copied = folder / "keys" / name
        copied.touch(mode=0o600)
        copied.write_bytes((source / name).read_bytes())
    return [f"keys/{name}" for name in names]


@contextmanager
def _whole_or_nothing(to: Path) -> Iterator[Path]:
    """A private folder beside the wanted one, renamed to it at the end; gone where there is no end."""
    draft = to.with_name(f".{to.name}.{os.getpid()}")
    if to.exists():
        raise BadStart(f"TO: {to} exists already; name a folder that does not")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir(mode=0o700)
        try:
            yield draft
            _flush(draft)
            draft.rename(to)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise BadStart(f"TO: {to} cannot be written ({error.strerror})") from None


def _flush(folder: Path) -> None:
    """Have everything on the disk before it has its name."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

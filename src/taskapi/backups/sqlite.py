"""Backing up SQLite while others write, and bringing a backup back (sqlite.org/backup.html)."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine

from taskapi.errors import BadStart

FILE = "taskapi.db"
_PAGES = 4_096


def copy_out(source: Path, target: Path, tell: Callable[[int, int], None]) -> None:
    """The database of one moment, in one file; everything committed before is in it. Raises BadStart.

    The copy is made inside a reading transaction: so it is of one moment however long it takes, and in WAL
    mode nobody waits for it. `tell` is told how many pages are done, and of how many.
    """
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    reading = sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, isolation_level=None)
    writing = sqlite3.connect(target, isolation_level=None)
    try:
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
        reading.backup(writing, pages=_PAGES, progress=lambda _status, left, pages: tell(pages - left, pages))
        # Out of WAL mode, so that the file is all there is.
        writing.execute("PRAGMA journal_mode=DELETE")
        require_whole(writing, source)
    except sqlite3.Error as error:
        raise BadStart(f"{source} cannot be backed up ({error})") from None
    finally:
        reading.close()
        writing.close()


def require_whole(connection: sqlite3.Connection, named: Path) -> None:
    """Raises BadStart where SQLite finds the file damaged."""
    (found,) = connection.execute("PRAGMA integrity_check").fetchone()
    if found != "ok":
        raise BadStart(f"{named} is damaged: {found}")


@contextmanager
def opened(copy: Path) -> Iterator[Connection]:
    """A copy as it is: without the settings that the service makes in a file it opens."""
    engine = create_engine(f"sqlite:///{copy}")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def files_of(database: Path) -> list[Path]:
    """What belongs to a database and is there: the file and its journals."""
    found = (database.with_name(database.name + end) for end in ("", "-wal", "-shm", "-journal"))
    return [path for path in found if path.exists()]


def copy_in(backup: Path, draft: Path) -> None:
    """The backup's file as a draft beside the place it will have, checked. Raises BadStart."""
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, backup.open("rb") as source:
        shutil.copyfileobj(source, file, 1 << 20)
    connection = sqlite3.connect(draft)
    try:
        require_whole(connection, backup)
    except sqlite3.Error as error:
        raise BadStart(f"FROM: {backup} cannot be read ({error})") from None
    finally:
        connection.close()


def put_in_place(draft: Path, database: Path) -> None:
    """Give the finished draft its name; it is there whole or not at all."""
    connection = sqlite3.connect(draft, isolation_level=None)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    os.link(draft, database)
    draft.unlink()

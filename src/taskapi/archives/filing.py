"""What is put away: each past day of the audit, and rotated files of the log."""

import hashlib
import os
import re
import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import bindparam, func, select

from taskapi.archives.shelf import Archive, Shelf
from taskapi.audit.models import ENTRY, AuditEntry, AuditLink
from taskapi.clock import DAY, milliseconds_of_day, now
from taskapi.db import Database, Session
from taskapi.stores.files import CHUNK_BYTES

_PAGE = 2000
_FIRST_ID = "00000000-0000-0000-0000-000000000000"
_OLDEST = select(func.min(AuditEntry.at))
# With the links of the chain, by which an archive proves itself as the table does.
_DAY = (
    select(*ENTRY, AuditLink.sequence, AuditLink.digest)
    .outerjoin(AuditLink, AuditLink.entry_id == AuditEntry.id)
    .where(
        AuditEntry.at >= bindparam("since"),
        AuditEntry.at < bindparam("until"),
        AuditEntry.id > bindparam("after"),
    )
    .order_by(AuditEntry.id)
    .limit(_PAGE)
)
# A rotated log, or one that was set aside by a run that was killed.
_ROTATED = re.compile(r"\.(\d+|archiving-\d+)")


def file_audit(database: Database, shelf: Shelf, days: int) -> Iterator[Archive]:
    """Put away each whole day (UTC) of the audit that is older, and is not there yet.

    The entries stay in the table as well: nobody removes any, and the chain goes through them.
    """
    with database.reader() as reading:
        oldest = reading.value(_OLDEST)
    if oldest is None:
        return
    day, last = _day_of(oldest), _day_of(now() - days * DAY)
    known = {one.name for one in shelf.list("audit/")}
    while day < last:
        name = f"audit/{day:%Y/%m}/{day}.jsonl"
        if name not in known:
            with database.reader() as reading:
                lines = _lines(reading, day)
                first = next(lines, None)
                if first is not None:
                    yield shelf.put(name, _chained(first, lines))
        day += timedelta(days=1)


def file_logs(log_file: Path, shelf: Shelf, days: int) -> Iterator[Archive]:
    """Put away rotated files of the log that are older, and remove them here once they are safe there."""
    before = (now() - days * DAY) / 1000
    for found in sorted(log_file.parent.glob(f"{log_file.name}.*")):
        if not _ROTATED.fullmatch(found.name.removeprefix(log_file.name)) or found.stat().st_mtime >= before:
            continue
        # Set aside first: the next rotation would give its name to another file.
        aside = log_file.with_name(f"{log_file.name}.archiving-{found.stat().st_ino}")
        os.rename(found, aside)  # noqa: PTH104 - atomic, and never over another: the inode is its own
        yield shelf.put(_name_of_log(aside), _content(aside))
        aside.unlink()


def _lines(reading: Session, day: date) -> Iterator[bytes]:
    since, after = milliseconds_of_day(day), _FIRST_ID
    while page := reading.rows(_DAY, since=since, until=since + DAY, after=after):
        for row in page:
            yield orjson.dumps(_line(row), option=orjson.OPT_APPEND_NEWLINE)
        after = page[-1].id


def _line(row: Any) -> dict[str, Any]:
    digest = None if row.digest is None else bytes(row.digest).hex()
    return {**row._asdict(), "digest": digest}


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _day_of(moment: int) -> date:
    return datetime.fromtimestamp(moment / 1000, UTC).date()


def _name_of_log(path: Path) -> str:
    """By machine, by when it was last written, and by what is in it: so a second run makes no second one."""
    digest = hashlib.sha256()
    for part in _content(path):
        digest.update(part)
    last = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    host = re.sub(r"[^A-Za-z0-9._-]", "_", socket.gethostname())
    return f"logs/{host}/{last:%Y/%m}/{last:%Y-%m-%dT%H%M%SZ}-{digest.hexdigest()[:12]}.jsonl"


def _content(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(CHUNK_BYTES):
            yield part

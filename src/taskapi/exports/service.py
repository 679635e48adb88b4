"""Files of somebody's tasks: asked for, made in the background of one snapshot, fetched by a sealed link."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from taskapi.actors import Actor
from taskapi.clock import DAY, now, rfc3339
from taskapi.db import Session
from taskapi.errors import Conflict, NotFound
from taskapi.exports import queries
from taskapi.exports.schemas import NewExport, represented
from taskapi.formats.writing import PROJECT_FIELDS, WRITERS, Writer
from taskapi.ids import new_id
from taskapi.jobs import Interrupted, Job, enqueue, held
from taskapi.parts import Parts
from taskapi.stores import Missing, scratch_of
from taskapi.tasks.service import PRIORITIES

MAKE = "exports.make"
REMOVE = "exports.remove_file"
KEPT_MILLISECONDS = DAY
# So long it is remembered that there was one.
_REMEMBERED_MILLISECONDS = 30 * DAY
# Unfinished ones of a user at a time.
_MOST_OPEN = 3
_FOLDER = "exports/"
# How often it is told how far it is.
_TOLD_SECONDS = 1.0
_FIRST_ID = "00000000-0000-0000-0000-000000000000"


class TooManyExports(Conflict):
    def __init__(self) -> None:
        super().__init__(f"{_MOST_OPEN} of your exports are being made already. Wait for one of them.")


def ask(parts: Parts, session: Session, actor: Actor, wanted: NewExport) -> dict[str, Any]:
    """An export that is to be made. Raises TooManyExports."""
    if session.value(queries.OPEN, user=actor.user_id, since=now() - DAY) >= _MOST_OPEN:
        raise TooManyExports
    export_id = new_id()
    session.run(
        queries.CREATE,
        {
            "id": export_id,
            "user_id": actor.user_id,
            "scope_id": actor.scope_id,
            "format": wanted.format,
            "status": "waiting",
            "done": 0,
            "created_at": now(),
        },
    )
    enqueue(session, MAKE, {"export_id": export_id}, actor.request_id, actor.user_id)
    return _shown(parts, session.row(queries.ONE, export=export_id))


def newest(parts: Parts, session: Session, actor: Actor) -> list[dict[str, Any]]:
    return [_shown(parts, row) for row in session.rows(queries.NEWEST, user=actor.user_id)]


def get(parts: Parts, session: Session, actor: Actor, export_id: str) -> dict[str, Any]:
    """How an export is coming along. Raises NotFound."""
    return _shown(parts, _own(session, actor, export_id))


def delete(session: Session, actor: Actor, export_id: str) -> None:
    """Forget an export, and its file. Raises NotFound."""
    row = _own(session, actor, export_id)
    session.run(queries.DELETE, {"export": row.id, "user": actor.user_id})
    # Once nobody is told of it any more.
    enqueue(session, REMOVE, {"file": _name(row)}, actor.request_id)


def fetch(parts: Parts, reading: Session, export_id: str, token: str) -> tuple[Any, Iterator[bytes]]:
    """The row and the content of a file, for whoever has its link. Raises NotFound."""
    try:
        until = parts.downloads.open(token, export_id)
    except (ValueError, TypeError):
        raise NotFound from None
    row = reading.row(queries.ONE, export=export_id)
    if row is None or row.status != "done" or now() >= until:
        raise NotFound
    try:
        return row, parts.files.read(_name(row))
    except Missing:
        raise NotFound from None


def file_name(row: Any) -> str:
    """What a browser keeps it as: by the day it was made."""
    return f"taskapi-{(rfc3339(row.finished_at) or '')[:10]}.{row.format}"


def make(parts: Parts, session: Session, job: Job) -> None:
    """Write the file and keep it; that it is there is marked together with the job.

    Whoever does it again after a crash begins anew, from a snapshot of then, and takes the same name.
    """
    try:
        _make(parts, session, job)
    except Interrupted:
        raise
    except Exception:
        if job.is_last:
            with parts.database.writer() as telling:
                telling.run(queries.FAIL, {"export": job.payload["export_id"], "moment": now()})
        raise


def _make(parts: Parts, session: Session, job: Job) -> None:
    with parts.database.reader() as reading:
        row = reading.row(queries.ONE, export=job.payload["export_id"])
    if row is None or row.status == "done":
        return
    scratch = scratch_of(parts.settings.home)
    for left in scratch.glob(f"{row.id}.*"):
        left.unlink(missing_ok=True)
    path = scratch / f"{row.id}.{job.id}-{job.attempt}"
    try:
        written, digest = _written(parts, job, row, path)
        size = path.stat().st_size
        job.hold()
        with held(job):
            parts.files.put(_name(row), path)
    finally:
        path.unlink(missing_ok=True)
    moment = now()
    session.run(
        queries.FINISH,
        {
            "export": row.id,
            "written": written,
            "bytes": size,
            "digest": digest,
            "moment": moment,
            "until": moment + KEPT_MILLISECONDS,
        },
    )


def forget_old(parts: Parts) -> None:
    """Remove files whose time is over or whose owner is gone, and what is known of old exports."""
    with parts.database.writer() as session:
        session.run(queries.FORGET, {"before": now() - _REMEMBERED_MILLISECONDS})
    # One that is being put there has no row that says so yet: it is left alone for a day.
    found = [one for one in parts.files.list(_FOLDER) if one.modified < now() - KEPT_MILLISECONDS]
    ids = {one.name: one.name.removeprefix(_FOLDER).partition(".")[0] for one in found}
    with parts.database.reader() as reading:
        kept = {row.id for row in reading.rows(queries.KEPT, exports=list(ids.values()), moment=now())}
    for name, export_id in ids.items():
        if export_id not in kept:
            parts.files.remove(name)


def _written(parts: Parts, job: Job, row: Any, path: Path) -> tuple[int, str]:
    """Write all that is there at this moment; how many tasks, and the SHA-256 of the file."""
    writer, digest, written, told = WRITERS[row.format](), hashlib.sha256(), 0, 0.0
    with path.open("xb") as file, parts.database.snapshot() as snapshot:
        path.chmod(0o600)

        def write(part: bytes) -> None:
            digest.update(part)
            file.write(part)

        total = _total(snapshot, row.scope_id, writer)
        projects = snapshot.rows(queries.PROJECTS, scope=row.scope_id)
        write(writer.begin([{name: getattr(one, name) for name in PROJECT_FIELDS} for one in projects]))
        for page in _pages(snapshot, row.scope_id, writer):
            write(writer.tasks([_record(task) for task in page]))
            written += len(page)
            if time.monotonic() > told + _TOLD_SECONDS:
                _tell(parts, job, row.id, written, total)
                told = time.monotonic()
        write(writer.end())
    return written, digest.hexdigest()


def _tell(parts: Parts, job: Job, export_id: str, written: int, total: int) -> None:
    job.hold()
    with parts.database.writer() as telling:
        telling.run(queries.PROGRESS, {"export": export_id, "written": written, "all": total})


def _total(snapshot: Session, scope_id: str, writer: Writer) -> int:
    total = int(snapshot.value(queries.COUNT, scope=scope_id))
    return total + (int(snapshot.value(queries.COUNT_TRASH, scope=scope_id)) if writer.has_trash else 0)


def _pages(snapshot: Session, scope_id: str, writer: Writer) -> Iterator[Sequence[Any]]:
    """All tasks, by pages of which each begins after the last."""
    position, last = "", _FIRST_ID
    while page := snapshot.rows(queries.LIVE, scope=scope_id, after_position=position, after_id=last):
        yield page
        position, last = page[-1].position, page[-1].id
    trashed, last = 0, _FIRST_ID
    while writer.has_trash:
        page = snapshot.rows(queries.TRASH, scope=scope_id, after_trashed=trashed, after_id=last)
        if not page:
            return
        yield page
        trashed, last = page[-1].trashed_at, page[-1].id


def _record(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "description": row.description,
        "status": row.status,
        "priority": PRIORITIES[row.priority],
        "due_at": rfc3339(row.due_at),
        "due_on": row.due_on,
        "remind_at": rfc3339(row.remind_at),
        "labels": orjson.loads(row.labels),
        "project_id": row.project_id,
        "completed_at": rfc3339(row.completed_at),
        "trashed_at": rfc3339(row.trashed_at),
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
    }


def _own(session: Session, actor: Actor, export_id: str) -> Any:
    row = session.row(queries.ONE, export=export_id)
    if row is None or row.user_id != actor.user_id:
        raise NotFound
    return row


def _shown(parts: Parts, row: Any) -> dict[str, Any]:
    url = None
    if row.status == "done" and row.expires_at > now():
        token = parts.downloads.close(row.expires_at, row.id)
        url = f"/download/{row.id}?token={token}"
    return represented(row, url)


def _name(row: Any) -> str:
    return f"{_FOLDER}{row.id}.{row.format}"

"""Files whose tasks become somebody's: received at once, examined and taken over in the background.

A file is read twice. First all of it is examined, which is all that a dry run does; then its good tasks are
written in batches, each in a transaction with how far it is: so whoever goes on after a crash neither leaves
one out nor takes one twice.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from taskapi import epochs, positions
from taskapi.actors import Actor
from taskapi.clock import DAY, now
from taskapi.db import Session
from taskapi.errors import Conflict, Invalid, NotFound
from taskapi.formats.reading import found_in
from taskapi.formats.records import FoundProject, FoundTask, Unreadable
from taskapi.ids import new_id
from taskapi.imports import queries
from taskapi.imports.schemas import MOST_FAULTS, ImportQuery, represented
from taskapi.jobs import Interrupted, Job, enqueue, held
from taskapi.parsing import checked
from taskapi.parts import Parts
from taskapi.planting.tasks import GivenProject, GivenTask, Placed, plant
from taskapi.stores import Missing, scratch_of
from taskapi.uploads import Upload

RUN = "imports.run"
_FOLDER = "imports/"
_MOST_OPEN = 3
_MOST_PROJECTS = 500
_BATCH = 500
_HELD_SECONDS = 5.0
_REMEMBERED_MILLISECONDS = 30 * DAY
_LONGEST_TITLE = 80
# What the owner is told where we could not do it; the job's error says more to whoever runs the service.
_TROUBLE = "something went wrong on our side; what was taken over so far stays"


class TooManyImports(Conflict):
    def __init__(self) -> None:
        super().__init__(f"{_MOST_OPEN} of your imports are under way already. Wait for one of them.")


@dataclass
class _Examined:
    """What is in a file: how many tasks are good, what is wrong with others, and which projects they name."""

    total: int = 0
    failed: int = 0
    faults: list[dict[str, Any]] = field(default_factory=list)
    projects: dict[str, GivenProject] = field(default_factory=dict)


def receive(
    parts: Parts, session: Session, actor: Actor, wanted: ImportQuery, upload: Upload
) -> dict[str, Any]:
    """An import of a file that was sent. Raises TooManyImports."""
    import_id = new_id()
    parts.files.put(f"{_FOLDER}{import_id}", upload.path)
    if session.value(queries.OPEN, user=actor.user_id, since=now() - DAY) >= _MOST_OPEN:
        raise TooManyImports
    session.run(
        queries.CREATE,
        {
            "id": import_id,
            "user_id": actor.user_id,
            "scope_id": actor.scope_id,
            "format": wanted.format,
            "dry_run": wanted.dry_run,
            "status": "waiting",
            "done": 0,
            "failed": 0,
            "faults": "[]",
            "projects": 0,
            "project_ids": "{}",
            "created_at": now(),
        },
    )
    enqueue(session, RUN, {"import_id": import_id}, actor.request_id, actor.user_id)
    return represented(session.row(queries.ONE, one=import_id))


def newest(session: Session, actor: Actor) -> list[dict[str, Any]]:
    return [represented(row) for row in session.rows(queries.NEWEST, user=actor.user_id)]


def get(session: Session, actor: Actor, import_id: str) -> dict[str, Any]:
    """How an import is coming along. Raises NotFound."""
    row = session.row(queries.ONE, one=import_id)
    if row is None or row.user_id != actor.user_id:
        raise NotFound
    return represented(row)


def run(parts: Parts, session: Session, job: Job) -> None:
    """Examine the file and take its tasks over; that it is finished is marked together with the job."""
    with parts.database.reader() as reading:
        row = reading.row(queries.ONE, one=job.payload["import_id"])
    # One that was given up by a fault of ours may be tried again.
    if row is None or (row.finished_at is not None and row.error != _TROUBLE):
        return
    path = scratch_of(parts.settings.home) / f"{row.id}.{job.attempt}"
    error = None
    try:
        with held(job):
            _fetch(parts, row.id, path)
        _take_over(parts, job, row, path)
    except (Unreadable, Missing) as problem:
        error = str(problem) if isinstance(problem, Unreadable) else "The file is not there any more."
    except Interrupted:
        raise
    except Exception:
        if job.is_last:
            with parts.database.writer() as telling:
                telling.run(queries.FINISH, _finished(row.id, _TROUBLE))
        raise
    finally:
        path.unlink(missing_ok=True)
    session.run(queries.FINISH, _finished(row.id, error))


def _finished(import_id: str, error: str | None) -> dict[str, Any]:
    state = "done" if error is None else "failed"
    return {"one": import_id, "state": state, "why": error, "moment": now()}


def forget_old(parts: Parts) -> None:
    """Remove files that nobody needs any more, and what is known of old imports."""
    with parts.database.writer() as session:
        session.run(queries.FORGET, {"before": now() - _REMEMBERED_MILLISECONDS})
    # A file is there before the row that tells of it.
    found = [one for one in parts.files.list(_FOLDER) if one.modified < now() - DAY // 24]
    ids = {one.name: one.name.removeprefix(_FOLDER) for one in found}
    with parts.database.reader() as reading:
        needed = {row.id for row in reading.rows(queries.UNFINISHED, imports=list(ids.values()))}
    for name, import_id in ids.items():
        if import_id not in needed:
            parts.files.remove(name)


def _fetch(parts: Parts, import_id: str, path: Path) -> None:
    with path.open("wb") as file:
        path.chmod(0o600)
        for part in parts.files.read(f"{_FOLDER}{import_id}"):
            file.write(part)


def _take_over(parts: Parts, job: Job, row: Any, path: Path) -> None:
    """Raises Unreadable, also where only the end of the file is: then nothing of it was taken."""
    actor = Actor(row.user_id, "", "job", job.request_id)
    if row.total is None:
        examined = _Examined()
        for _ in _holding(job, _good(path, row.format, examined)):
            examined.total += 1
        with parts.database.writer() as session:
            _begin(session, actor, row, examined)
        with parts.database.reader() as reading:
            row = reading.row(queries.ONE, one=row.id)
    if row.dry_run:
        return
    ids = orjson.loads(row.project_ids)
    good = islice(_holding(job, _good(path, row.format, _Examined())), row.done, None)
    done = row.done
    for batch in _batches(good):
        with parts.database.writer() as session:
            epoch = epochs.move(session, epochs.scope_key(actor.scope_id))
            if not session.run(queries.TAKEN, {"one": row.id, "before": done, "after": done + len(batch)}):
                raise RuntimeError("another worker has gone on with this import")
            placed = [
                # The first of the file is the first of the list.
                Placed(
                    task, positions.top(row.first_epoch + row.total - done - number), _project_of(task, ids)
                )
                for number, task in enumerate(batch)
            ]
            before = session.value(queries.REMIND_BEFORE, user=actor.user_id)
            plant(session, actor, placed, epoch, before)
        done += len(batch)


def _batches(tasks: Iterator[GivenTask]) -> Iterator[list[GivenTask]]:
    while batch := list(islice(tasks, _BATCH)):
        yield batch


def _begin(session: Session, actor: Actor, row: Any, examined: _Examined) -> None:
    """Keep what was found, and for what is to be taken over set places aside and make its projects."""
    key = epochs.scope_key(actor.scope_id)
    # By this other writers wait: none takes the name of a project meanwhile.
    newest_epoch = epochs.move(session, key, by=examined.total + len(examined.projects) + 1)
    first = newest_epoch - examined.total
    known = {one.name.casefold(): one.id for one in session.rows(queries.PROJECTS, scope=actor.scope_id)}
    ids, made = {one: one for one in known.values()}, 0
    for number, (name, project) in enumerate(examined.projects.items(), 1):
        found = known.get(project.name.casefold())
        if found is None:
            made += 1
            found = new_id()
            if not row.dry_run:
                _make_project(session, actor, found, project, first - len(examined.projects) + number - 1)
        ids[name] = found
    session.run(
        queries.EXAMINED,
        {
            "one": row.id,
            "all": examined.total,
            "wrong": examined.failed,
            "told": orjson.dumps(examined.faults).decode(),
            "made": made,
            "ids": orjson.dumps(ids).decode(),
            "epoch": first,
        },
    )


def _make_project(session: Session, actor: Actor, project_id: str, project: GivenProject, epoch: int) -> None:
    moment = now()
    session.run(
        queries.CREATE_PROJECT,
        {
            "scope_id": actor.scope_id,
            "id": project_id,
            "name": project.name,
            "color": project.color,
            "archived": project.archived,
            "position": positions.bottom(epoch),
            "created_at": moment,
            "updated_at": moment,
            "version": 1,
            "epoch": epoch,
        },
    )


def _holding(job: Job, tasks: Iterator[GivenTask]) -> Iterator[GivenTask]:
    """The same, holding on to the job as long as it takes."""
    held = time.monotonic()
    for task in tasks:
        yield task
        if time.monotonic() > held + _HELD_SECONDS:
            job.hold()
            held = time.monotonic()


def _good(path: Path, form: str, examined: _Examined) -> Iterator[GivenTask]:
    """The tasks of a file that can be taken over; of the others it is noted what is wrong."""
    for found in found_in(path, form):
        try:
            if isinstance(found, FoundProject):
                examined.projects[found.key] = checked(GivenProject, found.fields)
                continue
            task = checked(GivenTask, found.fields)
            if task.project is not None and task.project not in examined.projects:
                examined.projects[task.project] = checked(GivenProject, {"name": task.project})
        except Invalid as refusal:
            _note(examined, found, refusal)
            continue
        if len(examined.projects) > _MOST_PROJECTS:
            raise Unreadable(f"it names more than {_MOST_PROJECTS} projects")
        yield task


def _note(examined: _Examined, found: FoundProject | FoundTask, refusal: Invalid) -> None:
    examined.failed += isinstance(found, FoundTask)
    if len(examined.faults) < MOST_FAULTS:
        said = "; ".join(f"{one['pointer'].lstrip('/')} {one['detail']}" for one in refusal.errors or ())
        title = found.fields.get("title" if isinstance(found, FoundTask) else "name", "")
        number = found.number if isinstance(found, FoundTask) else 0
        examined.faults.append(
            {"number": number, "title": str(title)[:_LONGEST_TITLE], "detail": said or refusal.detail}
        )


def _project_of(task: GivenTask, ids: dict[str, str]) -> str | None:
    """Where it belongs: by name, or by the id of a project of the file or of the owner's."""
    return ids.get(task.project or "") or ids.get(task.project_id or "")

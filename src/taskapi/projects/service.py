"""Keeping projects: lists of tasks that have a name, and what becomes of the tasks when one goes."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from taskapi import epochs, positions
from taskapi.actors import Actor
from taskapi.clock import now, rfc3339
from taskapi.cursors import opened, page_of
from taskapi.db import Session
from taskapi.epochs import scope_key
from taskapi.errors import Conflict, NotFound
from taskapi.etags import Match, etag_of
from taskapi.ids import new_id
from taskapi.projects import queries
from taskapi.projects.schemas import (
    NewProject,
    ProjectDelete,
    ProjectList,
    ProjectPatch,
    content_of,
    represented,
)
from taskapi.tasks.service import Shown, history_row, visible_to
from taskapi.tokens import Seal


class ProjectHoldsTasks(Conflict):
    def __init__(self, count: int) -> None:
        super().__init__(
            f"The project holds {count} task(s), live or trashed. Delete it with `?tasks=trash`, which puts"
            " them into the trash, or with `?tasks=inbox`, which keeps them without a project."
        )


def list_projects(
    session: Session, actor: Actor, cursors: Seal, wanted: ProjectList
) -> tuple[dict[str, Any], int]:
    """A page of the actor's projects by their places, and the epoch of the scope. Raises BadRequest."""
    binding = f"projects:{actor.user_id}:{wanted.archived}"
    parameters = visible_to(actor) | {"epoch_key": scope_key(actor.scope_id), "most": wanted.limit + 1}
    parameters["archived"] = [True, False] if wanted.archived is None else [wanted.archived]
    statement = queries.FIRST_PAGE
    if wanted.cursor is not None:
        parameters["after_position"], parameters["after_id"] = opened(cursors, wanted.cursor, binding)
        statement = queries.NEXT_PAGE
    page = page_of(session.rows(statement, **parameters), wanted.limit)
    last = cursors.close([page.rows[-1].position, page.rows[-1].id], binding) if page.has_more else None
    return {"items": [represented(row) for row in page.rows], "next_cursor": last}, page.under


def create(session: Session, actor: Actor, wanted: NewProject) -> Shown:
    """A new project, the last one."""
    epoch = epochs.move(session, scope_key(actor.scope_id))
    moment = now()
    values = wanted.model_dump() | {
        "scope_id": actor.scope_id,
        "id": new_id(),
        "position": positions.bottom(epoch),
        "created_at": moment,
        "updated_at": moment,
        "version": 1,
        "epoch": epoch,
    }
    session.run(queries.CREATE, values)
    return _shown(SimpleNamespace(**values, task_count=0))


def get(session: Session, actor: Actor, project_id: str) -> Shown:
    """A project and how many live tasks it has. Raises NotFound."""
    key = scope_key(actor.scope_id)
    row = session.row(queries.ONE, project=project_id, epoch_key=key, **visible_to(actor))
    if row is None or row.id is None:
        raise NotFound
    return Shown(represented(row), etag(row.id, row.epoch, row.task_count), {key: row.under})


def change(
    session: Session, actor: Actor, project_id: str, wanted: ProjectPatch, if_match: Match | None
) -> Shown:
    """A project with the sent fields changed; equal values change nothing. Raises NotFound, StaleMatch."""
    row = _locked(session, actor, project_id)
    if if_match is not None:
        if_match.admit(etag(row.id, row.epoch, row.task_count))
    before = content_of(row)
    after = before | wanted.model_dump(include=wanted.model_fields_set)
    if after == before:
        return _shown(row)
    new = after | {"epoch": epochs.move(session, scope_key(actor.scope_id)), "updated_at": now()}
    values = {f"new_{name}": value for name, value in new.items()}
    session.run(queries.CHANGE, values | {"project": project_id, **visible_to(actor)})
    # Read once more, since the epoch was moved: no task comes or goes now that the count does not know.
    return get(session, actor, project_id)


def delete(
    session: Session, actor: Actor, project_id: str, wanted: ProjectDelete, if_match: Match | None
) -> None:
    """Delete a project; its tasks go where it is said. Raises NotFound, StaleMatch, ProjectHoldsTasks."""
    row = _locked(session, actor, project_id)
    tasks = session.rows(queries.TASKS_LOCKED, project=project_id, **visible_to(actor))
    if if_match is not None:
        if_match.admit(etag(row.id, row.epoch, sum(task.trashed_at is None for task in tasks)))
    if tasks and wanted.tasks is None:
        raise ProjectHoldsTasks(len(tasks))
    newest = epochs.move(session, scope_key(actor.scope_id), by=max(len(tasks), 1))
    # Who writes now waits for our epoch and holds a row: one that came in just before must not be waited for.
    held = session.rows(queries.TASKS, project=project_id, **visible_to(actor))
    if {task.id for task in held} != {task.id for task in tasks}:
        raise Conflict("Tasks came into the project or left it at this moment. Look at it and try again.")
    if tasks:
        _take_out(session, actor, project_id, tasks, newest, to_trash=wanted.tasks == "trash")
    session.run(queries.DELETE, {"project": project_id, **visible_to(actor)})


def etag(project_id: str, epoch: int, task_count: int) -> str:
    """The tag of a project, whose tasks are counted without its row being changed."""
    return etag_of("project", project_id, epoch, task_count)


def _take_out(
    session: Session, actor: Actor, project_id: str, tasks: Sequence[Any], newest: int, to_trash: bool
) -> None:
    """Write locked tasks that lose their project: two statements, however many they are."""
    moment = now()
    updates, entries = [], []
    for epoch, task in enumerate(tasks, newest - len(tasks) + 1):
        changes: dict[str, tuple[Any, Any]] = {"project_id": (project_id, None)}
        trashed_at = task.trashed_at
        if to_trash and trashed_at is None:
            trashed_at = moment
            changes["trashed_at"] = (None, rfc3339(moment))
        updates.append(
            {
                "new_trashed_at": trashed_at,
                "new_epoch": epoch,
                "new_updated_at": moment,
                "task": task.id,
                **visible_to(actor),
            }
        )
        entries.append(history_row(actor, task.id, epoch, moment, changes))
    session.run(queries.TAKE_OUT, updates)
    session.run(queries.REMEMBER, entries)


def _locked(session: Session, actor: Actor, project_id: str) -> Any:
    row = session.row(queries.ONE_LOCKED, project=project_id, **visible_to(actor))
    if row is None:
        raise NotFound
    return row


def _shown(row: Any) -> Shown:
    return Shown(represented(row), etag(row.id, row.epoch, row.task_count))

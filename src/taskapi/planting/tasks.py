"""Rows of tasks as they come from a file, with the moments that they bring along."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict

from taskapi.actors import Actor
from taskapi.clock import milliseconds_of_instant, now
from taskapi.db import Session
from taskapi.ids import new_id
from taskapi.projects.schemas import NewProject
from taskapi.tasks import schemas
from taskapi.tasks.models import Task, TaskChange
from taskapi.tasks.queries import history_row


class GivenTask(schemas.WholeTask):
    """A task as a file may hold it; what else stands there is not looked at."""

    model_config = ConfigDict(extra="ignore")

    # What the file calls its project by: an id of the file's, or a name.
    project_id: str | None = None
    project: str | None = None
    completed_at: schemas.Instant | None = None
    trashed_at: schemas.Instant | None = None
    created_at: schemas.Instant | None = None
    updated_at: schemas.Instant | None = None


class GivenProject(NewProject):
    """A project as a file may hold it."""

    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True)
class Placed:
    """A given task with what it has here: its place and its project."""

    task: GivenTask
    position: str
    project_id: str | None


def plant(
    session: Session, actor: Actor, placed: Sequence[Placed], epoch: int, remind_before: int | None
) -> None:
    """Write tasks under an epoch that was moved for them. A moment that is not given is now."""
    moment = now()
    rows = [_row(actor, one, epoch, moment, remind_before) for one in placed]
    session.fill(Task, rows)
    session.fill(TaskChange, [_history(actor, row, moment) for row in rows])


def _row(actor: Actor, placed: Placed, epoch: int, moment: int, remind_before: int | None) -> dict[str, Any]:
    given = placed.task
    created_at = _moment(given.created_at, moment)
    updated_at = _moment(given.updated_at, created_at)
    completed_at = _moment(given.completed_at, updated_at)
    content = {name: getattr(given, name) for name in schemas.FIELDS} | {"project_id": placed.project_id}
    columns = schemas.columns_of(content, completed_at, updated_at)
    # As it is told, where that is the very first millisecond too.
    columns["completed_at"] = completed_at if given.status == "done" else None
    return columns | {
        "scope_id": actor.scope_id,
        "id": new_id(),
        "position": placed.position,
        "trashed_at": milliseconds_of_instant(given.trashed_at),
        "reminder_due_at": schemas.reminder_due(columns, remind_before, moment),
        "created_at": created_at,
        "updated_at": updated_at,
        "created_by": actor.user_id,
        "version": 1,
        "epoch": epoch,
    }


def _moment(given: str | None, otherwise: int) -> int:
    found = milliseconds_of_instant(given)
    return otherwise if found is None else found


def _history(actor: Actor, row: dict[str, Any], moment: int) -> dict[str, Any]:
    content = schemas.content_of(schemas.Row(**row))
    made = schemas.differences(schemas.DEFAULTS, content)
    changes = {name: (None, value) for name, (_, value) in made.items()}
    return history_row(actor, row["id"], row["epoch"], moment, changes)

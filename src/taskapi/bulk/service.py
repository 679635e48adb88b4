"""Many operations in one call: read in a few statements, worked out in memory, written in a few.

Each operation is answered as a call of its own would be, and sees what those before it did.
"""

from dataclasses import dataclass
from typing import Any

from taskapi import epochs
from taskapi.actors import Actor
from taskapi.bulk import queries
from taskapi.bulk.schemas import Bulk, BulkOperation, Named
from taskapi.clock import now
from taskapi.db import Session
from taskapi.errors import AppError, Invalid, NotFound, StaleMatch
from taskapi.etags import Match
from taskapi.parsing import checked, path_of
from taskapi.positions import Order
from taskapi.tasks.service import (
    PLACING,
    NewTask,
    NotTrashed,
    Row,
    TaskPatch,
    Work,
    admit,
    etag,
    merged,
    represented,
    visible_to,
)


@dataclass(frozen=True)
class Outcome:
    """What one operation is answered: a status with a task, with nothing, or with a refusal."""

    status: int
    task: dict[str, Any] | None = None
    refusal: AppError | None = None


@dataclass(frozen=True)
class _Step:
    """An operation that was understood."""

    op: str
    task_id: str
    if_match: Match | None
    # What is to be written; of a task that is trashed or restored, nothing.
    wanted: NewTask | TaskPatch


def perform(session: Session, actor: Actor, wanted: Bulk) -> list[Outcome]:
    """Do the operations in their order. Atomic ones raise the first refusal, and nothing is done."""
    understood = [_understood(operation) for operation in wanted.operations]
    desk = _Desk(session, actor, [step for step in understood if isinstance(step, _Step)])
    outcomes = []
    for index, step in enumerate(understood):
        outcome = Outcome(step.status, refusal=step) if isinstance(step, AppError) else desk.do(step)
        if outcome.refusal is not None:
            _locate(outcome.refusal, index)
            if wanted.atomic:
                raise desk.as_a_whole(outcome.refusal, index, step)
        outcomes.append(outcome)
    desk.write()
    return outcomes


def _understood(operation: BulkOperation) -> _Step | AppError:
    """What the call would have understood of path, body and header, or refused, in this order."""
    try:
        task_id = path_of(Named, {"id": operation.id}).id if operation.op != "create" else ""
        model: type[NewTask | TaskPatch] = NewTask if operation.op == "create" else TaskPatch
        wanted = checked(model, operation.data)
        given = operation.if_match if "if_match" in operation.model_fields_set else None
        return _Step(operation.op, task_id, Match.parse(given, "If-Match"), wanted)
    except AppError as refusal:
        return refusal


def _locate(refusal: AppError, index: int) -> None:
    """Make its pointers, which lead into the call's own body or header, lead into ours."""
    root = f"/operations/{index}"
    for fault in refusal.errors or ():
        at = fault["pointer"]
        fault["pointer"] = f"{root}/if_match" if at.startswith("header/") else f"{root}/data{at}"


class _Desk:
    """All that the operations need to know, read at once, and their changes, written at once."""

    def __init__(self, session: Session, actor: Actor, steps: list[_Step]) -> None:
        self._session = session
        scope = visible_to(actor)
        # All are locked before the epoch moves.
        named = list(dict.fromkeys(step.task_id for step in steps if step.task_id))
        locked = session.rows(queries.LOCKED, tasks=named, **scope) if named else ()
        self._rows = {row.id: Row(**row._asdict()) for row in locked}
        self._tags = {row.id: etag(row.id, row.epoch) for row in locked}
        # An epoch for each operation, so that each new task is above those before it; the first is for room.
        last = epochs.move(session, epochs.scope_key(actor.scope_id), by=len(steps) + 1)
        self._epochs = iter(range(last - len(steps) + 1, last + 1))
        wanted = list(dict.fromkeys(step.wanted.project_id for step in steps if step.wanted.project_id))
        found = session.rows(queries.PROJECTS, projects=wanted, **scope) if wanted else ()
        self._projects = {row.id for row in found}
        self._work = Work(session, actor, self._order(actor, steps, last - len(steps)))

    def do(self, step: _Step) -> Outcome:
        epoch = next(self._epochs)
        try:
            if isinstance(step.wanted, NewTask):
                return self._create(step.wanted, epoch)
            row = self._rows.get(step.task_id)
            if row is None or (row.trashed_at is not None and step.op != "restore"):
                raise NotFound
            admit(row, step.if_match)
            new = self._changed(row, step.op, step.wanted, epoch)
        except AppError as refusal:
            return Outcome(refusal.status, refusal=refusal)
        self._rows[row.id] = new
        return Outcome(204) if step.op == "delete" else Outcome(200, represented(new))

    def as_a_whole(self, refusal: AppError, index: int, step: _Step | AppError) -> AppError:
        """The refusal of all operations for one of them, which is named first."""
        first = {"pointer": f"/operations/{index}", "detail": refusal.detail}
        refusal.errors = [first, *(refusal.errors or ())]
        if isinstance(refusal, StaleMatch) and isinstance(step, _Step):
            # Not what the operations before it made of the task: that is undone.
            refusal.headers["ETag"] = self._tags[step.task_id]
        return refusal

    def write(self) -> None:
        self._work.write()

    def _order(self, actor: Actor, steps: list[_Step], epoch: int) -> Order:
        """Where the live tasks are, as far as an operation may need to know."""
        places = [step.wanted.position for step in steps if step.wanted.position]
        anchors = list(dict.fromkeys(place.anchor for place in places))
        held = list(self._rows.values())
        order = PLACING.order_with_room(self._session, actor.scope_id, anchors, held, epoch, len(places))
        for row in held:
            if row.trashed_at is not None:
                order.take(row.id)
        return order

    def _create(self, wanted: NewTask, epoch: int) -> Outcome:
        self._require_project(wanted.project_id)
        return Outcome(201, represented(self._work.create(wanted, epoch)))

    def _changed(self, row: Row, op: str, wanted: TaskPatch, epoch: int) -> Row:
        if op == "delete":
            return self._work.set_trashed(row, now(), epoch)
        if op == "restore":
            if row.trashed_at is None:
                raise NotTrashed
            return self._work.set_trashed(row, None, epoch)
        content = merged(row, wanted)
        if content["project_id"] != row.project_id:
            self._require_project(content["project_id"])
        return self._work.rewrite(row, content, wanted.position, epoch)

    def _require_project(self, project_id: str | None) -> None:
        if project_id is not None and project_id not in self._projects:
            raise Invalid.field("/project_id", "is not one of your projects")

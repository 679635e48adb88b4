"""Keeping tasks: what a person does with them, as plain functions of a session and an actor.

Every change is: lock the row, move the scope's epoch, work out the row with that epoch, write it and remember
what changed. What is worked out stays in memory (`Work`) until all of it is written at once.
"""

from functools import cached_property
from typing import Any

from sqlalchemy import Executable

from taskapi import epochs, idempotency, positions
from taskapi.actors import Actor
from taskapi.clock import now, rfc3339
from taskapi.db import Session
from taskapi.errors import Busy, Conflict, Invalid, NotFound
from taskapi.etags import Match, etag_of
from taskapi.ids import new_id
from taskapi.tasks import queries, schemas
from taskapi.tasks.queries import PLACING, history_row, visible_to
from taskapi.tasks.schemas import (
    PRIORITIES,
    Day,
    Instant,
    Label,
    NewTask,
    Place,
    Priority,
    Row,
    Shown,
    Status,
    TaskOut,
    TaskPatch,
    WholeTask,
    merged,
    reminder_due,
    represented,
)

# What other features use of this one.
__all__ = [
    "PLACING",
    "PRIORITIES",
    "Day",
    "Instant",
    "Label",
    "NewTask",
    "NotTrashed",
    "Priority",
    "Row",
    "Shown",
    "Status",
    "TaskOut",
    "TaskPatch",
    "Work",
    "admit",
    "change",
    "create",
    "delete",
    "etag",
    "get",
    "history_row",
    "merged",
    "reminder_due",
    "replace",
    "represented",
    "restore",
    "visible_to",
]


class NotTrashed(Conflict):
    def __init__(self) -> None:
        super().__init__("The task is not in the trash, so there is nothing to restore.")


def create(session: Session, actor: Actor, wanted: NewTask) -> Shown:
    """A new task, at the top unless it says where. Raises Invalid where its project or place is missing."""
    work, epoch = _begin(session, actor, [], wanted.position)
    _require_project(session, actor, wanted.project_id)
    row = work.create(wanted, epoch)
    work.write()
    return _shown(row)


def get(session: Session, actor: Actor, task_id: str) -> Shown:
    """A live task. Raises NotFound."""
    key = epochs.scope_key(actor.scope_id)
    row = session.row(queries.ONE, task=task_id, epoch_key=key, **visible_to(actor))
    if row is None or row.id is None:
        raise NotFound
    return Shown(represented(row), etag(row.id, row.epoch), {key: row.under})


def replace(session: Session, actor: Actor, task_id: str, wanted: WholeTask, if_match: Match | None) -> Shown:
    """A task as sent, missing fields at their defaults. Raises NotFound, StaleMatch, Invalid."""
    row = _locked(session, actor, queries.ONE_LOCKED, task_id, if_match)
    return _rewrite(session, actor, row, wanted.model_dump(), None)


def change(session: Session, actor: Actor, task_id: str, wanted: TaskPatch, if_match: Match | None) -> Shown:
    """A task with the sent fields changed. Raises NotFound, StaleMatch, Invalid."""
    row = _locked(session, actor, queries.ONE_LOCKED, task_id, if_match)
    return _rewrite(session, actor, row, merged(row, wanted), wanted.position)


def delete(session: Session, actor: Actor, task_id: str, if_match: Match | None, permanent: bool) -> None:
    """Put a task into the trash, or remove it for good, from there too. Raises NotFound, StaleMatch."""
    if not permanent:
        row = _locked(session, actor, queries.ONE_LOCKED, task_id, if_match)
        _set_trashed(session, actor, row, now())
        return
    _locked(session, actor, queries.ANY_LOCKED, task_id, if_match)
    epochs.move(session, epochs.scope_key(actor.scope_id))
    for statement in (queries.FORGET, queries.ERASE):
        session.run(statement, {"task": task_id, **visible_to(actor)})
    idempotency.purge(session, actor.user_id, task_id)


def restore(session: Session, actor: Actor, task_id: str) -> Shown:
    """Take a task out of the trash. Raises NotFound, and NotTrashed for a live one."""
    row = _locked(session, actor, queries.ANY_LOCKED, task_id, None)
    if row.trashed_at is None:
        raise NotTrashed
    return _set_trashed(session, actor, row, None)


def etag(task_id: str, epoch: int) -> str:
    """The tag of a task: it changes with the task alone, not with its neighbours in the scope."""
    return etag_of("task", task_id, epoch)


def admit(row: Row, if_match: Match | None) -> None:
    """Let a change pass where If-Match names the row's tag or was not sent. Raises StaleMatch."""
    if if_match is not None:
        if_match.admit(etag(row.id, row.epoch))


class Work:
    """Changes worked out in memory on rows that are locked, then written together, each statement once."""

    def __init__(self, session: Session, actor: Actor, order: positions.Order) -> None:
        self._session = session
        self._actor = actor
        self._order = order
        # The last state of each row, and which statements write it.
        self._rows: dict[str, Row] = {}
        self._created: set[str] = set()
        self._changed: set[str] = set()
        self._moved: set[str] = set()
        self._remembered: list[dict[str, Any]] = []

    def create(self, wanted: NewTask, epoch: int) -> Row:
        """A new task. Raises Invalid where its place does not exist."""
        content, task_id, moment = wanted.model_dump(exclude={"position"}), new_id(), now()
        place = self._place(task_id, wanted.position, epoch) or positions.top(epoch)
        self._order.put(task_id, place)
        self._created.add(task_id)
        columns = schemas.columns_of(content, None, moment)
        row = Row(
            **columns,
            reminder_due_at=self._reminder_due(columns, moment),
            scope_id=self._actor.scope_id,
            id=task_id,
            position=place,
            trashed_at=None,
            created_at=moment,
            updated_at=moment,
            created_by=self._actor.user_id,
            version=1,
            epoch=epoch,
        )
        differing = schemas.differences(schemas.DEFAULTS, content)
        return self._keep(row, {name: (None, value) for name, (_, value) in differing.items()})

    def rewrite(self, row: Row, content: dict[str, Any], position: Place | None, epoch: int) -> Row:
        """The row with this content and place; itself where both are equal. Raises Invalid."""
        changes, moment = schemas.differences(schemas.content_of(row), content), now()
        place = self._place(row.id, position, epoch) or row.position
        columns = schemas.columns_of(content, row.completed_at, moment) if changes else {}
        if not schemas.REMINDING.isdisjoint(changes):
            columns["reminder_due_at"] = self._reminder_due(columns, moment)
        # What is changed is written with its place.
        written_by = self._changed if changes else self._moved
        if place != row.position:
            changes["position"] = (row.position, place)
        if not changes:
            return row
        written_by.add(row.id)
        self._order.put(row.id, place)
        columns |= {"position": place, "epoch": epoch, "updated_at": moment, "version": row.version + 1}
        return self._keep(Row(**vars(row) | columns), changes)

    def set_trashed(self, row: Row, trashed_at: int | None, epoch: int) -> Row:
        """The row in the trash since a moment, or out of it."""
        if trashed_at is None:
            self._order.put(row.id, row.position)
        else:
            self._order.take(row.id)
        self._moved.add(row.id)
        columns = {"trashed_at": trashed_at, "epoch": epoch, "updated_at": now(), "version": row.version + 1}
        changes = {"trashed_at": (rfc3339(row.trashed_at), rfc3339(trashed_at))}
        return self._keep(Row(**vars(row) | columns), changes)

    def write(self) -> None:
        created, changed, moved = (
            [self._rows[one] for one in ids] for ids in (self._created, self._changed, self._moved)
        )
        scope, history = visible_to(self._actor), self._remembered
        is_one = self._session.dialect == "postgresql" and len(self._rows) == 1
        for statement, values in queries.writes(created, changed, moved, history, scope, is_one=is_one):
            self._session.run(statement, values)

    def _reminder_due(self, columns: dict[str, Any], moment: int) -> int | None:
        before = self._remind_before if schemas.needs_default(columns) else None
        return schemas.reminder_due(columns, before, moment)

    @cached_property
    def _remind_before(self) -> int | None:
        """The minutes before a task is due. Asked after the epoch was moved, by which it too is changed."""
        found: int | None = self._session.value(queries.REMIND_BEFORE, user=self._actor.user_id)
        return found

    def _place(self, task_id: str, position: Place | None, epoch: int) -> str | None:
        """The place beside another task; None where no other is wanted than it has."""
        if position is None:
            return None
        if position.anchor == task_id or position.anchor not in self._order:
            raise Invalid.field(f"/position/{position.side}", "is not another of your tasks")
        if task_id in self._order and self._order.is_beside(task_id, position.side, position.anchor):
            return None
        try:
            return self._order.place(position.side, position.anchor, epoch)
        except ValueError:
            raise Busy("Two tasks share this place while somebody changes one of them.") from None

    def _keep(self, row: Row, changes: dict[str, tuple[Any, Any]]) -> Row:
        """The row, kept to be written, and remembered what it changed in."""
        self._rows[row.id] = row
        self._remembered.append(history_row(self._actor, row.id, row.epoch, now(), changes))
        return row


def _begin(session: Session, actor: Actor, held: list[Row], position: Place | None) -> tuple[Work, int]:
    """Move the scope's epoch, by which its writers queue, and read what a place there needs to be known."""
    epoch = epochs.move(session, epochs.scope_key(actor.scope_id))
    anchors = [position.anchor] if position else []
    return Work(session, actor, PLACING.order_with_room(session, actor.scope_id, anchors, held, epoch)), epoch


def _rewrite(
    session: Session, actor: Actor, row: Row, content: dict[str, Any], position: Place | None
) -> Shown:
    """Write what differs. Writing equal values is no change: same version, same ETag, no history."""
    changes = schemas.differences(schemas.content_of(row), content)
    if not changes and (position is None or _is_there(session, actor, row, position)):
        return _shown(row)
    work, epoch = _begin(session, actor, [row], position)
    if "project_id" in changes:
        _require_project(session, actor, content["project_id"])
    new = work.rewrite(row, content, position, epoch)
    work.write()
    return _shown(new)


def _is_there(session: Session, actor: Actor, row: Row, position: Place) -> bool:
    order = PLACING.order_around(session, actor.scope_id, [position.anchor], [row])
    return position.anchor in order and order.is_beside(row.id, position.side, position.anchor)


def _set_trashed(session: Session, actor: Actor, row: Row, trashed_at: int | None) -> Shown:
    work, epoch = _begin(session, actor, [row], None)
    new = work.set_trashed(row, trashed_at, epoch)
    work.write()
    return _shown(new)


def _locked(
    session: Session, actor: Actor, statement: Executable, task_id: str, if_match: Match | None
) -> Row:
    found = session.row(statement, task=task_id, **visible_to(actor))
    if found is None:
        raise NotFound
    row = Row(**found._asdict())
    admit(row, if_match)
    return row


def _require_project(session: Session, actor: Actor, project_id: str | None) -> None:
    """Raises Invalid. Asked after the scope's epoch was moved: from then on no project can go."""
    if project_id is None:
        return
    if session.row(queries.PROJECT_EXISTS, project=project_id, **visible_to(actor)) is None:
        raise Invalid.field("/project_id", "is not one of your projects")


def _shown(row: Any) -> Shown:
    return Shown(represented(row), etag(row.id, row.epoch))

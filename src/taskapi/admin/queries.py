"""The statements of this feature, each built once for its shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute

from taskapi.accounts.models import User
from taskapi.epochs import with_epoch
from taskapi.jobs import OutboxRow
from taskapi.tasks.models import Task

Rows = Select[*tuple[Any, ...]]

# Some: whoever has more admins than that has no use for all of them.
ADMINS = select(User.id).where(User.role == "admin", User.disabled_at.is_(None)).limit(1000)

STANDING = select(User.role, User.disabled_at).where(User.id == bindparam("user_id"))

# What an answer shows, and the epoch its ETag is made of.
_USER = (
    User.id,
    User.email,
    User.name,
    User.role,
    User.disabled_at,
    User.email_verified_at,
    User.language,
    User.timezone,
    User.created_at,
    User.updated_at,
    User.delete_after,
    User.epoch,
)

USER = with_epoch(select(*_USER).where(User.id == bindparam("user_id")))

_KEYS: Mapping[str, InstrumentedAttribute[Any]] = {
    "created_at": User.created_at,
    "email": User.email_key,
    "name": User.name_key,
}


@dataclass(frozen=True)
class Shape:
    """All that makes two lists of users differ; the values are parameters."""

    sort: str
    role: bool
    disabled: bool | None
    words: int
    counted: bool
    continued: bool

    @property
    def key(self) -> InstrumentedAttribute[Any]:
        return _KEYS[self.sort.removeprefix("-")]

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")


@lru_cache(maxsize=64)
def users(shape: Shape) -> Rows:
    """A page of one row more than is shown; beside its columns `sort_key`, `under` and, if counted, `total`.

    Words are looked for in every row that the other conditions leave, along the index of the order: of
    100,000 users that takes some tens of milliseconds where hardly any matches, and is asked by admins alone.
    """
    conditions = _which(shape)
    if shape.continued:
        place = tuple_(shape.key, User.id)
        last = tuple_(bindparam("after_key", type_=shape.key.type), bindparam("after_id", type_=User.id.type))
        conditions.append(place < last if shape.descending else place > last)
    order = [column.desc() if shape.descending else column for column in (shape.key, User.id)]
    rows = select(*_USER, shape.key.label("sort_key")).where(and_(*conditions))
    names = ("-sort_key", "-id") if shape.descending else ("sort_key", "id")
    page = with_epoch(rows.order_by(*order).limit(bindparam("most")), *names)
    if not shape.counted:
        return page
    total = select(func.count()).select_from(User).where(and_(*_which(shape)))
    return page.add_columns(total.scalar_subquery().label("total"))


def _which(shape: Shape) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [true()]
    if shape.role:
        conditions.append(User.role == bindparam("role"))
    if shape.disabled is not None:
        conditions.append(User.disabled_at.is_not(None) if shape.disabled else User.disabled_at.is_(None))
    for number in range(shape.words):
        pattern: BindParameter[str] = bindparam(f"word_{number}")
        conditions.append(or_(User.name_words.like(pattern), User.email_words.like(pattern)))
    return conditions


# The state that a job is in at a moment.
_STATE = case(
    (OutboxRow.done_at.is_not(None), "done"),
    (OutboxRow.parked_at.is_not(None), "parked"),
    (OutboxRow.lease_until > bindparam("moment"), "running"),
    else_="waiting",
)
_IS_OPEN = and_(OutboxRow.done_at.is_(None), OutboxRow.parked_at.is_(None))
_IS_CLAIMED = and_(_IS_OPEN, OutboxRow.lease_until > bindparam("moment"))
_IS_FREE = and_(_IS_OPEN, or_(OutboxRow.lease_until.is_(None), OutboxRow.lease_until <= bindparam("moment")))
# In words that the partial indexes of the outbox know.
_IN_STATE = {
    "done": OutboxRow.done_at.is_not(None),
    "parked": and_(OutboxRow.parked_at.is_not(None), OutboxRow.done_at.is_(None)),
    "running": _IS_CLAIMED,
    "waiting": _IS_FREE,
}

# Never the payload: a mail's address may be in it.
_JOB = (
    OutboxRow.id,
    OutboxRow.kind,
    _STATE.label("state"),
    OutboxRow.attempts,
    OutboxRow.created_at,
    OutboxRow.due_at,
    OutboxRow.done_at,
    OutboxRow.parked_at,
    OutboxRow.last_error,
    OutboxRow.user_id,
    OutboxRow.request_id,
)

JOB = select(*_JOB).where(OutboxRow.id == bindparam("job_id"))
JOB_LOCKED = JOB.with_for_update()

RETRY = (
    update(OutboxRow)
    .where(OutboxRow.id == bindparam("job_id"))
    .values(due_at=bindparam("moment"), attempts=0, failures=0, parked_at=None, lease_until=None)
)


@lru_cache(maxsize=16)
def jobs(state: str | None, continued: bool) -> Rows:
    """A page of jobs, the newest first."""
    page = select(*_JOB).order_by(OutboxRow.id.desc()).limit(bindparam("most"))
    if state is not None:
        page = page.where(_IN_STATE[state])
    if continued:
        page = page.where(OutboxRow.id < bindparam("after_id", type_=OutboxRow.id.type))
    return page


def _counted(condition: ColumnElement[bool], name: str) -> ColumnElement[int]:
    return func.count().filter(condition).label(name)


USER_COUNTS = select(
    func.count().label("total"),
    _counted(User.role == "admin", "admins"),
    _counted(User.disabled_at.is_not(None), "disabled"),
    _counted(User.email_verified_at.is_(None), "unverified"),
    _counted(User.delete_after.is_not(None), "going"),
).select_from(User)

_TASK_STATE = case((Task.trashed_at.is_not(None), "trashed"), else_=Task.status)
TASK_COUNTS = select(_TASK_STATE.label("state"), func.count().label("number")).group_by(_TASK_STATE)

JOB_COUNTS = select(
    *(_counted(condition, name) for name, condition in _IN_STATE.items()),
    func.min(OutboxRow.due_at)
    .filter(and_(_IS_FREE, OutboxRow.due_at <= bindparam("moment")))
    .label("due_since"),
).select_from(OutboxRow)

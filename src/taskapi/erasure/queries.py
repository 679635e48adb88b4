"""The statements that erase an account, built once.

Those that look come first and are for a reader; what is found by them is removed by name, row by row in one
order, so that two processes at it wait for each other and do not deadlock.
"""

from sqlalchemy import BindParameter, bindparam, delete, select

from taskapi.accounts.models import User
from taskapi.exports.models import Export
from taskapi.idempotency import IdempotencyRecord
from taskapi.imports.models import Import
from taskapi.jobs import OutboxRow
from taskapi.notifications.models import NotificationSettings
from taskapi.personal_tokens.models import PersonalToken
from taskapi.projects.models import Project
from taskapi.sessions.models import LoginSession
from taskapi.tasks.models import Task, TaskChange

_THIS = User.id == bindparam("owner")
_IS_DUE = User.delete_after <= bindparam("moment")

NEXT_DUE = select(User.id).where(_IS_DUE).order_by(User.delete_after, User.id).limit(1)
DUE_LOCKED = select(User.id, User.email_key).where(_THIS, _IS_DUE).with_for_update()
ERASE_USER = delete(User).where(_THIS)

SESSIONS = (
    select(LoginSession.user_id.label("owner"), LoginSession.id.label("session_id"))
    .where(LoginSession.user_id == bindparam("owner"))
    .order_by(LoginSession.id)
    .limit(bindparam("most"))
)

# What goes along with the account, in its transaction. Jobs that were done are forgotten by themselves.
ALONG = (
    delete(PersonalToken).where(PersonalToken.user_id == bindparam("owner")),
    # Their files go with the next housekeeping, as nothing tells of them any more.
    delete(Export).where(Export.user_id == bindparam("owner")),
    delete(Import).where(Import.user_id == bindparam("owner")),
    delete(NotificationSettings).where(NotificationSettings.user_id == bindparam("owner")),
    delete(OutboxRow).where(
        OutboxRow.user_id == bindparam("owner"), OutboxRow.done_at.is_(None), OutboxRow.parked_at.is_(None)
    ),
    delete(OutboxRow).where(OutboxRow.user_id == bindparam("owner"), OutboxRow.parked_at.is_not(None)),
)

# Mails that were asked for by address alone, open and parked: each condition is in the words of an index.
_ASKED_FOR = (OutboxRow.user_id.is_(None), OutboxRow.payload == bindparam("payload"))
ADDRESSED = (
    delete(OutboxRow).where(*_ASKED_FOR, OutboxRow.done_at.is_(None), OutboxRow.parked_at.is_(None)),
    delete(OutboxRow).where(*_ASKED_FOR, OutboxRow.parked_at.is_not(None)),
)

_OWNER: BindParameter[str] = bindparam("owner")
_MOST: BindParameter[int] = bindparam("most")

# What is left behind by an account: how a batch of it is found, and how one of that is removed. Tasks come
# before projects, which they name.
LEFT_BEHIND = (
    (
        select(
            TaskChange.scope_id.label("owner"),
            TaskChange.task_id.label("task"),
            TaskChange.epoch.label("change_epoch"),
            TaskChange.id.label("change"),
        )
        .where(TaskChange.scope_id == _OWNER)
        .order_by(TaskChange.task_id, TaskChange.epoch, TaskChange.id)
        .limit(_MOST),
        delete(TaskChange).where(
            TaskChange.scope_id == bindparam("owner"),
            TaskChange.task_id == bindparam("task"),
            TaskChange.epoch == bindparam("change_epoch"),
            TaskChange.id == bindparam("change"),
        ),
    ),
    (
        select(Task.scope_id.label("owner"), Task.id.label("task"))
        .where(Task.scope_id == _OWNER)
        .order_by(Task.id)
        .limit(_MOST),
        delete(Task).where(Task.scope_id == bindparam("owner"), Task.id == bindparam("task")),
    ),
    (
        select(Project.scope_id.label("owner"), Project.id.label("project"))
        .where(Project.scope_id == _OWNER)
        .order_by(Project.id)
        .limit(_MOST),
        delete(Project).where(Project.scope_id == bindparam("owner"), Project.id == bindparam("project")),
    ),
    (
        select(IdempotencyRecord.user_id.label("owner"), IdempotencyRecord.key.label("name"))
        .where(IdempotencyRecord.user_id == _OWNER)
        .order_by(IdempotencyRecord.key)
        .limit(_MOST),
        delete(IdempotencyRecord).where(
            IdempotencyRecord.user_id == bindparam("owner"), IdempotencyRecord.key == bindparam("name")
        ),
    ),
)

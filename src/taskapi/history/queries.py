"""The statements that read the history of a task, built once."""

from sqlalchemy import bindparam, select, tuple_

from taskapi.epochs import with_epoch
from taskapi.tasks.models import TaskChange

_CHANGES = (
    select(
        TaskChange.epoch,
        TaskChange.id,
        TaskChange.at,
        TaskChange.actor_id,
        TaskChange.via,
        TaskChange.request_id,
        TaskChange.changes,
    )
    .where(TaskChange.scope_id == bindparam("scope"), TaskChange.task_id == bindparam("task"))
    .order_by(TaskChange.epoch.desc(), TaskChange.id.desc())
    .limit(bindparam("most"))
)
_BEFORE = tuple_(TaskChange.epoch, TaskChange.id) < tuple_(
    bindparam("after_epoch", type_=TaskChange.epoch.type), bindparam("after_id", type_=TaskChange.id.type)
)

FIRST_CHANGES = with_epoch(_CHANGES, "-epoch", "-id")
NEXT_CHANGES = with_epoch(_CHANGES.where(_BEFORE), "-epoch", "-id")

"""The statements over the labels of tasks, built once. Every one of them names the scope."""

from sqlalchemy import bindparam, func, insert, select, update

from taskapi.epochs import with_epoch
from taskapi.tasks.models import Task, TaskChange

_IN_SCOPE = Task.scope_id == bindparam("scope")

# Each list of labels that live tasks have, and how many have exactly this one.
USED = with_epoch(
    select(Task.labels, func.count().label("tasks"))
    .where(_IN_SCOPE, Task.trashed_at.is_(None), Task.labels != "[]")
    .group_by(Task.labels)
)

LABELLED_LOCKED = (
    select(Task.id, Task.title, Task.description, Task.labels)
    .where(_IN_SCOPE, Task.label_keys.like(bindparam("pattern"), escape="\\"))
    .order_by(Task.id)
    .with_for_update()
)

RELABEL = (
    update(Task)
    .where(_IN_SCOPE, Task.id == bindparam("task"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in ("labels", "label_keys", "search_text", "epoch", "updated_at")
        }
        | {"version": Task.version + 1}
    )
)

REMEMBER = insert(TaskChange)

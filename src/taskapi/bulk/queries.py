"""The statements that read for many operations at once, built once. Every one of them names the scope."""

from sqlalchemy import bindparam, select

from taskapi.projects.models import Project
from taskapi.tasks.models import SHOWN, Task

# Locked in the order of their ids, so that two of these cannot wait for each other.
LOCKED = (
    select(*SHOWN)
    .where(Task.scope_id == bindparam("scope"), Task.id.in_(bindparam("tasks", expanding=True)))
    .order_by(Task.id)
    .with_for_update()
)
PROJECTS = select(Project.id).where(
    Project.scope_id == bindparam("scope"), Project.id.in_(bindparam("projects", expanding=True))
)

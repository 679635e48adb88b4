from pydantic import BaseModel

from taskapi.parsing import Limit, Query
from taskapi.tasks.service import TaskOut


class TaskList(Query):
    limit: Limit = 50
    cursor: str | None = None


class TaskPage(BaseModel):
    items: list[TaskOut]
    next_cursor: str | None

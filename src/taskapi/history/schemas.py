from typing import Any, Literal

from pydantic import BaseModel

from taskapi.parsing import Limit, Path, Query, UuidText


class HistoryPath(Path):
    task_id: UuidText


class HistoryList(Query):
    limit: Limit = 50
    cursor: str | None = None


class FieldChange(BaseModel):
    field: str
    before: Any
    after: Any


class TaskChangeOut(BaseModel):
    at: str
    actor_id: str
    via: Literal["ui", "api", "cli", "job"]
    request_id: str
    changes: list[FieldChange]


class TaskHistory(BaseModel):
    items: list[TaskChangeOut]
    next_cursor: str | None

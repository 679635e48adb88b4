import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from taskapi.clock import milliseconds, rfc3339
from taskapi.parsing import Body, Line, Path, Prose, UuidText
from taskapi.text import label_key

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:[0-5]\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

# In the order of their ranks.
PRIORITIES = ("none", "low", "medium", "high", "urgent")


def _instant(value: str) -> str:
    """An instant as we answer it: RFC 3339 in UTC, cut to milliseconds."""
    try:
        instant = datetime.fromisoformat(value.upper() if _RFC3339.fullmatch(value) else "")
        return rfc3339(milliseconds(instant.astimezone(UTC))) or ""
    except (ValueError, OverflowError):
        raise ValueError("must be an instant like 2026-01-31T09:00:00Z") from None


def _day(value: str) -> str:
    try:
        return date.fromisoformat(value if _DATE.fullmatch(value) else "").isoformat()
    except ValueError:
        raise ValueError("must be a date like 2026-01-31") from None


def _distinct(labels: list[str]) -> list[str]:
    if len({label_key(label) for label in labels}) < len(labels):
        raise ValueError("must differ from each other in more than case")
    return labels


def _empty_for_null(value: Any) -> Any:
    return "" if value is None else value


Title = Annotated[Line, Field(min_length=1, max_length=200)]
Description = Annotated[Prose, Field(max_length=20_000), BeforeValidator(_empty_for_null)]
Status = Literal["todo", "in_progress", "done"]
Priority = Literal["none", "low", "medium", "high", "urgent"]
Instant = Annotated[str, AfterValidator(_instant)]
Day = Annotated[str, AfterValidator(_day)]
Label = Annotated[Line, Field(min_length=1, max_length=40)]
Labels = Annotated[list[Label], Field(max_length=20), AfterValidator(_distinct)]


class TaskContent(Body):
    """What a client may write of a task; each field has its default."""

    title: Title
    description: Description = ""
    status: Status = "todo"
    priority: Priority = "none"
    due_at: Instant | None = None
    due_on: Day | None = None
    labels: Labels = Field(default_factory=list)
    project_id: UuidText | None = None

    @model_validator(mode="after")
    def _due_once(self) -> Self:
        if self.due_at is not None and self.due_on is not None:
            raise ValueError("a task is due at an instant or on a date, not both")
        return self


class NewTask(TaskContent):
    """POST and PUT: a missing field has its default."""


class TaskPatch(TaskContent):
    """PATCH (RFC 7396): an absent field stays, null clears one that can be cleared."""

    title: Title = ""


class TaskPath(Path):
    task_id: UuidText


class TaskOut(BaseModel):
    id: str
    title: str
    description: str
    status: str
    priority: str
    due_at: str | None
    due_on: str | None
    labels: list[str]
    project_id: str | None
    position: str
    completed_at: str | None
    trashed_at: str | None
    created_at: str
    updated_at: str
    version: int


def content_of(row: Any) -> dict[str, Any]:
    """The writable fields of a row, as a client would send them."""
    return {
        "title": row.title,
        "description": row.description,
        "status": row.status,
        "priority": PRIORITIES[row.priority],
        "due_at": rfc3339(row.due_at),
        "due_on": row.due_on,
        "labels": orjson.loads(row.labels),
        "project_id": row.project_id,
    }


def represented(row: Any) -> dict[str, Any]:
    """A row as it is answered: TaskOut, without the cost of a model."""
    return {
        "id": row.id,
        "title": row.title,
        "description": row.description,
        "status": row.status,
        "priority": PRIORITIES[row.priority],
        "due_at": rfc3339(row.due_at),
        "due_on": row.due_on,
        "labels": orjson.Fragment(row.labels),
        "project_id": row.project_id,
        "position": row.position,
        "completed_at": rfc3339(row.completed_at),
        "trashed_at": rfc3339(row.trashed_at),
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
        "version": row.version,
    }

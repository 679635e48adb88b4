import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from taskapi.clock import DAY, MINUTE, milliseconds, milliseconds_of_day, milliseconds_of_instant, rfc3339
from taskapi.documented import Documented, NotNull
from taskapi.errors import Invalid
from taskapi.parsing import Body, FilledLine, Path, Prose, Query, QueryBool, UuidText
from taskapi.positions import Side
from taskapi.text import label_key, label_keys, searchable, title_key

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


def _object(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    raise ValueError("must be an object that names one task, as `after` or as `before`")


class Place(Body):
    """A place in the list: directly after one task, or directly before one."""

    model_config = ConfigDict(
        json_schema_extra={
            "properties": {
                "after": {"type": "string", "format": "uuid"},
                "before": {"type": "string", "format": "uuid"},
            },
            "minProperties": 1,
            "maxProperties": 1,
            "examples": [{"after": "01936f2e-7c4a-7d1b-9a35-2f6c8e0b4d17"}],
        }
    )

    after: UuidText = ""
    before: UuidText = ""

    @model_validator(mode="after")
    def _beside_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("must name one task, as `after` or as `before`")
        return self

    @property
    def side(self) -> Side:
        return "after" if "after" in self.model_fields_set else "before"

    @property
    def anchor(self) -> str:
        """The task it is beside."""
        return self.after or self.before


Title = Annotated[FilledLine, Field(min_length=1, max_length=200)]
Description = Annotated[
    Prose,
    Field(max_length=20_000),
    BeforeValidator(_empty_for_null),
    Documented(type=["string", "null"], description="Null clears it."),
]
Status = Literal["todo", "in_progress", "done"]
Priority = Literal["none", "low", "medium", "high", "urgent"]
Instant = Annotated[str, AfterValidator(_instant), Documented(format="date-time")]
Day = Annotated[str, AfterValidator(_day), Documented(format="date")]
Reminder = Annotated[
    Instant | None,
    Documented(
        description="When a mail reminds of the task, unless it is done by then; null: by the default of "
        "`/me/notifications`, if there is one. A moment that is past reminds of nothing."
    ),
]
Label = Annotated[FilledLine, Field(min_length=1, max_length=40)]
Labels = Annotated[
    list[Label],
    Field(max_length=20),
    AfterValidator(_distinct),
    Documented(uniqueItems=True, description="Labels that differ in more than case."),
]
Position = Annotated[Place | None, BeforeValidator(_object), NotNull()]


class TaskContent(Body):
    """What a client may write of a task; each field has its default."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "required": ["due_at", "due_on"],
                "properties": {"due_at": {"type": "string"}, "due_on": {"type": "string"}},
            }
        }
    )

    title: Title
    description: Description = ""
    status: Status = "todo"
    priority: Priority = "none"
    due_at: Instant | None = None
    due_on: Day | None = None
    remind_at: Reminder = None
    labels: Labels = Field(default_factory=list)
    project_id: UuidText | None = None

    @model_validator(mode="after")
    def _due_once(self) -> Self:
        if self.due_at is not None and self.due_on is not None:
            raise ValueError("takes due_at (an instant) or due_on (a date), not both")
        return self


class NewTask(TaskContent):
    """POST: a missing field has its default; without a position it goes to the top."""

    position: Position = None


class WholeTask(TaskContent):
    """PUT: a missing field has its default; the place stays."""


class TaskPatch(TaskContent):
    """PATCH (RFC 7396): an absent field stays, null clears one that can be cleared."""

    title: Title = ""
    position: Position = None


class TaskPath(Path):
    task_id: UuidText


class TaskDelete(Query):
    permanent: QueryBool = False


class TaskOut(BaseModel):
    """A task; `position` is compared as text, code point by code point."""

    id: str
    title: str
    description: str
    status: Status
    priority: Priority
    due_at: str | None
    due_on: str | None
    remind_at: str | None
    labels: list[str]
    project_id: str | None
    position: str
    completed_at: str | None
    trashed_at: str | None
    created_at: str
    updated_at: str
    version: int


# A task in memory, under the names its row has: as it was locked, or as it will be written.
Row = SimpleNamespace


@dataclass(frozen=True)
class Shown:
    """A representation and its ETag; for what was only read also the epoch that came with it."""

    json: dict[str, Any]
    etag: str
    under: dict[str, int] | None = None


# What decides when a task is reminded of.
REMINDING = frozenset({"remind_at", "due_at", "status"})
FIELDS = frozenset(TaskContent.model_fields)
DEFAULTS = {
    name: field.get_default(call_default_factory=True) for name, field in TaskContent.model_fields.items()
}


def content_of(row: Any) -> dict[str, Any]:
    """The writable fields of a row, as a client would send them."""
    return {
        "title": row.title,
        "description": row.description,
        "status": row.status,
        "priority": PRIORITIES[row.priority],
        "due_at": rfc3339(row.due_at),
        "due_on": row.due_on,
        "remind_at": rfc3339(row.remind_at),
        "labels": orjson.loads(row.labels),
        "project_id": row.project_id,
    }


def columns_of(content: dict[str, Any], completed_at: int | None, moment: int) -> dict[str, Any]:
    """The columns for a content: its own, and those that it is searched and sorted by."""
    due_at = milliseconds_of_instant(content["due_at"])
    due_on = content["due_on"]
    labels = content["labels"]
    return content | {
        "priority": PRIORITIES.index(content["priority"]),
        "due_at": due_at,
        "remind_at": milliseconds_of_instant(content["remind_at"]),
        "labels": orjson.dumps(labels).decode(),
        "completed_at": (completed_at or moment) if content["status"] == "done" else None,
        "title_key": title_key(content["title"]),
        "label_keys": label_keys(labels),
        "search_text": searchable(content["title"], content["description"], *labels),
        "due_sort": due_at if due_on is None else milliseconds_of_day(date.fromisoformat(due_on)) + DAY - 1,
    }


def needs_default(columns: dict[str, Any]) -> bool:
    """Whether a user's default decides when a task is reminded of."""
    return columns["remind_at"] is None and columns["due_at"] is not None and columns["status"] != "done"


def reminder_due(columns: dict[str, Any], before: int | None, moment: int) -> int | None:
    """When a mail is to be left for a task with these columns: `before` minutes before it is due by default.

    None where there is nothing to remind of: it is done, or that moment is past.
    """
    due = columns["remind_at"]
    if due is None and before is not None and columns["due_at"] is not None:
        due = columns["due_at"] - before * MINUTE
    return due if due is not None and due > moment and columns["status"] != "done" else None


def merged(row: Any, wanted: TaskPatch) -> dict[str, Any]:
    """The content of a row with the sent fields in place of its own. Raises Invalid where it is due twice."""
    content = content_of(row) | wanted.model_dump(include=wanted.model_fields_set & FIELDS)
    if content["due_at"] is not None and content["due_on"] is not None:
        field, other = ("due_at", "due_on") if wanted.due_at is not None else ("due_on", "due_at")
        raise Invalid.field(f"/{field}", f"the task has {other}; clear it in the same change")
    return content


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Each field of a content that two of them differ in, with both values."""
    return {name: (old, after[name]) for name, old in before.items() if after[name] != old}


def represented(row: Any) -> dict[str, Any]:
    """A row as it is answered: TaskOut, without the cost of a model."""
    due_at, remind_at, completed_at, trashed_at = row.due_at, row.remind_at, row.completed_at, row.trashed_at
    return {
        "id": row.id,
        "title": row.title,
        "description": row.description,
        "status": row.status,
        "priority": PRIORITIES[row.priority],
        # Mostly there is none, and no call is needed to say so.
        "due_at": None if due_at is None else rfc3339(due_at),
        "due_on": row.due_on,
        "remind_at": None if remind_at is None else rfc3339(remind_at),
        "labels": orjson.Fragment(row.labels),
        "project_id": row.project_id,
        "position": row.position,
        "completed_at": None if completed_at is None else rfc3339(completed_at),
        "trashed_at": None if trashed_at is None else rfc3339(trashed_at),
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
        "version": row.version,
    }

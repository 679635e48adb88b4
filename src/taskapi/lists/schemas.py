"""What a list of tasks may be asked for, and what it looks like."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from taskapi.clock import rfc3339
from taskapi.parsing import Limit, Prose, Query, QueryBool, UuidText
from taskapi.tasks.service import PRIORITIES, Day, Instant, Label, Priority, Status, TaskOut
from taskapi.text import words

# No task has more labels, so that more of them would find nothing.
MOST_LABELS = 20
# Characters that stand for several (U+3316) could make hundreds more of 200 characters.
MOST_WORDS = 200


def _or_else(detail: str) -> WrapValidator:
    """One fault for the whole parameter, where pydantic would tell of each item or alternative."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(detail) from None

    return WrapValidator(check)


def _few_words(text: str) -> str:
    if len(set(words(text))) > MOST_WORDS:
        raise ValueError(f"must not have more than {MOST_WORDS} words")
    return text


Sort = Literal[
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
    "due",
    "-due",
    "priority",
    "-priority",
    "position",
    "-position",
    "title",
    "-title",
]
Statuses = Annotated[list[Status], _or_else("must be `todo`, `in_progress` or `done`")]
Priorities = Annotated[list[Priority], _or_else("must be `none`, `low`, `medium`, `high` or `urgent`")]
Labels = Annotated[
    list[Label],
    Field(max_length=MOST_LABELS),
    _or_else(f"must be labels of 1 to 40 characters, at most {MOST_LABELS}"),
]
Project = Annotated[Literal["inbox"] | UuidText, _or_else("must be `inbox` or the id of a project")]
Moment = Annotated[
    Instant | Day, _or_else("must be an instant like 2026-01-31T09:00:00Z or a date like 2026-01-31")
]
Words = Annotated[Prose, Field(max_length=200), AfterValidator(_few_words)]


class TaskList(Query):
    status: Statuses = Field(default_factory=list, description="Any of them.")
    priority: Priorities = Field(default_factory=list, description="Any of them.")
    label: Labels = Field(default_factory=list, description="All of them, without case.")
    project: Project | None = None
    due_before: Moment | None = Field(None, description="Exclusive; a date is its first instant in UTC.")
    due_after: Moment | None = Field(None, description="Inclusive; a date is its first instant in UTC.")
    q: Words = Field("", description="Each word must begin a word of title, description or label.")
    trashed: QueryBool = False
    sort: Sort = "-created_at"
    limit: Limit = 50
    cursor: str | None = None
    count: QueryBool = False


class TaskPage(BaseModel):
    items: list[TaskOut]
    next_cursor: str | None
    total: int | None = Field(None, description="Present with `count=true` alone.")


_NAMES = tuple(TaskOut.model_fields)


def all_represented(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows as they are answered, of columns in the order of SHOWN: as tasks.schemas.represented has each.

    Column by column: what is done to each single value in Python is half of what a list costs.
    """
    if not rows:
        return []
    first = rows[0]._fields.index("id")
    columns: list[Any] = list(zip(*rows, strict=True))[first : first + len(_NAMES)]
    for place, change in _CHANGED:
        columns[place] = change(columns[place])
    return [dict(zip(_NAMES, values, strict=True)) for values in zip(*columns, strict=True)]


def _moments(column: Any) -> Iterable[str | None]:
    return column if column.count(None) == len(column) else map(rfc3339, column)


# What a column is as it is answered, by its place.
_CHANGED: list[tuple[int, Callable[[Any], Iterable[Any]]]] = [
    (_NAMES.index("priority"), partial(map, PRIORITIES.__getitem__)),
    (_NAMES.index("labels"), partial(map, orjson.Fragment)),
    *((place, _moments) for place, name in enumerate(_NAMES) if name.endswith("_at")),
]

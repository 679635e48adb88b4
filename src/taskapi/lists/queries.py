"""The statements that walk tasks, each built once for its shape. Every one of them names the scope."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    func,
    literal,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from taskapi.epochs import with_epoch
from taskapi.tasks.models import SHOWN, Task

_KEYS: dict[str, InstrumentedAttribute[Any]] = {
    "created_at": Task.created_at,
    "updated_at": Task.updated_at,
    "due": Task.due_sort,
    "priority": Task.priority,
    "position": Task.position,
    "title": Task.title_key,
}

# Behind the beginning, a row that has the sort key, or one whose key is null.
After = Literal["beginning", "key", "null"]

# A filter with more values than this is rare, and its statement large: it is built anew each time and kept
# nowhere, so that nobody fills the memory with statements of hundreds of words.
FEW = 8

Rows = Select[*tuple[Any, ...]]


@dataclass(frozen=True)
class Shape:
    """All that makes two statements differ; the values are parameters.

    `filters` holds the names of the filters, each with the number of its values.
    """

    sort: str
    filters: tuple[tuple[str, int], ...]
    trashed: bool
    counted: bool
    after: After

    @property
    def key(self) -> InstrumentedAttribute[Any]:
        return _KEYS[self.sort.removeprefix("-")]

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")

    @property
    def rare(self) -> bool:
        return any(count > FEW for _, count in self.filters)

    @property
    def bounded(self) -> set[str]:
        """The filters that only let tasks with a due time pass."""
        return {name for name, _ in self.filters} & {"due_before", "due_after"}


class _Unkept(BindParameter[Any]):
    """A parameter that keeps SQLAlchemy from remembering the statement it is in."""

    inherit_cache = False


def parameter(name: str, number: int) -> str:
    """The name of one value of a filter."""
    return f"{name}_{number}"


def _each_like(column: InstrumentedAttribute[str], given: list[BindParameter[Any]]) -> ColumnElement[bool]:
    return and_(*(column.like(pattern, escape="\\") for pattern in given))


_Condition = Callable[[list[BindParameter[Any]]], ColumnElement[bool]]

# Each filter: the column its values are compared with, and how.
_FILTERS: dict[str, tuple[InstrumentedAttribute[Any], _Condition]] = {
    "status": (Task.status, Task.status.in_),
    "priority": (Task.priority, Task.priority.in_),
    "project": (Task.project_id, lambda given: Task.project_id == given[0]),
    "inbox": (Task.project_id, lambda _: Task.project_id.is_(None)),
    "due_before": (Task.due_sort, lambda given: Task.due_sort < given[0]),
    "due_after": (Task.due_sort, lambda given: Task.due_sort >= given[0]),
    "label": (Task.label_keys, lambda given: _each_like(Task.label_keys, given)),
    "word": (Task.search_text, lambda given: _each_like(Task.search_text, given)),
}


def page(shape: Shape) -> Rows:
    """A page of one row more than is shown; beside SHOWN `sort_key`, `under` and, if counted, `total`."""
    return _built(shape) if shape.rare else _kept(shape)


@lru_cache(maxsize=256)
def _kept(shape: Shape) -> Rows:
    return _built(shape)


def _built(shape: Shape) -> Rows:
    order = ("-sort_key", "-id") if shape.descending else ("sort_key", "id")
    sections = [_rows(shape, nulls) for nulls in _sections(shape)]
    if len(sections) == 1:
        found = with_epoch(sections[0], *order)
    else:
        found = with_epoch(_joined(shape, sections), "section", *order)
    return found.add_columns(_total(shape)) if shape.counted else found


def _sections(shape: Shape) -> list[bool | None]:
    """What a page may be made of, in order: rows with a key (False), those without (True); None is all."""
    if shape.key is not Task.due_sort:
        return [None]
    if shape.bounded:
        return [False]
    return [True] if shape.after == "null" else [False, True]


def _rows(shape: Shape, nulls: bool | None) -> Rows:
    """The first rows of a section, or those after the cursor where it is in this section."""
    conditions = [_which(shape, walking=True)]
    if nulls is not None:
        conditions.append(shape.key.is_(None) if nulls else shape.key.is_not(None))
    if shape.after == "null" and nulls:
        conditions.append(_beyond(shape, Task.id, bindparam("after_id", type_=Task.id.type)))
    elif shape.after == "key" and not nulls:
        last = (bindparam("after_key", type_=shape.key.type), bindparam("after_id", type_=Task.id.type))
        conditions.append(_beyond(shape, tuple_(shape.key, Task.id), tuple_(*last)))
    order = [column.desc() if shape.descending else column for column in (shape.key, Task.id)]
    shown = select(*SHOWN, shape.key.label("sort_key")).where(*conditions)
    return shown.order_by(*order).limit(bindparam("most"))


def _beyond(shape: Shape, place: Any, last: Any) -> ColumnElement[bool]:
    beyond: ColumnElement[bool] = place < last if shape.descending else place > last
    return beyond


def _joined(shape: Shape, sections: list[Rows]) -> Rows:
    """The sections one after the other; each is cut by itself, so that none is read further than a page."""
    numbered = [
        select(literal(number).label("section"), *rows.subquery().c) for number, rows in enumerate(sections)
    ]
    rows = union_all(*numbered).subquery()
    order = [column.desc() if shape.descending else column for column in (rows.c.sort_key, rows.c.id)]
    return select(*rows.c).order_by(rows.c.section, *order).limit(bindparam("most"))


def _which(shape: Shape, walking: bool) -> ColumnElement[bool]:
    """The tasks of the list, all of them or, while `walking`, those that a cursor has not ruled out."""
    implied = _implied_by_cursor(shape) if walking else None
    conditions: list[ColumnElement[bool]] = [
        Task.scope_id == bindparam("scope"),
        Task.trashed_at.is_not(None) if shape.trashed else Task.trashed_at.is_(None),
    ]
    for name, count in shape.filters:
        if name != implied:
            column, condition = _FILTERS[name]
            kind = _Unkept if count > FEW else BindParameter
            given = [kind(parameter(name, number), type_=column.type) for number in range(count)]
            conditions.append(condition(given))
    return and_(true(), *conditions)


def _implied_by_cursor(shape: Shape) -> str | None:
    """The bound that every row after the cursor keeps, because the cursor's own row does.

    Left in, SQLite begins to read at the bound instead of the cursor.
    """
    if shape.key is not Task.due_sort or shape.after != "key":
        return None
    return "due_before" if shape.descending else "due_after"


def _total(shape: Shape) -> ColumnElement[int]:
    counted = select(func.count()).select_from(Task).where(_which(shape, walking=False))
    return counted.scalar_subquery().label("total")

"""What a page costs: one statement, an index walked from the cursor on, and the same on each page."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from taskapi.db import new_id
from taskapi.lists import queries
from taskapi.parts import Parts
from tests.conftest import ENGINES
from tests.lists.stock import analyze, some_rows, write
from tests.lists.walks import SORTS, Lists, Query

INDEXES = {
    "created_at": "ix_tasks_created",
    "due": "ix_tasks_due",
    "priority": "ix_tasks_priority",
    "position": "ix_tasks_position",
    "title": "ix_tasks_title",
}
_BOUNDS: tuple[Query, ...] = (
    {"due_after": "2026-01-10"},
    {"due_before": "2026-01-20"},
    {"due_after": "2026-01-05", "due_before": "2026-01-25"},
)
INDEXED: list[Query] = [{"sort": sort} for sort in SORTS if "updated_at" not in sort]
INDEXED += [bounds | {"sort": sort} for sort in ("due", "-due") for bounds in _BOUNDS]
LIMIT = 10


@dataclass(frozen=True)
class Sent:
    """A statement as it went to the database."""

    text: str
    parameters: Any


@contextmanager
def _listening(parts: Parts) -> Iterator[list[Sent]]:
    """The statements that readers send meanwhile."""
    database = parts.database
    # On PostgreSQL readers use the writers' engine with an option, and its events.
    engine = database._reading if database.is_sqlite else database._writing
    sent: list[Sent] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append(Sent(statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _sent(lists: Lists, query: Query) -> tuple[Sent, dict[str, Any]]:
    """The one statement that a page takes, and the page."""
    with _listening(lists.parts) as sent:
        page = lists.page(query)
    (only,) = sent
    return only, page


def _later(lists: Lists, query: Query, number: int) -> Query:
    """The query of a page by its number, the first being 0."""
    pages = islice(lists.pages(query), number)
    cursors = [page["next_cursor"] for page in pages]
    return query | ({"cursor": cursors[-1]} if cursors else {})


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _read_on_postgresql(parts: Parts, sent: Sent) -> dict[str, int]:
    """How many rows of tasks were read by way of which index, those that were then left out included."""
    with parts.database.reader() as session:
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {sent.text}"
        (found,) = session.connection.exec_driver_sql(explain, sent.parameters).one()
    plan = json.loads(found) if isinstance(found, str) else found
    read: dict[str, int] = {}
    for node in _nodes(plan[0]["Plan"]):
        if node.get("Relation Name") == "tasks":
            rows = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            way = node.get("Index Name", node["Node Type"])
            read[way] = read.get(way, 0) + round(rows)
    return read


def _ways_on_sqlite(parts: Parts, sent: Sent) -> list[tuple[str, bool]]:
    """How each part of a statement comes to tasks, and whether it sorts what it found there."""
    with parts.database.reader() as session:
        explain = f"EXPLAIN QUERY PLAN {sent.text}"
        plan = session.connection.exec_driver_sql(explain, sent.parameters).all()
    sorting = {parent for _, parent, _, detail in plan if "TEMP B-TREE" in detail}
    return [(detail, parent in sorting) for _, parent, _, detail in plan if " tasks" in detail]


def _steps_on_sqlite(parts: Parts, sent: Sent) -> int:
    """How many instructions SQLite's virtual machine takes for a statement."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with parts.database.reader() as session:
        driver: Any = session.connection.connection.driver_connection
        driver.set_progress_handler(count, 1)
        try:
            session.connection.exec_driver_sql(sent.text, sent.parameters).all()
        finally:
            driver.set_progress_handler(None, 0)
    return steps


def _check_bounded(lists: Lists, query: Query, far: int) -> None:
    """A page reads no more than itself, and if need be as much of what is due at no time; near or far."""
    sort = str(query["sort"])
    index = INDEXES[sort.removeprefix("-")]
    steps = {}
    for number in (0, 1, far):
        sent, page = _sent(lists, _later(lists, query, number))
        assert len(page["items"]) == int(str(query["limit"]))
        if lists.parts.database.is_sqlite:
            ways = _ways_on_sqlite(lists.parts, sent)
            begin = re.escape(f"SEARCH tasks USING INDEX {index} (scope_id=?")
            assert all(re.match(begin, detail) and not is_sorted for detail, is_sorted in ways), ways
            assert number == 0 or ",id)" in ways[0][0] or "AND id" in ways[0][0], ways
            steps[number] = _steps_on_sqlite(lists.parts, sent)
        else:
            read = _read_on_postgresql(lists.parts, sent)
            sections = 2 if sort.endswith("due") and not query.keys() & {"due_after", "due_before"} else 1
            assert read.keys() == {index}
            assert read[index] <= (len(page["items"]) + 1) * sections
    if steps:
        assert steps[far] <= 1.2 * steps[1]


def _stocked(parts: Parts, size: int) -> Lists:
    lists = Lists(parts, new_id())
    write(parts.database, lists.scope, some_rows(lists.scope, size, seed=1))
    analyze(parts.database)
    return lists


@pytest.fixture(scope="module", params=ENGINES)
def thousands(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Lists:
    return _stocked(make_app(request.param).extensions["taskapi"], 3_000)


@pytest.mark.parametrize("query", INDEXED, ids=lambda query: " ".join(query.values()))
def test_a_page_reads_its_own_rows_alone_wherever_it_is(thousands: Lists, query: Query) -> None:
    _check_bounded(thousands, query | {"limit": str(LIMIT)}, far=60)


@pytest.mark.parametrize("sort", ["due", "-due"])
def test_among_those_due_at_no_time_nothing_else_is_read(thousands: Lists, sort: str) -> None:
    query: Query = {"sort": sort, "limit": "200"}
    number = len(list(thousands.pages(query))) - 2
    sent, page = _sent(thousands, _later(thousands, query, number))
    assert {(task["due_at"], task["due_on"]) for task in page["items"]} == {(None, None)}
    if thousands.parts.database.is_sqlite:
        ((way, _),) = _ways_on_sqlite(thousands.parts, sent)
        assert re.search(r"ix_tasks_due \(scope_id=\? AND due_sort=\? AND id[<>]\?\)", way), way
    else:
        assert _read_on_postgresql(thousands.parts, sent)["ix_tasks_due"] <= 201


@pytest.mark.parametrize("query", [
    {},
    {"trashed": "true"},
    {"status": ["todo", "done"], "priority": "high", "label": ["home", "100%"], "q": "pay 1"},
    {"q": "".join(chr(0x4E00 + number) for number in range(40))},
    {"project": "inbox", "due_after": "2026-01-10"},
    {"project": new_id(), "due_before": "2026-01-10T00:00:00Z"},
])  # fmt: skip
def test_every_page_of_every_list_is_one_statement(thousands: Lists, query: Query) -> None:
    for sort in SORTS:
        for count in ("true", "false"):
            asked = query | {"sort": sort, "count": count, "limit": "200"}
            with _listening(thousands.parts) as sent:
                pages = len(list(islice(thousands.pages(asked), 3)))
            assert len(sent) == pages


@pytest.mark.parametrize("sort", ["updated_at", "-updated_at"])
def test_by_the_time_of_change_every_page_reads_the_scope_once(thousands: Lists, sort: str) -> None:
    """There is no index on purpose (ADR 1, ADR 5)."""
    query: Query = {"sort": sort, "limit": str(LIMIT)}
    steps = []
    for number in (1, 60, 250):
        sent, _ = _sent(thousands, _later(thousands, query, number))
        if thousands.parts.database.is_sqlite:
            steps.append(_steps_on_sqlite(thousands.parts, sent))
        else:
            assert sum(_read_on_postgresql(thousands.parts, sent).values()) <= 3_000
    # Later pages sort less.
    assert steps == sorted(steps, reverse=True)


def test_a_statement_is_built_once_for_its_shape_whatever_the_values(thousands: Lists) -> None:
    asked: list[Query] = [
        {"q": f"pay {number}", "label": [f"label {number}"], "due_before": f"2026-01-0{number}"}
        for number in range(1, 4)
    ]
    thousands.page(asked[0])
    built = queries._kept.cache_info().misses
    for query in asked:
        thousands.page(query)
    assert queries._kept.cache_info().misses == built


def test_a_statement_of_many_values_is_kept_nowhere(thousands: Lists) -> None:
    """Else whoever asks for hundreds of words in ever other ways would fill the memory with them."""
    database = thousands.parts.database
    engine = database._reading if database.is_sqlite else database._writing
    assert engine._compiled_cache is not None
    sizes = set()
    for number in range(queries.FEW, queries.FEW + 20):
        thousands.page({"q": " ".join(map(str, range(number)))})
        sizes.add((queries._kept.cache_info().currsize, len(engine._compiled_cache)))
    assert len(sizes) == 1


@pytest.mark.prove
@pytest.mark.parametrize("engine", ENGINES)
def test_page_1000_of_100_000_tasks_costs_what_the_first_does(
    make_app: Callable[..., Flask], engine: str
) -> None:
    lists = _stocked(make_app(engine).extensions["taskapi"], 100_000)
    for query in INDEXED:
        _check_bounded(lists, query | {"limit": "25"}, far=1000)

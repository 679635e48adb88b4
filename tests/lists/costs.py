"""What a page costs: the statements it takes, the ways to tasks in their plans, and the rows read on each."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import psycopg

from taskapi.parts import Parts
from tests.lists.walks import SORTS, Lists, Query
from tests.statements import heard

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


@dataclass(frozen=True)
class Sent:
    """A statement as it went to the database."""

    text: str
    parameters: Any


@contextmanager
def listening(parts: Parts) -> Iterator[list[Sent]]:
    """The statements that readers send meanwhile."""
    database = parts.database
    # On PostgreSQL readers use the writers' engine with an option, and its events.
    engine = database._reading if database.is_sqlite else database._writing
    sent: list[Sent] = []
    with heard((engine,), lambda text, parameters: sent.append(Sent(text, parameters))):
        yield sent


def sent_for(lists: Lists, query: Query) -> tuple[Sent, dict[str, Any]]:
    """The one statement that a page takes, and the page."""
    with listening(lists.parts) as sent:
        page = lists.page(query)
    (only,) = sent
    return only, page


def later_page(lists: Lists, query: Query, number: int) -> Query:
    """The query of a page by its number, the first being 0."""
    pages = islice(lists.pages(query), number)
    cursors = [page["next_cursor"] for page in pages]
    return query | ({"cursor": cursors[-1]} if cursors else {})


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def read_on_postgresql(parts: Parts, sent: Sent) -> dict[str, int]:
    """How many rows of tasks were read by way of which index, those that were then left out included."""
    with parts.database.reader() as session:
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {sent.text}"
        driver: Any = session.connection.connection.driver_connection
        # As SQLAlchemy sends it by names, or as the driver takes it by numbers.
        kind = psycopg.ClientCursor if isinstance(sent.parameters, Mapping) else psycopg.RawCursor
        row: Any = kind(driver).execute(explain.encode(), sent.parameters).fetchone()
    found = row[0]
    plan = json.loads(found) if isinstance(found, str) else found
    read: dict[str, int] = {}
    for node in _nodes(plan[0]["Plan"]):
        if node.get("Relation Name") == "tasks":
            rows = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            way = node.get("Index Name", node["Node Type"])
            read[way] = read.get(way, 0) + round(rows)
    return read


def ways_on_sqlite(parts: Parts, sent: Sent) -> list[tuple[str, bool]]:
    """How each part of a statement comes to tasks, and whether it sorts what it found there."""
    with parts.database.reader() as session:
        explain = f"EXPLAIN QUERY PLAN {sent.text}"
        plan = session.connection.exec_driver_sql(explain, sent.parameters).all()
    sorting = {parent for _, parent, _, detail in plan if "TEMP B-TREE" in detail}
    return [(detail, parent in sorting) for _, parent, _, detail in plan if " tasks" in detail]


def steps_on_sqlite(parts: Parts, sent: Sent) -> int:
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


def check_bounded(lists: Lists, query: Query, far: int) -> None:
    """A page reads no more than itself, and if need be as much of what is due at no time; near or far."""
    sort = str(query["sort"])
    index = INDEXES[sort.removeprefix("-")]
    steps = {}
    for number in (0, 1, far):
        sent, page = sent_for(lists, later_page(lists, query, number))
        assert len(page["items"]) == int(str(query["limit"]))
        if lists.parts.database.is_sqlite:
            ways = ways_on_sqlite(lists.parts, sent)
            begin = re.escape(f"SEARCH tasks USING INDEX {index} (scope_id=?")
            assert all(re.match(begin, detail) and not is_sorted for detail, is_sorted in ways), ways
            assert number == 0 or ",id)" in ways[0][0] or "AND id" in ways[0][0], ways
            steps[number] = steps_on_sqlite(lists.parts, sent)
        else:
            read = read_on_postgresql(lists.parts, sent)
            sections = 2 if sort.endswith("due") and not query.keys() & {"due_after", "due_before"} else 1
            assert read.keys() == {index}
            assert read[index] <= (len(page["items"]) + 1) * sections
    if steps:
        assert steps[far] <= 1.2 * steps[1]

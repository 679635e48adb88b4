"""What a page costs: one statement, an index walked from the cursor on, and the same on each page."""

import re
from collections.abc import Callable
from itertools import islice

import pytest
from flask import Flask

from taskapi.ids import new_id
from taskapi.lists import queries
from taskapi.parts import Parts
from tests.conftest import ENGINES
from tests.lists.costs import (
    INDEXED,
    check_bounded,
    later_page,
    listening,
    read_on_postgresql,
    sent_for,
    steps_on_sqlite,
    ways_on_sqlite,
)
from tests.lists.stock import analyze, some_rows, write
from tests.lists.walks import SORTS, Lists, Query

LIMIT = 10


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
    check_bounded(thousands, query | {"limit": str(LIMIT)}, far=60)


@pytest.mark.parametrize("sort", ["due", "-due"])
def test_among_those_due_at_no_time_nothing_else_is_read(thousands: Lists, sort: str) -> None:
    query: Query = {"sort": sort, "limit": "200"}
    number = len(list(thousands.pages(query))) - 2
    sent, page = sent_for(thousands, later_page(thousands, query, number))
    assert {(task["due_at"], task["due_on"]) for task in page["items"]} == {(None, None)}
    if thousands.parts.database.is_sqlite:
        ((way, _),) = ways_on_sqlite(thousands.parts, sent)
        assert re.search(r"ix_tasks_due \(scope_id=\? AND due_sort=\? AND id[<>]\?\)", way), way
    else:
        assert read_on_postgresql(thousands.parts, sent)["ix_tasks_due"] <= 201


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
            with listening(thousands.parts) as sent:
                pages = len(list(islice(thousands.pages(asked), 3)))
            assert len(sent) == pages


@pytest.mark.parametrize("sort", ["updated_at", "-updated_at"])
def test_by_the_time_of_change_every_page_reads_the_scope_once(thousands: Lists, sort: str) -> None:
    """There is no index on purpose (ADR 1, ADR 5)."""
    query: Query = {"sort": sort, "limit": str(LIMIT)}
    steps = []
    for number in (1, 60, 250):
        sent, _ = sent_for(thousands, later_page(thousands, query, number))
        if thousands.parts.database.is_sqlite:
            steps.append(steps_on_sqlite(thousands.parts, sent))
        else:
            assert sum(read_on_postgresql(thousands.parts, sent).values()) <= 3_000
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
        check_bounded(lists, query | {"limit": "25"}, far=1000)

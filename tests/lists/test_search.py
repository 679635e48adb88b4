"""Words are found alike on SQLite and PostgreSQL, in six scripts and whatever they are written like."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from taskapi.ids import new_id
from taskapi.parts import Parts
from tests.conftest import ENGINES
from tests.lists.stock import columns_of, write
from tests.lists.walks import Lists
from tests.people import Person
from tests.test_text import ALPHABETIC, BETWEEN, RUNS, as_compared, should_be_found

_WORDS = st.sampled_from(sorted(ALPHABETIC) + sorted(RUNS))
_WRITTEN = st.lists(_WORDS, max_size=3)


@st.composite
def _tasks(draw: st.DrawFn) -> tuple[dict[str, Any], list[str]]:
    """What a client writes, and the words that are in it anywhere."""
    title, description, labels = draw(_WRITTEN), draw(_WRITTEN), draw(st.lists(_WORDS, max_size=1))
    between = st.lists(BETWEEN, min_size=3, max_size=3)
    # A title is one line.
    gaps = draw(between.filter(lambda found: "\n" not in "".join(found)))
    content = {
        "title": "* " + "".join(map("".join, zip(title, gaps, strict=False))),
        "description": "".join(map("".join, zip(description, draw(between), strict=False))),
        "labels": labels,
    }
    return content, title + description + labels


@st.composite
def _pieces(draw: st.DrawFn) -> tuple[str, bool]:
    """The beginning of a word, or any piece of a run of a script without spaces; and which of the two."""
    word = draw(_WORDS)
    plain, is_run = as_compared(word), word in RUNS
    if draw(st.booleans()):
        return word, is_run
    start = draw(st.integers(0, len(plain) - 1)) if is_run else 0
    return plain[start : start + draw(st.integers(1, 5))], is_run


@pytest.fixture(scope="module")
def both(apps: Callable[[str], Flask]) -> list[Parts]:
    return [apps(engine).extensions["taskapi"] for engine in ENGINES]


@settings(max_examples=40, deadline=None)
@given(
    tasks=st.lists(_tasks(), min_size=4, max_size=8),
    queries=st.lists(st.lists(_pieces(), max_size=2), min_size=4, max_size=10),
)
def test_a_search_finds_the_tasks_where_each_word_begins_a_word(
    both: list[Parts], tasks: list[tuple[dict[str, Any], list[str]]], queries: list[list[tuple[str, bool]]]
) -> None:
    scope, ids = new_id(), [new_id() for _ in tasks]
    for parts in both:
        rows = (columns_of(scope, content, id=one) for one, (content, _) in zip(ids, tasks, strict=True))
        write(parts.database, scope, rows)
    for query in queries:
        expected = [
            one
            for one, (_, written) in zip(ids, tasks, strict=True)
            if all(should_be_found(_compared(piece), is_run, written) for piece, is_run in query)
        ]
        asked = " ".join(piece for piece, _ in query)
        for parts in both:
            assert Lists(parts, scope).walk({"q": asked, "sort": "created_at"}) == expected, asked


def _compared(piece: str) -> str:
    return as_compared(piece) if piece in ALPHABETIC | RUNS else piece


def test_a_search_passes_through_the_url_in_any_script(ann: Person) -> None:
    found = {
        "çay": "ÇAY al",
        "молок": "Купить молоко",
        "ΟΔΟΣ": "οδός",
        "חלב": "לקנות חָלָב",
        "दूध": "दूध लाना",
        "京都": "東京都庁",
    }
    ids = {query: ann.new_task(title)["id"] for query, title in found.items()}
    for query, task_id in ids.items():
        items = ann.api.get("/tasks", query_string={"q": query}).json["items"]
        assert [task["id"] for task in items] == [task_id], query


@pytest.mark.parametrize("query", ["", " ", "?!", "🎉", "%", "_", "\\", "'", '"'])
def test_a_search_without_words_asks_for_nothing(ann: Person, query: str) -> None:
    ann.new_task()
    assert len(ann.api.get("/tasks", query_string={"q": query}).json["items"]) == 1


@pytest.mark.parametrize("query", ["re", "Rent", "PAY rent", "rent pay", "b home", "ho-ba"])
def test_words_may_stand_anywhere_in_any_order(ann: Person, query: str) -> None:
    task = ann.new_task("Pay rent", description="by bank", labels=["Home"])
    for title in ("Pay bills", "current", "parent by homes"):
        ann.new_task(title)
    items = ann.api.get("/tasks", query_string={"q": query}).json["items"]
    assert task["id"] in {one["id"] for one in items}
    assert "current" not in {one["title"] for one in items}


def test_a_search_may_have_as_many_words_as_its_length_allows(ann: Person) -> None:
    title = "".join(chr(0x4E00 + number) for number in range(200))
    task = ann.new_task(title, labels=[str(number) for number in range(20)])
    query = {"q": title, "label": [str(number) for number in range(20)], "count": "true"}
    for sort in ("due", "created_at"):
        page = ann.api.get("/tasks", query_string=query | {"sort": sort}).json
        assert ([one["id"] for one in page["items"]], page["total"]) == ([task["id"]], 1)
    swapped = title[:-2] + title[:-3:-1]
    assert ann.api.get("/tasks", query_string=query | {"q": swapped}).json["total"] == 0

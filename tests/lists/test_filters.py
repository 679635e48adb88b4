"""Filters and sorts on SQLite and PostgreSQL, held against a plain model."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from taskapi.ids import new_id
from taskapi.parts import Parts
from taskapi.projects.models import Project
from tests.conftest import ENGINES
from tests.lists.model import Known, listed
from tests.lists.stock import columns_of, write
from tests.lists.walks import SORTS, Lists, Query

PROJECTS = ("00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002")
# Which of them are one label, and which are wildcards to LIKE, is the point.
LABELS = (
    "home",
    "HOME",
    "ｈｏｍｅ",
    "hom",
    "homé",
    "100%",
    "100x",
    "a_b",
    "axb",
    "a\\b",
    "Straße",
    "STRASSE",
    "東京",
)
_INSTANTS = (
    "2026-01-30T00:00:00Z",
    "2026-01-30T23:59:59.999Z",
    "2026-01-31T00:00:00Z",
    "2026-01-31T00:00:00.001Z",
    "2026-01-31T01:00:00+01:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
)
_DAYS = ("2026-01-30", "2026-01-31", "2026-02-01", "0001-01-01", "9999-12-31")
_STATUSES = ("todo", "in_progress", "done")
_PRIORITIES = ("none", "low", "medium", "high", "urgent")
# Letters whose order differs between code points, UTF-16, bytes of Latin-1 and what dictionaries do.
_TITLES = st.text("aAbZzéÉßſıİΣσς _-1\uff21\ufffd\U00010400\U0001f389", max_size=4).map(
    lambda text: f"x{text}x"
)


def _some(names: tuple[str, ...], least: int = 0) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), min_size=least, max_size=3)


def _distinct_labels(labels: list[str]) -> list[str]:
    """As a task may have them."""
    kept: dict[str, str] = {}
    for label in labels:
        kept.setdefault("home" if label in {"HOME", "ｈｏｍｅ"} else label.casefold(), label)
    return list(kept.values())


@st.composite
def _contents(draw: st.DrawFn) -> dict[str, Any]:
    content = {
        "title": draw(_TITLES),
        "status": draw(st.sampled_from(_STATUSES)),
        "priority": draw(st.sampled_from(_PRIORITIES)),
        "labels": _distinct_labels(draw(_some(LABELS))),
        "project_id": draw(st.sampled_from((None, *PROJECTS))),
    }
    due = draw(st.none() | st.sampled_from(_INSTANTS + _DAYS))
    if due is not None:
        content["due_at" if "T" in due else "due_on"] = due
    return content


_TASKS = st.lists(
    st.builds(
        Known,
        id=st.uuids().map(str),
        content=_contents(),
        created_at=st.integers(0, 2),
        updated_at=st.integers(0, 2),
        position=st.sampled_from(("A", "Z", "a", "aV", "z", "0")),
        trashed=st.sampled_from((False, False, False, True)),
    ),
    min_size=4,
    max_size=14,
    unique_by=lambda task: task.id,
)
_FILTERS: dict[str, st.SearchStrategy[str | list[str]]] = {
    "status": _some(_STATUSES, 1),
    "priority": _some(_PRIORITIES, 1),
    "label": _some(LABELS, 1),
    "project": st.sampled_from(("inbox", *PROJECTS, new_id())),
    "due_before": st.sampled_from(_INSTANTS + _DAYS),
    "due_after": st.sampled_from(_INSTANTS + _DAYS),
    "trashed": st.sampled_from(("true", "false")),
}


@st.composite
def _queries(draw: st.DrawFn, sorts: tuple[str, ...]) -> Query:
    """Any sort and, since few tasks pass many filters, three filters at most."""
    names = draw(st.lists(st.sampled_from(sorted(_FILTERS)), max_size=3, unique=True))
    counted = draw(st.sampled_from(({"count": "true"}, {"count": "true"}, {"count": "false"}, {})))
    return {
        "sort": draw(st.sampled_from(sorts)),
        "limit": str(draw(st.integers(1, 5))),
        **{name: draw(_FILTERS[name]) for name in names},
        **counted,
    }


@pytest.fixture(scope="module")
def both(apps: Callable[[str], Flask]) -> list[Parts]:
    return [apps(engine).extensions["taskapi"] for engine in ENGINES]


def _stored(parts: Parts, tasks: list[Known]) -> Lists:
    """The tasks in a new scope, and those of a stranger with the same content."""
    scope, stranger = new_id(), new_id()
    project = {"name": "", "color": None, "archived": False, "position": "", "created_at": 0}
    project |= {"updated_at": 0, "version": 1, "epoch": 1}
    with parts.database.writer() as session:
        keys = [{"scope_id": owner, "id": one} for owner in (scope, stranger) for one in PROJECTS]
        session.run(insert(Project), [project | key for key in keys])
    write(parts.database, scope, (_row(scope, task, task.id) for task in tasks))
    write(parts.database, stranger, (_row(stranger, task, new_id()) for task in tasks))
    return Lists(parts, scope)


def _row(scope: str, task: Known, task_id: str) -> dict[str, Any]:
    return columns_of(
        scope,
        task.content,
        id=task_id,
        created_at=task.created_at,
        updated_at=task.updated_at,
        position=task.position,
        trashed_at=7 if task.trashed else None,
    )


def _check(both: list[Parts], tasks: list[Known], queries: list[Query]) -> None:
    lists = [_stored(parts, tasks) for parts in both]
    for query in queries:
        expected = listed(tasks, query)
        for one in lists:
            pages = list(one.pages(query))
            assert [task["id"] for page in pages for task in page["items"]] == expected
            totals = {page.get("total") for page in pages}
            assert totals == {len(expected) if query.get("count") == "true" else None}


@settings(max_examples=40, deadline=None)
@given(tasks=_TASKS, queries=st.lists(_queries(SORTS), min_size=5, max_size=10))
def test_a_list_shows_what_passes_its_filters_in_its_order_on_both_engines(
    both: list[Parts], tasks: list[Known], queries: list[Query]
) -> None:
    _check(both, tasks, queries)


@settings(max_examples=20, deadline=None)
@given(tasks=_TASKS, queries=st.lists(_queries(("due", "-due")), min_size=5, max_size=10))
def test_what_is_due_at_no_time_comes_last_in_both_directions(
    both: list[Parts], tasks: list[Known], queries: list[Query]
) -> None:
    _check(both, tasks, queries)


@settings(max_examples=20, deadline=None)
@given(tasks=_TASKS, limit=st.integers(1, 5).map(str))
def test_every_sort_orders_alike_on_both_engines(both: list[Parts], tasks: list[Known], limit: str) -> None:
    _check(both, tasks, [{"sort": sort, "limit": limit} for sort in SORTS])

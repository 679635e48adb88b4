"""The labels somebody uses, against a plain model: counted, and renamed on every task that has them."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from taskapi.parts import Parts
from taskapi.tasks.models import Task
from taskapi.text import label_key, label_keys, searchable
from tests.people import Person, make_person
from tests.planted import outrun_the_clock, plant_tasks
from tests.problems import check_problem
from tests.statements import Statements

# Spellings of few labels, some of which are one label, some of which only look like it or like a pattern.
_SPELLINGS = (
    *("home", "Home", "HOME", "ｈｏｍｅ", "homes"),
    *("café", "CAFE\u0301", "cafe", "straße", "STRASSE"),
    *("%", "_", "\\", "a%", "a_", "ab", "/", "日本", "ﬁx", "FIX"),
)
_LABELS = st.lists(st.sampled_from(_SPELLINGS), max_size=5, unique_by=label_key)
_TASKS = st.lists(st.tuples(_LABELS, st.booleans()), max_size=8)
_QUIET = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _planted(person: Person, tasks: list[tuple[list[str], bool]]) -> list[str]:
    return plant_tasks(
        person,
        [{"labels": labels, "trashed_at": 1 if is_trashed else None} for labels, is_trashed in tasks],
    )


def _rows(person: Person) -> dict[str, Any]:
    """Somebody's tasks as they are kept, by their ids."""
    with person.parts.database.reader() as reader:
        found = reader.rows(select(*Task.__table__.columns).where(Task.scope_id == person.id))
    return {row.id: row for row in found}


def _labels_of(person: Person, ids: list[str]) -> list[list[str]]:
    items = {task["id"]: task["labels"] for task in person.api.get("/tasks?limit=200").json["items"]}
    return [items[task_id] for task_id in ids]


@_QUIET
@given(tasks=_TASKS)
def test_each_label_of_live_tasks_is_counted_without_case_in_its_most_used_spelling(
    app: Flask, tasks: list[tuple[list[str], bool]]
) -> None:
    ann = make_person(app)
    _planted(ann, tasks)
    used = [label for labels, is_trashed in tasks if not is_trashed for label in labels]
    expected = []
    for key in sorted({label_key(label) for label in used}):
        same = [label for label in used if label_key(label) == key]
        name = min(set(same), key=lambda label: (-same.count(label), label))
        expected.append({"name": name, "count": len(same)})
    assert ann.api.get("/labels").json == {"items": expected}


def _renamed(labels: list[str], old: str, new: str) -> list[str]:
    """As one would do it with a pencil: strike out, write over, leave the second of two that are alike."""
    if label_key(old) not in map(label_key, labels):
        return labels
    found: list[str] = []
    for label in labels:
        written = new if label_key(label) in {label_key(old), label_key(new)} else label
        if written not in found:
            found.append(written)
    return found


@_QUIET
@given(tasks=_TASKS, old=st.sampled_from(_SPELLINGS), new=st.sampled_from((*_SPELLINGS, "brand new")))
def test_a_renamed_label_is_renamed_on_every_task_and_nothing_else_changes(
    app: Flask, tasks: list[tuple[list[str], bool]], old: str, new: str
) -> None:
    ann = make_person(app)
    ids = _planted(ann, tasks)
    before, used = _rows(ann), outrun_the_clock(ann)
    expected = [_renamed(labels, old, new) for labels, _ in tasks]
    changed = {
        task_id for task_id, (labels, _), wanted in zip(ids, tasks, expected, strict=True) if labels != wanted
    }
    answer = ann.api.post("/labels/rename", {"from": old, "to": new})
    assert (answer.status_code, answer.json) == (200, {"from": old, "to": new, "changed": len(changed)})
    after = _rows(ann)
    for task_id, (labels, _), wanted in zip(ids, tasks, expected, strict=True):
        if task_id not in changed:
            assert after[task_id] == before[task_id]
        else:
            _check_changed(ann, before[task_id], after[task_id], (labels, wanted))
            assert after[task_id].epoch > used
    assert len({row.epoch for row in after.values()}) == len(after)


def _check_changed(person: Person, before: Any, after: Any, labels: tuple[list[str], list[str]]) -> None:
    """One version more, under an epoch of its own, in the history, and found by what it says now."""
    wanted = labels[1]
    written = {"labels", "label_keys", "search_text", "epoch", "updated_at", "version"}
    differing = {name for name, value in after._asdict().items() if getattr(before, name) != value}
    assert differing <= written
    assert {"labels", "epoch", "updated_at", "version"} <= differing
    assert after.version == before.version + 1
    assert after.label_keys == label_keys(wanted)
    assert after.search_text == searchable(after.title, after.description, *wanted)
    (entry,) = person.api.get(f"/tasks/{after.id}/history").json["items"]
    assert entry["changes"] == [{"field": "labels", "before": labels[0], "after": wanted}]


def test_a_renamed_task_is_as_if_it_had_been_written_so(ann: Person) -> None:
    content = {"title": "Pay rent", "description": "to Zoë", "labels": ["Haus", "x"]}
    (renamed,) = plant_tasks(ann, [content])
    (written,) = plant_tasks(ann, [content | {"labels": ["Café №5", "x"]}])
    assert ann.api.post("/labels/rename", {"from": "HAUS", "to": "Café №5"}).json["changed"] == 1
    rows = _rows(ann)
    for column in ("labels", "label_keys", "search_text", "title_key", "title", "description"):
        assert getattr(rows[renamed], column) == getattr(rows[written], column)


def test_a_label_keeps_its_place_and_of_two_the_first_is_kept(ann: Person) -> None:
    ids = plant_tasks(
        ann, [{"labels": labels} for labels in (["a", "b", "c"], ["b", "x", "new"], ["NEW", "x", "b"])]
    )
    ann.api.post("/labels/rename", {"from": "B", "to": "New"})
    assert _labels_of(ann, ids) == [["a", "New", "c"], ["New", "x"], ["New", "x"]]


def test_a_rename_to_another_spelling_unites_the_spellings(ann: Person) -> None:
    plant_tasks(ann, [{"labels": [label]} for label in ("home", "HOME", "Home")])
    assert ann.api.post("/labels/rename", {"from": "hOME", "to": "Home"}).json["changed"] == 2
    assert ann.api.get("/labels").json["items"] == [{"name": "Home", "count": 3}]


def test_a_rename_that_changes_nothing_moves_nothing(ann: Person) -> None:
    plant_tasks(ann, [{"labels": ["home"]}, {}])
    tag = ann.api.get("/tasks").etag
    for old, new in (("work", "play"), ("HOME", "home")):
        answer = ann.api.post("/labels/rename", {"from": old, "to": new})
        assert answer.json == {"from": old, "to": new, "changed": 0}
    assert ann.api.get("/tasks").etag == tag


def test_both_names_are_labels_and_are_trimmed(ann: Person) -> None:
    plant_tasks(ann, [{"labels": ["home"]}])
    answer = ann.api.post("/labels/rename", {"from": " home ", "to": "\tHaus "})
    assert answer.json == {"from": "home", "to": "Haus", "changed": 1}
    wrong: tuple[tuple[Mapping[str, Any], tuple[str, ...]], ...] = (
        ({}, ("/from", "/to")),
        ({"from": "a", "to": ""}, ("/to",)),
        ({"from": "two\nlines", "to": "x" * 41}, ("/from", "/to")),
        ({"from": None, "to": 5}, ("/from", "/to")),
        ({"from": "a", "to": "b", "from_label": "c"}, ("/from_label",)),
        ({"from": "nul\0", "to": "\ud800"}, ("/from", "/to")),
    )
    for body, pointers in wrong:
        check_problem(ann.api.post("/labels/rename", body), 422, *pointers)


def test_nobody_elses_labels_are_counted_or_renamed(ann: Person, bob: Person) -> None:
    (of_bob,) = plant_tasks(bob, [{"labels": ["home"]}])
    assert ann.api.get("/labels").json == {"items": []}
    before = _rows(bob)
    assert ann.api.post("/labels/rename", {"from": "home", "to": "haus"}).json["changed"] == 0
    assert _rows(bob)[of_bob] == before[of_bob]


def test_labels_are_one_statement_and_a_rename_four_however_many_tasks(ann: Person, parts: Parts) -> None:
    statements = Statements(parts)
    for labels in ([{"labels": ["one"]}], [{"labels": ["many"]}] * 300):
        plant_tasks(ann, labels)
        # So that the epochs of ann are known, and what is counted is sent for the labels alone.
        ann.api.get("/tasks")
        assert len(statements.during(lambda: ann.api.get("/labels")).json["items"]) > 0
        assert statements.own == 1
        body = {"from": labels[0]["labels"][0], "to": "new"}
        renamed = statements.during(partial(ann.api.post, "/labels/rename", body))
        assert (renamed.json["changed"], statements.own) == (len(labels), 4)


def test_labels_have_a_tag_that_a_change_of_any_task_moves(ann: Person) -> None:
    tag = ann.api.get("/labels").etag
    assert ann.api.get("/labels", headers={"If-None-Match": tag}).status_code == 304
    plant_tasks(ann, [{"labels": ["home"]}])
    changed = ann.api.get("/labels", headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json) == (200, {"items": [{"name": "home", "count": 1}]})


@pytest.mark.prove
def test_ten_thousand_tasks_are_renamed_in_one_transaction(ann: Person) -> None:
    plant_tasks(
        ann, [{"title": f"Task {number}", "labels": ["home", str(number)]} for number in range(10_000)]
    )
    began = time.perf_counter()
    assert ann.api.post("/labels/rename", {"from": "home", "to": "Haus"}).json["changed"] == 10_000
    renamed = time.perf_counter()
    assert ann.api.get("/labels").json["items"][-1] == {"name": "Haus", "count": 10_000}
    counted = time.perf_counter()
    print(f"10,000 tasks: renamed in {renamed - began:.2f} s, counted in {counted - renamed:.2f} s")  # noqa: T201

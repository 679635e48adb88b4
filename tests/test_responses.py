"""The store of answers: bounded by bytes, the least recently used thrown out first; and what has a rule."""

import sys
import tracemalloc
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskapi.clock import now
from taskapi.responses import ENTRY_BYTES, RULES, Basis, Entry, Rule, Store, life_of, rule_for


def entry(body: bytes = b"", **changes: int) -> Entry:
    times = {"since": 0, "until": now() + 60_000} | changes
    return Entry("ann", ("u:a", "d:b", "s:a"), (1, 0, 5), times["since"], times["until"], '"x"', (), body)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 3000)), max_size=60),
    st.integers(0, 6 * ENTRY_BYTES),
)
def test_the_store_is_what_a_plain_model_says(steps: list[tuple[bool, int, int]], most: int) -> None:
    store = Store(most)
    model: OrderedDict[int, int] = OrderedDict()
    evicted = 0
    for is_put, key, length in steps:
        size = ENTRY_BYTES + length
        if is_put and size <= most:
            model.pop(key, None)
            model[key] = size
            while sum(model.values()) > most:
                model.popitem(last=False)
                evicted += 1
        if is_put:
            store.put(key, entry(b"x" * length))
        elif store.get(key) is not None:
            store.used(key)
            model.move_to_end(key)
        assert {key for key in range(10) if store.get(key) is not None} == set(model)
        assert store.bytes == sum(model.values()) <= most
        assert store.counts["evicted"] == evicted


def test_dropping_an_old_entry_leaves_the_one_that_took_its_place() -> None:
    store = Store(1 << 20)
    old, new = entry(b"old"), entry(b"new")
    store.put("k", old)
    store.put("k", new)
    store.drop("k", old)
    assert store.get("k") is new
    store.drop("k", new)
    assert (store.get("k"), store.bytes) == (None, 0)


def test_what_is_counted_is_what_the_memory_takes() -> None:
    """Within a fifth; the headers of an entry are those of a real answer."""
    headers = [(f"Header-Number-{i}", "value" * 6) for i in range(12)]
    tracemalloc.start()
    try:
        store = Store(1 << 30)
        before = tracemalloc.get_traced_memory()[0]
        for number in range(500):
            made = entry((str(number) * 2000)[:2000].encode())
            made.headers = tuple((name, f"{value}{number}") for name, value in headers)
            key = (bytes(16), f"/api/v1/tasks/{number}", f"limit={number}", "br", None, "http", 1)
            made.keys = tuple(f"{letter}:{number:036}" for letter in "uds")
            made.values = (10**15 + number, 0, 10**15 + 2 * number)
            store.put(key, made)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert sys.implementation.name == "cpython"
    assert 0.8 * store.bytes <= taken <= 1.2 * store.bytes


def test_an_entry_holds_from_when_it_was_made_until_its_end() -> None:
    moment = now()
    assert entry(since=moment - 1, until=moment + 10_000).is_in_its_time()
    assert not entry(since=moment + 10_000, until=moment + 20_000).is_in_its_time(), "a clock was set back"
    assert not entry(since=0, until=moment).is_in_its_time()


def test_an_entry_is_older_than_what_saw_a_newer_epoch_of_its_own() -> None:
    assert entry().is_older_than({"s:a": 6})
    assert not entry().is_older_than({"s:a": 5, "u:a": 1})
    assert not entry().is_older_than({"s:b": 99})


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("tasks", "tasks"),
        ("tasks/x", "tasks/*"),
        ("tasks/x/history", "tasks/*/history"),
        ("projects/x", "projects/*"),
        ("me", "me"),
        ("admin/users", "admin/users"),
        ("admin/users/x", "admin/users/*"),
    ],
)
def test_each_rule_is_found_by_its_paths(path: str, name: str) -> None:
    assert rule_for(f"/api/v1/{path}") is RULES[name]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/tasks/",
        "/api/v1/" + "a/" * 30_000,
        "/api/v1/tasks/x/",
        "/api/v1/tasks/x/y",
        "/api/v1/me/limits",
        "/api/v1/me/tokens",
        "/api/v1/auth/sessions",
        "/api/v1/admin/audit",
        "/api/v1/operations",
        "/api/v1/",
        "/api/v2/tasks",
        "/tasks",
        "/health",
    ],
)
def test_what_has_no_rule_is_never_stored(path: str) -> None:
    assert rule_for(path) is None


def test_only_epochs_of_the_rules_kind_let_an_answer_be_stored() -> None:
    caller = {"u:a": 1, "d:b": 0}
    scope = Rule("tasks", "s:")
    assert life_of(scope, Basis("a", caller, {"s:a": 5}, 77)) == ({"u:a": 1, "d:b": 0, "s:a": 5}, 77)
    for under in ({}, {"u:a": 1}, {"s:a": 5, "users": 2}):
        assert life_of(scope, Basis("a", caller, under, 77)) is None
    soon = life_of(Rule("admin/users", "users", seconds=300), Basis("a", caller, {"users": 1}, now() + 10**9))
    assert soon is not None
    assert abs(soon[1] - now() - 300_000) < 10_000

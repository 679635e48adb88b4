"""Within v1 things are only added: held against the document of the last release."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.truth import document
from tools.compatibility import breaks
from tools.release_contract import released

Change = Callable[[Any], None]


def test_nothing_that_was_released_is_taken_away() -> None:
    """What is new is fine; what is meant to break waits for v2."""
    assert breaks(released(), document()) == []


def test_a_document_breaks_nothing_of_itself() -> None:
    assert breaks(document(), document()) == []


def _schemas(name: str) -> Callable[[Any], Any]:
    return lambda changed: changed["components"]["schemas"][name]


def _operation(changed: Any, method: str, path: str) -> Any:
    return changed["paths"][f"/api/v1{path}"][method]


def _planted(change: Change) -> list[str]:
    changed = copy.deepcopy(document())
    change(changed)
    return breaks(document(), changed)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["paths"].pop("/api/v1/stats"), "GET /api/v1/stats is gone"),
        (lambda d: _operation(d, "post", "/tasks").update(operationId="makeTask"), "is now makeTask"),
        (lambda d: _operation(d, "post", "/auth/login").update(security=[{"accessToken": []}]), "asks for a"),
        (lambda d: _operation(d, "get", "/tasks")["responses"].pop("304"), "status 304 is gone"),
        (lambda d: _operation(d, "get", "/tasks")["parameters"].pop(0), "query status is gone"),
        (
            lambda d: _operation(d, "get", "/tasks")["parameters"][0].update(required=True),
            "query status is needed now",
        ),
        (
            lambda d: _operation(d, "get", "/stats")["parameters"].append(
                {"name": "zone", "in": "query", "required": True, "schema": {"type": "string"}}
            ),
            "a new parameter query zone is needed",
        ),
        (
            lambda d: _operation(d, "patch", "/me")["requestBody"]["content"].pop("application/json"),
            "application/json is not taken",
        ),
        (lambda d: d["components"]["headers"]["ETag"].update(required=False), "header ETag is gone, or not"),
        (lambda d: _schemas("TaskOut")(d)["properties"].pop("labels"), ".labels is gone"),
        (lambda d: _schemas("TaskOut")(d)["required"].remove("title"), ".title is not always there"),
        (
            lambda d: _schemas("TaskOut")(d)["properties"]["title"].update(type=["string", "null"]),
            ".title: its type was ['string'] and is ['null', 'string']",
        ),
        (
            lambda d: _schemas("TaskOut")(d)["properties"]["created_at"].pop("format"),
            ".created_at: format was date-time and is None",
        ),
        (lambda d: _schemas("NewTask")(d)["required"].append("status"), ".status is needed now"),
        (
            lambda d: _schemas("NewTask")(d)["properties"]["status"]["enum"].remove("done"),
            """words are gone: ["'done'"]""",
        ),
        (
            lambda d: _schemas("NewTask")(d)["properties"]["title"].update(maxLength=100),
            ".title: maxLength was 200 and is 100",
        ),
        (
            lambda d: _schemas("NewTask")(d)["properties"]["description"].update(type="string"),
            ".description: its type was ['null', 'string'] and is ['string']",
        ),
        (
            lambda d: _schemas("Result")(d)["properties"]["body"]["anyOf"].append({"type": "integer"}),
            ".body: an alternative is new",
        ),
    ],
)
def test_a_planted_break_is_told(change: Change, told: str) -> None:
    found = _planted(change)
    assert [line for line in found if told in line], found


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["paths"].update({"/api/v1/new": {"get": {}}}),
        lambda d: _operation(d, "get", "/stats")["responses"].update({"418": {"description": "Tea."}}),
        lambda d: _schemas("TaskOut")(d)["properties"].update(colour={"type": "string"}),
        lambda d: _schemas("NewTask")(d)["properties"].update(colour={"type": "string"}),
        lambda d: _schemas("NewTask")(d)["properties"]["status"]["enum"].append("waiting"),
        lambda d: _schemas("TaskOut")(d)["properties"]["status"]["x-extensible-enum"].append("waiting"),
        lambda d: _schemas("NewTask")(d)["properties"]["title"].update(maxLength=300),
        lambda d: _schemas("NewTask")(d)["required"].clear(),
        lambda d: _operation(d, "post", "/tasks").update(summary="Create a task", deprecated=True),
    ],
)
def test_an_addition_is_no_break(change: Change) -> None:
    assert _planted(change) == []


def _removable(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all members of answers, of all operations and of all their statuses."""
    for name, schema in node["components"]["schemas"].items():
        for member in schema.get("properties", {}):
            yield ("components", "schemas", name, "properties", member)
    for where, methods in node["paths"].items():
        for method, operation in methods.items():
            yield ("paths", where, method)
            for status in operation["responses"]:
                yield ("paths", where, method, "responses", status)


@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from(sorted(_removable(document()), key=str)))
def test_whatever_is_taken_away_is_told(place: tuple[Any, ...]) -> None:
    changed = copy.deepcopy(document())
    *above, last = place
    node: Any = changed
    for step in above:
        node = node[step]
    del node[last]
    assert breaks(document(), changed), place


@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from(sorted(_removable(document()), key=str)))
def test_and_what_comes_back_is_an_addition(place: tuple[Any, ...]) -> None:
    older = copy.deepcopy(document())
    *above, last = place
    node: Any = older
    for step in above:
        node = node[step]
    del node[last]
    if "properties" in above:
        needed = older["components"]["schemas"][above[2]].get("required", [])
        if last in needed:
            # Nothing new may be asked of requests; that an answer always has it is no break.
            needed.remove(last)
            node_now = document()["components"]["schemas"][above[2]]
            if node_now.get("additionalProperties") is False:
                return
    assert breaks(older, document()) == []

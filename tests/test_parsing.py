"""From bytes to checked values: depth, JSON, and queries that say exactly what they may."""

import json
from typing import Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import Field

from taskapi.errors import BadRequest, Invalid
from taskapi.parsing import (
    MAX_DEPTH,
    Body,
    Limit,
    Line,
    Nothing,
    Query,
    QueryBool,
    body_of,
    json_of,
    pairs_of,
    query_of,
)


def _depth(text: str) -> int:
    """How deep a JSON text is nested, read character by character."""
    depth = deepest = 0
    inside = escaped = False
    for character in text:
        if inside:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                inside = False
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


# Strings that look like structure.
_TRICKY = st.text('[]{}"\\:,a\n\u00e9', max_size=12) | st.sampled_from(["[" * 40, '\\"[', "\\", '"]"'])
_LEAF = st.none() | st.booleans() | st.integers(-9, 9) | _TRICKY
_VALUE = st.recursive(
    _LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TRICKY, inner, max_size=3)
)


@st.composite
def _texts(draw: st.DrawFn) -> str:
    """A JSON text around the greatest depth, with structure-like strings beside the path down."""
    value = draw(_VALUE)
    for _ in range(draw(st.integers(0, MAX_DEPTH + 4))):
        beside = draw(_TRICKY)
        value = draw(st.sampled_from([[value], {beside: value}, [beside, value], [value, [beside]]]))
    return json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))


@settings(max_examples=250, deadline=None)
@given(text=_texts())
@example(text="[" * MAX_DEPTH + "]" * MAX_DEPTH)
@example(text="[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
@example(text="[" + ",".join(["[]"] * 100) + "]")
@example(text=json.dumps(["[" * 100, '"' + "{" * 100]))
@example(text=json.dumps({"[" * 40: '\\"' * 9}))
def test_exactly_what_is_nested_too_deep_is_refused(text: str) -> None:
    if _depth(text) > MAX_DEPTH:
        with pytest.raises(BadRequest) as refusal:
            json_of(text.encode())
        assert refusal.value.code == "json_too_deep"
    else:
        assert json_of(text.encode()) == json.loads(text)


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=18) | st.text('[]{}"\\:,1eE-+.u0dD8 ', max_size=18).map(str.encode))
@example(raw=b"\xef\xbb\xbf{}")
@example(raw=b"NaN")
@example(raw=b'["\\ud800", NaN]')
@example(raw=b'["\\ud800", Infinity]')
@example(raw=b'["\\ud800",]')
@example(raw=b'{"a": 1} {}')
@example(raw=b"[" * 200_000)
def test_bytes_are_json_as_the_standard_has_it_or_refused(raw: bytes) -> None:
    try:
        expected = json.loads(raw.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        with pytest.raises(BadRequest):
            json_of(raw)
    else:
        assert json_of(raw) == expected


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def test_half_of_a_surrogate_pair_passes_here_to_be_refused_by_its_field() -> None:
    assert json_of(b'{"title": "\\ud800"}') == {"title": "\ud800"}
    # A name that is no text can have no pointer of its own: the whole is named.
    for raw, pointer in ((b'{"title": "\\ud800"}', "/title"), (b'{"title": "x", "\\ud800": 1}', "")):
        with pytest.raises(Invalid) as refusal:
            body_of(_Form, raw)
        assert [fault["pointer"] for fault in refusal.value.errors or []] == [pointer]


class _Form(Body):
    title: Line
    done: bool = False


@pytest.mark.parametrize(
    ("raw", "pointers"),
    [
        (b"[]", [""]),
        (b'"x"', [""]),
        (b"null", [""]),
        (b"{}", ["/title"]),
        (b'{"title": 5, "done": "true", "more": 1}', ["/title", "/done", "/more"]),
        (b'{"title": "x", "done": 1}', ["/done"]),
        (b'{"title": "x", "a/b~c": 1}', ["/a~1b~0c"]),
        (b'{"title": "x", "": 1}', ["/"]),
    ],
)
def test_each_bad_field_is_named_by_its_pointer(raw: bytes, pointers: list[str]) -> None:
    with pytest.raises(Invalid) as refusal:
        body_of(_Form, raw)
    assert [fault["pointer"] for fault in refusal.value.errors or []] == pointers


def test_a_million_unknown_fields_are_not_answered_with_a_million_faults() -> None:
    raw = json.dumps({"title": "x"} | {f"field {number}": number for number in range(10_000)}).encode()
    with pytest.raises(Invalid) as refusal:
        body_of(_Form, raw)
    assert 0 < len(refusal.value.errors or []) <= 50


def test_a_call_without_need_of_a_body_takes_none_or_an_empty_object() -> None:
    assert body_of(Nothing, b"") == body_of(Nothing, b" {} ") == Nothing()
    with pytest.raises(Invalid):
        body_of(Nothing, b'{"a": 1}')
    with pytest.raises(BadRequest) as refusal:
        body_of(_Form, b"")
    assert refusal.value.code == "malformed_json"


class _Search(Query):
    limit: Limit = 50
    count: QueryBool = False
    cursor: str | None = None
    label: list[str] = Field(default_factory=list)


@settings(max_examples=150, deadline=None)
@given(limit=st.text("0123456789+-_. e٣\n", max_size=4) | st.integers(-5, 250).map(str))
def test_a_limit_is_digits_between_1_and_200(limit: str) -> None:
    good = limit != "" and all(digit in "0123456789" for digit in limit) and 1 <= int(limit) <= 200
    _judge({"limit": [limit]}, [] if good else ["query/limit"])


@settings(max_examples=60, deadline=None)
@given(said=st.sampled_from(["true", "false"]) | st.text("truefalsTRUE01yn ", max_size=5))
def test_a_boolean_is_true_or_false_in_these_words(said: str) -> None:
    _judge({"count": [said]}, [] if said in {"true", "false"} else ["query/count"])


_NAMES = ("limit", "count", "cursor", "label", "Limit", "limit[]", "", "x")
_GOOD = {"limit": "5", "count": "true", "cursor": "abc", "label": "home"}


@settings(max_examples=150, deadline=None)
@given(times=st.dictionaries(st.sampled_from(_NAMES), st.integers(1, 3)))
def test_a_query_has_known_names_once_each_but_lists(times: dict[str, int]) -> None:
    pairs = {name: [_GOOD.get(name, "x")] * count for name, count in times.items()}
    bad = [name for name, count in times.items() if name not in _GOOD or (count > 1 and name != "label")]
    _judge(pairs, [f"query/{name}" for name in bad])
    if not bad:
        found = query_of(_Search, pairs)
        assert found is not None
        assert found.label == pairs.get("label", [])
        assert found.limit == (5 if "limit" in pairs else 50)
    with_nothing = [f"query/{name}" for name in times]
    if with_nothing:
        with pytest.raises(BadRequest) as refusal:
            query_of(None, pairs)
        assert [fault["pointer"] for fault in refusal.value.errors or []] == with_nothing
    else:
        assert query_of(None, pairs) is None


def _judge(pairs: dict[str, list[str]], pointers: list[str]) -> None:
    """See that a query is read, or refused for exactly these."""
    if not pointers:
        assert query_of(_Search, pairs) is not None
        return
    with pytest.raises(BadRequest) as refusal:
        query_of(_Search, pairs)
    assert refusal.value.code == "bad_query"
    assert [fault["pointer"] for fault in refusal.value.errors or []] == pointers


def test_a_query_may_be_utf_8_as_it_is_or_encoded() -> None:
    expected = {"q": ["straße und mehr"], "x": ["", "1"]}
    for query in ("q=straße+und%20mehr&x=&x=1", "q=stra%C3%9Fe%20und+mehr&x=&x=1"):
        assert pairs_of(query.encode()) == expected
    for bad in (b"q=\xff", b"q=%ff", b"q=%", b"q=%2", b"q=%g0"):
        with pytest.raises(BadRequest):
            pairs_of(bad)


class _Kinds(Body):
    word: str = ""
    choice: Literal["a", "b"] = "a"
    many: list[str] = Field([])
    flag: bool = False
    inner: dict[str, str] = Field({})


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("word", None, "must be a string"),
        ("choice", None, "must be `a` or `b`"),
        ("many", None, "must be a list"),
        ("flag", None, "must be `true` or `false`"),
        ("inner", None, "must be an object"),
    ],
)
def test_a_value_of_another_kind_is_told_in_the_words_of_json(field: str, value: Any, told: str) -> None:
    with pytest.raises(Invalid) as refused:
        body_of(_Kinds, json.dumps({field: value}).encode())
    assert refused.value.errors == [{"pointer": f"/{field}", "detail": told}]


def test_a_number_beyond_its_bounds_is_told_the_bound() -> None:
    for given_, told in (("0", "must be at least 1"), ("201", "must be at most 200")):
        with pytest.raises(BadRequest) as refused:
            query_of(_Search, {"limit": [given_]})
        assert refused.value.errors == [{"pointer": "query/limit", "detail": told}]

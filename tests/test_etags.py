"""Entity tags, and the lists of them that RFC 9110 allows."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from taskapi.errors import BadRequest, StaleMatch
from taskapi.etags import Match, etag_of

_OPAQUE = st.text(st.sampled_from([chr(c) for c in (0x21, *range(0x23, 0x7F), 0x80, 0xA0, 0xFF)]), max_size=8)
_TAG = st.tuples(st.booleans(), _OPAQUE)
_SPACE = st.text(" \t", max_size=2)


def _parsed(header: str) -> tuple[tuple[bool, str], ...] | None:
    """RFC 9110 by hand (sections 5.6.1.2, 8.8.3 and 13.1.1): the tags, or None where it is malformed."""
    found, at = [], 0
    while True:
        at = _after_space(header, at)
        weak = header.startswith('W/"', at)
        if weak:
            at += 2
        if header[at : at + 1] == '"':
            end = header.find('"', at + 1)
            opaque = header[at + 1 : end]
            if end < 0 or not all(_is_etagc(character) for character in opaque):
                return None
            found.append((weak, opaque))
            at = _after_space(header, end + 1)
        if at == len(header):
            return tuple(found)
        if header[at] != ",":
            return None
        at += 1


def _after_space(header: str, at: int) -> int:
    while header[at : at + 1] in {" ", "\t"}:
        at += 1
    return at


def _is_etagc(character: str) -> bool:
    code = ord(character)
    return code == 0x21 or 0x23 <= code <= 0x7E or 0x80 <= code <= 0xFF


@settings(max_examples=400, deadline=None)
@given(header=st.text('"W/, \ta*-\x7f\u00a0\x85\x0b', max_size=14))
@example(header='"a", W/"b" ,, "c,d" ,')
@example(header="")
@example(header=",")
@example(header='"a" "b"')
@example(header='"a",\u00a0"b"')
@example(header='"a",\x0b"b"')
@example(header='W/ "a"')
@example(header='w/"a"')
@example(header='*, "a"')
def test_exactly_the_lists_of_the_standard_are_taken(header: str) -> None:
    if header.strip(" \t") == "*":
        assert Match.parse(header, "If-Match") == Match(None)
        return
    tags = _parsed(header)
    # The standard lets a list be empty; as a condition it could only be a mistake.
    if tags:
        assert Match.parse(header, "If-Match") == Match(tags)
        return
    with pytest.raises(BadRequest) as refusal:
        Match.parse(header, "If-Match")
    assert [fault["pointer"] for fault in refusal.value.errors or []] == ["header/If-Match"]


@settings(max_examples=150, deadline=None)
@given(tags=st.lists(_TAG, min_size=1, max_size=5), spaces=st.lists(_SPACE, min_size=10, max_size=10))
def test_a_written_list_is_read_back(tags: list[tuple[bool, str]], spaces: list[str]) -> None:
    space = iter(spaces)
    written = [f'{next(space)}{"W/" if weak else ""}"{opaque}"{next(space)}' for weak, opaque in tags]
    found = Match.parse(",".join(written), "If-None-Match")
    assert found is not None
    assert found.tags is not None
    endings = ("-zstd", "-br", "-gzip")
    plain = [(weak, opaque) for weak, opaque in tags if not opaque.endswith(endings)]
    assert [tag for tag in found.tags if tag in plain] == plain


def test_a_header_that_was_not_sent_matches_nothing() -> None:
    assert Match.parse(None, "If-Match") is None


@settings(max_examples=100, deadline=None)
@given(tags=st.lists(_TAG, min_size=1, max_size=4), encoding=st.sampled_from(["", "-gzip", "-br", "-zstd"]))
def test_if_match_compares_strongly_and_if_none_match_weakly(
    tags: list[tuple[bool, str]], encoding: str
) -> None:
    current = etag_of("task", "x", 1)
    header = ", ".join(f'{"W/" if weak else ""}"{opaque}"' for weak, opaque in tags)
    for named in (f'{current[:-1]}{encoding}"', f'W/{current[:-1]}{encoding}"'):
        match = Match.parse(f"{header}, {named}", "If-Match")
        assert match is not None
        assert match.is_current(current)
        if named.startswith("W/"):
            with pytest.raises(StaleMatch) as refusal:
                match.admit(current)
            assert refusal.value.headers["ETag"] == current
        else:
            match.admit(current)
    without = Match.parse(header, "If-Match")
    assert without is not None
    assert not without.is_current(current)


_PART = st.integers(0, 99) | st.text("ab1 -,", max_size=4)


@settings(max_examples=200, deadline=None)
@given(one=st.lists(_PART, max_size=3), other=st.lists(_PART, max_size=3))
def test_tags_are_equal_only_where_their_parts_are(one: list[object], other: list[object]) -> None:
    assert (etag_of(*one) == etag_of(*other)) == (list(map(str, one)) == list(map(str, other)))
    assert _parsed(etag_of(*one)) == ((False, etag_of(*one).strip('"')),)

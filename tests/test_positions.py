"""Places in a list: at its ends, between two, and spread anew."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskapi import positions
from taskapi.positions import LONGEST, Order, between, bottom, has_room, spread, top

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_YEAR_2398 = 62**9 - 1
_YEAR_1977 = 62**8
_EPOCHS = st.integers(_YEAR_1977, _YEAR_2398)
_INNER = st.builds(
    lambda body, last: body + last, st.text(_DIGITS, min_size=10, max_size=30), st.sampled_from(_DIGITS[1:])
)
_PLACES = st.builds(top, _EPOCHS) | st.builds(bottom, _EPOCHS) | _INNER
_GAPS = st.lists(_PLACES, min_size=2, max_size=2, unique=True).map(sorted)


@settings(max_examples=300, deadline=None)
@given(epoch=st.integers(0, _YEAR_2398), later=st.integers(1, 5) | _EPOCHS)
def test_a_place_is_before_every_place_made_earlier(epoch: int, later: int) -> None:
    newer = min(epoch + later, _YEAR_2398)
    if newer > epoch:
        assert top(newer) < top(epoch)
        assert top(newer).encode() < top(epoch).encode()


@settings(max_examples=200, deadline=None)
@given(epoch=st.integers(0, _YEAR_2398))
def test_a_place_has_nine_letters_or_digits_and_tells_its_epoch(epoch: int) -> None:
    place = top(epoch)
    assert len(place) == 9
    assert place.isascii()
    assert place.isalnum()
    value = 0
    for character in place:
        value = value * 62 + _DIGITS.index(character)
    assert value + epoch == _YEAR_2398


def test_the_first_and_the_last_place_differ_in_every_character() -> None:
    assert (top(0), top(_YEAR_2398)) == ("z" * 9, "0" * 9)


@settings(max_examples=200, deadline=None)
@given(epoch=_EPOCHS, older=_EPOCHS)
def test_a_bottom_is_after_every_top_and_every_older_bottom(epoch: int, older: int) -> None:
    assert top(older) < bottom(epoch)
    assert len(bottom(epoch)) == 10
    if older < epoch:
        assert bottom(older) < bottom(epoch)


@settings(max_examples=500, deadline=None)
@given(gap=_GAPS, count=st.integers(1, 70))
def test_places_spread_into_a_gap_lie_in_it_in_order(gap: list[str], count: int) -> None:
    low, high = gap
    found = spread(low, high, count)
    assert [low, *found, high] == sorted({low, *found, high})
    assert len(found) == count
    assert {len(place) for place in found} == {len(found[0])}
    assert len(found[0]) >= 11
    assert not any(place.endswith("0") for place in found)
    # Two digits are enough for a hundred, and the ends are cut off at most one digit early.
    assert len(found[0]) <= max(11, len(low) + 4, len(high) + 4)


def test_ends_that_count_for_nothing_do_not_hide_a_place() -> None:
    for low, high in (("s00000000", "s00000001"), ("s0000000z", "s00000010"), ("rzzzzzzzz", "s00000000")):
        assert low < between(low, high) < high


@given(place=_PLACES, other=_PLACES)
def test_there_is_nothing_between_what_is_not_in_order(place: str, other: str) -> None:
    low, high = max(place, other), min(place, other)
    with pytest.raises(ValueError, match="nothing between"):
        between(low, high)
    with pytest.raises(ValueError, match="nothing between"):
        between(low, f"{low}00")


@settings(max_examples=300, deadline=None)
@given(gap=_GAPS, sides=st.lists(st.booleans(), min_size=1, max_size=120))
def test_where_there_is_room_so_many_placings_keep_to_the_length(gap: list[str], sides: list[bool]) -> None:
    low, high = gap
    if not has_room(low, high, len(sides)):
        return
    for side in sides:
        place = between(low, high)
        assert len(place) <= LONGEST
        low, high = (place, high) if side else (low, place)


def test_between_two_new_tasks_there_is_room_for_all_placings_of_a_bulk() -> None:
    for epoch in (_YEAR_1977 + 1, 1_800_000_000_000_000):
        assert has_room(top(epoch + 1), top(epoch), 100)
        assert has_room(bottom(epoch), bottom(epoch + 1), 100)
    # What is spread anew has it too.
    wide = "1" * (positions._LONGEST_SPREAD - 1)
    assert has_room(f"{wide}1", f"{wide}2z", 100)


@st.composite
def _lists(draw: st.DrawFn) -> tuple[dict[str, str], list[str]]:
    """A list, some of it crowded to one point as by many placings, and a few of its ids."""
    count = draw(st.integers(1, 300))
    places = {f"{number:03}": top(_YEAR_1977 + 1000 * number) for number in range(count)}
    order = Order(places)
    anchor = draw(st.sampled_from(sorted(places)))
    for number in range(draw(st.integers(0, 260))):
        side = draw(st.sampled_from(["after", "before"])) if number % 7 == 0 else "after"
        place = order.place(side, anchor, _YEAR_2398 - 1000 + number)  # type: ignore[arg-type]
        order.put(f"n{number:03}", place)
        places[f"n{number:03}"] = place
        if draw(st.booleans()) and number % 5 == 0:
            anchor = f"n{number:03}"
    return places, draw(st.lists(st.sampled_from(sorted(places)), min_size=1, max_size=4))


@settings(max_examples=40, deadline=None)
@given(made=_lists())
def test_spreading_anew_makes_room_and_keeps_the_order(made: tuple[dict[str, str], list[str]]) -> None:
    places, anchors = made
    before = sorted(places, key=lambda one: (places[one], one))
    order = Order(places)
    moved = order.spread_anew(anchors, 16, _YEAR_2398 - 1)
    after = places | moved
    assert sorted(after, key=lambda one: after[one]) == before
    assert len(set(after.values())) == len(after)
    assert not any(order.is_crowded(one, 16) for one in anchors)
    assert all(top(_YEAR_2398 - 1) < place < bottom(_YEAR_2398 - 1) for place in after.values())
    if not any(Order(places).is_crowded(one, 16) for one in anchors):
        assert moved == {}


def test_equal_places_are_told_apart_again() -> None:
    place = between(top(_YEAR_1977 + 9), top(_YEAR_1977))
    order = Order({f"{number:03}": place for number in range(150)})
    with pytest.raises(ValueError, match="nothing between"):
        order.place("after", "070", _YEAR_2398)
    order.spread_anew(["070"], 1, _YEAR_2398)
    assert order.place("after", "070", _YEAR_2398)
    assert order.is_beside("071", "after", "070")

"""Places at the top of a list."""

from hypothesis import given, settings
from hypothesis import strategies as st

from taskapi.positions import bottom, top

_YEAR_2398 = 62**9 - 1
_EPOCHS = st.integers(0, _YEAR_2398)


@settings(max_examples=300, deadline=None)
@given(epoch=_EPOCHS, later=st.integers(1, 5) | _EPOCHS)
def test_a_place_is_before_every_place_made_earlier(epoch: int, later: int) -> None:
    newer = min(epoch + later, _YEAR_2398)
    if newer > epoch:
        assert top(newer) < top(epoch)
        assert top(newer).encode() < top(epoch).encode()


@settings(max_examples=200, deadline=None)
@given(epoch=_EPOCHS)
def test_a_place_has_nine_letters_or_digits_and_tells_its_epoch(epoch: int) -> None:
    place = top(epoch)
    assert len(place) == 9
    assert place.isascii()
    assert place.isalnum()
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    value = 0
    for character in place:
        value = value * 62 + digits.index(character)
    assert value + epoch == _YEAR_2398


def test_the_first_and_the_last_place_differ_in_every_character() -> None:
    assert (top(0), top(_YEAR_2398)) == ("z" * 9, "0" * 9)


@settings(max_examples=300, deadline=None)
@given(epoch=_EPOCHS, later=st.integers(1, 5) | _EPOCHS)
def test_a_place_at_the_bottom_is_after_every_place_made_earlier(epoch: int, later: int) -> None:
    newer = min(epoch + later, _YEAR_2398)
    if newer > epoch:
        assert bottom(epoch) < bottom(newer)
    # Epochs are microseconds since 1970, and no clock shows a year before 1977.
    if epoch >= 62**8:
        assert top(epoch) < bottom(0)

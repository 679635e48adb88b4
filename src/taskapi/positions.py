"""Places in a list, as strings compared by code point: digits of base 62, read as those of a fraction.

The ends are made from the scope's epoch alone, without reading, and never grow longer: each top is before all
made earlier, each bottom after them. Between two neighbours lies a midpoint; where halving has made it long,
the neighbourhood is spread anew (ADR 6).
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, KeysView, Mapping
from typing import Literal

Side = Literal["after", "before"]

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE = len(_DIGITS)
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_END_LENGTH = 9
# In microseconds that lasts until the year 2398.
_HIGHEST = _BASE**_END_LENGTH - 1
# One digit more than the longest end, so that no midpoint is ever a place that a trashed task comes back to.
_SHORTEST = 11
LONGEST = 40
# So long at most are places spread anew: each gap between them then has room for the placings of one bulk.
_LONGEST_SPREAD = 20
# How many neighbours on each side are spread anew, at first.
_REACH = 32


def top(epoch: int) -> str:
    """The place before every place made under an older epoch of the scope; nine digits."""
    return _written(_HIGHEST - epoch, _END_LENGTH)


def bottom(epoch: int) -> str:
    """The place after every top (no clock shows a year before 1977) and every older bottom; ten digits."""
    return "z" + _written(epoch, _END_LENGTH)


def between(low: str, high: str) -> str:
    """The middle of two places. Raises ValueError where they are not in order."""
    return spread(low, high, 1)[0]


def spread(low: str, high: str, count: int) -> list[str]:
    """So many places evenly between two, of one length, none ending in 0 (it would count for nothing).

    Raises ValueError where the two are not in order.
    """
    if not _is_before(low, high):
        raise ValueError("there is nothing between")
    length = _SHORTEST
    first, room = _room(low, high, length)
    while room < (count + 1) * _BASE:
        length += 1
        first, room = _room(low, high, length)
    numbers = (first + room * part // (count + 1) for part in range(1, count + 1))
    return [_written(number if number % _BASE else number + 1, length) for number in numbers]


def has_room(low: str, high: str, placings: int) -> bool:
    """Whether so many placings into this gap, each beside the last, keep to the longest length.

    A midpoint leaves 0.48 of its gap on either side, or more: that is less than 9/8 of a bit.
    """
    return _room(low, high, LONGEST)[1] >= (2 * _BASE + 2) << (placings * 9 // 8)


class Order:
    """A list in memory, or what is known of it: ids in the order of their places."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._entries = sorted((place, one) for one, place in self._places.items())

    def __contains__(self, one: str) -> bool:
        return one in self._places

    def ids(self) -> KeysView[str]:
        return self._places.keys()

    def put(self, one: str, place: str) -> None:
        self.take(one)
        self._places[one] = place
        insort(self._entries, (place, one))

    def take(self, one: str) -> None:
        """Take it out, where it is in."""
        if one in self._places:
            self._entries.remove((self._places.pop(one), one))

    def is_beside(self, one: str, side: Side, other: str) -> bool:
        """Whether it is directly after, or before, another."""
        found = self._index(other) + (1 if side == "after" else -1)
        return 0 <= found < len(self._entries) and self._entries[found][1] == one

    def place(self, side: Side, other: str, epoch: int) -> str:
        """A new place directly after, or before, another. Raises ValueError where there is none."""
        low, high = self._gap(self._index(other) + (side == "after"))
        if low is None:
            return top(epoch)
        return bottom(epoch) if high is None else between(low, high)

    def is_crowded(self, one: str, placings: int) -> bool:
        """Whether a gap beside it has no room for so many placings."""
        at = self._index(one)
        return any(
            low is not None and high is not None and not has_room(low, high, placings)
            for low, high in (self._gap(at), self._gap(at + 1))
        )

    def spread_anew(self, crowded: Iterable[str], placings: int, epoch: int) -> dict[str, str]:
        """Make room around each that is crowded; the new places. The list has to be known whole."""
        moved: dict[str, str] = {}
        for one in crowded:
            if self.is_crowded(one, placings):
                moved |= self._spread_around(self._index(one), epoch)
        return moved

    def _spread_around(self, at: int, epoch: int) -> dict[str, str]:
        """Spread a window between the places outside it, wider until they are far enough apart."""
        reach, fresh = _REACH, [""]
        while True:
            start, end = max(at - reach, 0), at + reach
            low, high = self._gap(start)[0] or top(epoch), self._gap(end)[1] or bottom(epoch)
            window = self._entries[start:end]
            if _is_before(low, high):
                fresh = spread(low, high, len(window))
                if len(fresh[0]) <= _LONGEST_SPREAD or len(window) == len(self._entries):
                    break
            reach *= 2
        moved = {one: place for (_, one), place in zip(window, fresh, strict=True)}
        self._entries[start:end] = [(place, one) for one, place in moved.items()]
        self._places |= moved
        return moved

    def _gap(self, at: int) -> tuple[str | None, str | None]:
        """The places on either side of where the entry of this index begins; None beyond an end."""
        low = self._entries[at - 1][0] if 0 < at <= len(self._entries) else None
        return low, self._entries[at][0] if at < len(self._entries) else None

    def _index(self, one: str) -> int:
        return bisect_left(self._entries, (self._places[one], one))


def _is_before(low: str, high: str) -> bool:
    """Whether there is anything between: as fractions, not as texts, where one only ends in more zeros."""
    return low.rstrip("0") < high.rstrip("0")


def _room(low: str, high: str, length: int) -> tuple[int, int]:
    """Where a gap begins, in units of the digit of this number, and how many units wide it is."""
    first = _number(low, length)
    return first, _number(high, length) - first


def _number(place: str, length: int) -> int:
    """The fraction in units of its digit of this number; what is finer is cut off."""
    number = 0
    for digit in place[:length].ljust(length, "0"):
        number = number * _BASE + _VALUES[digit]
    return number


def _written(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, _BASE)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))

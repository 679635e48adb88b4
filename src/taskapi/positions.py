"""Places in a list, as strings compared by code point.

A place at the top is made from the scope's epoch alone, without reading: each is before all made earlier.
"""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 9
# In microseconds that lasts until the year 2398.
_HIGHEST = len(_DIGITS) ** _LENGTH - 1


def top(epoch: int) -> str:
    """The place before every place made under an older epoch of the scope; nine base-62 digits."""
    return _written(_HIGHEST - epoch)


def bottom(epoch: int) -> str:
    """The place after every top (no clock shows a year before 1977) and every older bottom; ten digits."""
    return "z" + _written(epoch)


def _written(number: int) -> str:
    place = ""
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        place = _DIGITS[digit] + place
    return place

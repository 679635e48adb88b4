"""Ids that are the same in each run: shaped like UUIDv7 (RFC 9562), what is random in them is a digest."""

from hashlib import blake2b

from taskapi.clock import DAY

# So far back the oldest tasks go.
_DAYS = 400
_GOLDEN = 0.618_033_988_749_894_8


def id_at(moment: int, *name: object) -> str:
    """The id of what has this name, made at a moment."""
    bits = int.from_bytes(blake2b(repr(name).encode(), digest_size=10).digest())
    number = (moment << 80) | (0x7 << 76) | ((bits >> 62 & 0xFFF) << 64) | (0b10 << 62) | (bits & ~(-1 << 62))
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_named(identity: str, *name: object) -> bool:
    """Whether an id was made from this name, whenever."""
    return identity[14:] == id_at(0, *name)[14:]


def age_of(number: int) -> int:
    """How long before the seed's day the task of this number was made, in milliseconds.

    Multiples of the golden ratio cut a line evenly however many there are, so a larger `--tasks` adds to what
    a smaller one made; squared, because people have more new tasks than old ones.
    """
    part = (number + 1) * _GOLDEN % 1
    return int(part * part * _DAYS * DAY) + number % 60_000

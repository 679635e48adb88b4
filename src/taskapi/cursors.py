"""Walking a list page by page: opaque, sealed cursors, and what a page is made of.

A cursor holds the sort key and id of the last row of its page; the next page begins after them. So a row that
keeps its sort key is met exactly once, whatever is inserted, changed or deleted meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from taskapi.errors import BadRequest
from taskapi.tokens import Seal


@dataclass(frozen=True)
class Page:
    """Rows of one snapshot, the epoch they were read under, and whether there are more."""

    rows: Sequence[Any]
    under: int
    has_more: bool


def page_of(found: Sequence[Any], limit: int) -> Page:
    """A page of what `epochs.with_epoch` found when it was asked for one row more than `limit`."""
    rows = found if found[0].id is not None else found[:0]
    return Page(rows[:limit], found[0].under, len(rows) > limit)


def page_of_no_epoch(found: Sequence[Any], limit: int) -> Page:
    """As `page_of`, of what is never stored and so was read without an epoch."""
    return Page(found[:limit], 0, len(found) > limit)


def opened(cursors: Seal, cursor: str, binding: str) -> list[Any]:
    """What a cursor was made of. Raises BadRequest for one that is not ours or not for this list."""
    try:
        return list(cursors.open(cursor, binding))
    except ValueError:
        detail = "is not a cursor of this list; start again without one"
        raise BadRequest(
            "The cursor cannot be used here.",
            errors=[{"pointer": "query/cursor", "detail": detail}],
            code="bad_cursor",
        ) from None

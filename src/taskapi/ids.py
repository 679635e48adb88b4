"""Ids: UUIDs that tell when they were made."""

from uuid import UUID

from uuid_utils import uuid7


def new_id() -> str:
    """A UUIDv7 (RFC 9562): ordered by time, made anywhere."""
    return str(uuid7())


def first_id(moment: int) -> str:
    """What no id made in this millisecond since 1970, or later, is less than."""
    return str(UUID(int=max(moment, 0) << 80))


def moment_of(made_id: str) -> int:
    """The millisecond since 1970 in which an id was made."""
    return UUID(made_id).int >> 80

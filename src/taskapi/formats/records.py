"""What stands in a file: tasks and projects as plain records, and what keeps a file from being read."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FoundTask:
    """A task of a file, not checked yet: by the names of the API, with `project` for the name of one."""

    number: int
    fields: dict[str, Any]


@dataclass(frozen=True)
class FoundProject:
    """A project of a file; `key` is what its tasks name it by."""

    key: str
    fields: dict[str, Any] = field(default_factory=dict)


class Unreadable(Exception):
    """The file is not of the format that was named; the text says why, for whoever sent it."""

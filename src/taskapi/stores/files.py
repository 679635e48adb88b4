"""What a place for files can do: a file is there whole, or not at all."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from taskapi.errors import Busy

# Of a file that is read or sent, at a time.
CHUNK_BYTES = 1 << 16


class Missing(Exception):
    """There is no such file."""


class FilesAway(Busy):
    """The place for files cannot be reached, or refuses."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The place where files are kept cannot be used ({reason}). Try again shortly.")


@dataclass(frozen=True)
class Stored:
    """A file as it is listed; `modified` is milliseconds since 1970."""

    name: str
    size: int
    modified: int


class FileStore(Protocol):
    """Names are of letters, digits, `.`, `_`, `-` and `/`; whoever calls it made them."""

    def put(self, name: str, path: Path) -> None:
        """Keep a file under a name, in place of the one there was. `path` may be gone afterwards."""

    def read(self, name: str) -> Iterator[bytes]:
        """The content in parts. Raises Missing before the first."""

    def remove(self, name: str) -> None:
        """Nothing is said where it is not there."""

    def list(self, prefix: str) -> Iterator[Stored]:
        """The files whose names begin so, in the order of their names."""

"""The numbers of a process, in memory that the other processes of its instance can read (ADR 21).

A cell is some numbers under a name and labels, written anew each second from what the process counts.
"""

import mmap
import os
import struct
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

_USED = struct.Struct("<Q")
_NAMES_BYTES = 1 << 17
_NUMBERS = 1 << 15
SIZE = _NAMES_BYTES + 8 * _NUMBERS
# No cell begins at 0.
_FIRST = 1


class Cell(NamedTuple):
    """Numbers as they were read."""

    name: str
    labels: tuple[str, ...]
    numbers: tuple[float, ...]


class Cells:
    """Written by one process, from any of its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[tuple[str, tuple[str, ...]], int] = {}
        self._next = _FIRST
        self._memory: memoryview = memoryview(bytearray(SIZE))
        self._named = _USED.size
        self._lay_out()

    def _lay_out(self) -> None:
        self._numbers = self._memory[_NAMES_BYTES:].cast("d")

    def share(self, path: Path) -> None:
        """Keep them from now on where other processes find them. Raises OSError where there is no room.

        All of it is taken at once: a page that finds no room on a full disk would end the process.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, SIZE)
            else:
                os.truncate(descriptor, SIZE)
            shared = memoryview(mmap.mmap(descriptor, SIZE))
        except OSError:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        with self._lock:
            shared[:] = self._memory
            self._memory = shared
            self._lay_out()

    def put(self, name: str, labels: tuple[str, ...], numbers: Sequence[float]) -> None:
        """Keep these numbers under a name; a cell has always as many. What finds no room is left out."""
        with self._lock:
            place = self._places.get((name, labels)) or self._new_place(name, labels, len(numbers))
            for offset, number in enumerate(numbers if place else ()):
                self._numbers[place + offset] = number

    def read(self) -> Iterator[Cell]:
        return read(self._memory)

    def _new_place(self, name: str, labels: tuple[str, ...], width: int) -> int:
        line = orjson.dumps([name, labels, width], option=orjson.OPT_APPEND_NEWLINE)
        if self._named + len(line) > _NAMES_BYTES or self._next + width > _NUMBERS:
            return 0
        self._memory[self._named : self._named + len(line)] = line
        self._named += len(line)
        # Last: who reads meanwhile finds it whole or not at all.
        _USED.pack_into(self._memory, 0, self._named)
        place = self._places[name, labels] = self._next
        self._next += width
        return place


def read(memory: memoryview) -> Iterator[Cell]:
    """The cells in a process's memory."""
    used = max(_USED.size, _USED.unpack_from(memory)[0])
    numbers = memory[_NAMES_BYTES:].cast("d")
    place = _FIRST
    for line in bytes(memory[_USED.size : used]).splitlines():
        name, labels, width = orjson.loads(line)
        yield Cell(name, tuple(labels), tuple(numbers[place : place + width]))
        place += width


def read_file(path: Path) -> list[Cell]:
    """The cells of another process, none where it left no whole file."""
    try:
        whole = path.read_bytes()
    except OSError:
        return []
    return list(read(memoryview(whole))) if len(whole) == SIZE else []

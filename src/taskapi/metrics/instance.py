"""The processes of an instance, and what they count together.

They have the same parent: granian's or gunicorn's, or Celery's. Each keeps its numbers in a file of a folder
that is named after it, and what is gone is added up in one more: so no sum ever falls.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from operator import add
from pathlib import Path

from taskapi.metrics import requests
from taskapi.metrics.cells import Cell, Cells, read_file
from taskapi.metrics.measures import OF_A_PROCESS

_FOLDER = "metrics"
# What processes counted that are gone, and the cells that say which they were.
_GONE = "gone"
_FOLDED = "folded"
# What holds of a moment, and not of a process that is gone.
_OF_NOW = {requests.IN_FLIGHT, *(one.name for one in OF_A_PROCESS if one.kind == "gauge")}


class Instance:
    """Seen from one of its processes, or from their parent, which counts nothing itself."""

    def __init__(self, home: Path, parent: int, own: Cells | None, save: Callable[[], None]) -> None:
        """`save` writes what this process counted into its cells."""
        self._folder = home / _FOLDER / _named(parent)
        self._own = own
        self._save = save
        self._is_shared = own is None
        self._folding = threading.Lock()

    def share(self) -> None:
        """Have the others find this process's numbers. Raises OSError where there is no room for them."""
        if self._own is not None:
            self._own.share(self._folder / _named(os.getpid()))
            self._is_shared = True

    def save(self) -> None:
        self._save()

    def cells(self) -> Iterator[Cell]:
        """All that is counted, as it is now here, and as it was within the last second elsewhere."""
        self._save()
        if self._own is not None:
            yield from self._own.read()
        if not self._is_shared:
            return
        yield from self._of_others()

    def _of_others(self) -> Iterator[Cell]:
        own = _named(os.getpid())
        with self._folding:
            others = [path for path in sorted(self._folder.glob("[0-9]*-*")) if path.name != own]
            dead = [path for path in others if not _lives(path.name)]
            yield from self._folded(dead)
            for path in others:
                if path not in dead:
                    yield from read_file(path)

    def _folded(self, dead: Sequence[Path]) -> list[Cell]:
        """What processes counted that are gone, which is kept in one file, and theirs no longer.

        The file says whose numbers it holds: who was added and not removed yet is not added again.
        """
        before = read_file(self._folder / _GONE)
        held = {cell.labels[0] for cell in before if cell.name == _FOLDED}
        sums = {(cell.name, cell.labels): cell.numbers for cell in before if cell.name != _FOLDED}
        for path in dead:
            for cell in read_file(path) if path.name not in held else ():
                if cell.name not in _OF_NOW:
                    so_far = sums.get((cell.name, cell.labels), (0.0,) * len(cell.numbers))
                    sums[cell.name, cell.labels] = tuple(map(add, so_far, cell.numbers))
        found = [Cell(name, labels, numbers) for (name, labels), numbers in sums.items()]
        if dead:
            self._keep(found, dead)
        return found

    def _keep(self, found: Sequence[Cell], dead: Sequence[Path]) -> None:
        gone = Cells()
        for name, labels, numbers in found:
            gone.put(name, labels, numbers)
        for path in dead:
            gone.put(_FOLDED, (path.name,), (1.0,))
        try:
            gone.share(self._folder / f"{_GONE}.new")
            (self._folder / f"{_GONE}.new").replace(self._folder / _GONE)
        except OSError:
            # A full disk: theirs stay, and are added up the next time.
            return
        for path in dead:
            path.unlink(missing_ok=True)


def forget_the_dead(home: Path) -> None:
    """Remove what instances left that are gone."""
    for folder in (home / _FOLDER).glob("*-*"):
        if not _lives(folder.name):
            shutil.rmtree(folder, ignore_errors=True)


def _named(pid: int) -> str:
    """A process's number and when it began: numbers are used again."""
    try:
        # Field 22 of proc(5); the second may hold spaces and parentheses.
        began = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        began = "0"
    return f"{pid}-{began}"


def _lives(name: str) -> bool:
    """Whether the process lives that has this name."""
    pid = name.partition("-")[0]
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _named(int(pid)) == name

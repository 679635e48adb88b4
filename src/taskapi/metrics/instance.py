"""The processes of an instance, and what they count together.

They have the same parent: granian's or gunicorn's, or Celery's. Each keeps its numbers in a file of a folder
that is named after it; what a process has counted stays when it is gone, so that no sum ever falls.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from taskapi.metrics import requests
from taskapi.metrics.cells import Cell, Cells, read_file
from taskapi.metrics.measures import OF_A_PROCESS

_FOLDER = "metrics"
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

    def share(self) -> None:
        """Have the others find this process's numbers. Raises OSError where there is no room for them."""
        if self._own is not None:
            self._own.share(self._folder / str(os.getpid()))
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
        for path in sorted(self._folder.glob("[0-9]*")):
            pid = int(path.name)
            if pid != os.getpid():
                cells = read_file(path)
                yield from cells if _lives(pid) else (one for one in cells if one.name not in _OF_NOW)


def forget_the_dead(home: Path) -> None:
    """Remove what instances left that are gone."""
    for folder in (home / _FOLDER).glob("*-*"):
        pid = folder.name.partition("-")[0]
        if not (pid.isdecimal() and _lives(int(pid)) and _named(int(pid)) == folder.name):
            shutil.rmtree(folder, ignore_errors=True)


def _named(pid: int) -> str:
    """A process's number and when it began: numbers are used again."""
    try:
        # Field 22 of proc(5); the second may hold spaces and parentheses.
        began = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        began = "0"
    return f"{pid}-{began}"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

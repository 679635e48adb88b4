"""That a process without a port lives: a file that it touches, and how long ago that was."""

import os
import time
from pathlib import Path
from typing import Literal

Kind = Literal["worker", "scheduler"]

# A heart beats at least every ten seconds; a database that hangs may hold it up for a while.
MOST_SECONDS = 60.0


def beat(home: Path, kind: Kind) -> None:
    """Say that this process goes on. A disk that is full stops no heart."""
    path = _path(home, kind)
    try:
        path.touch(mode=0o600)
        os.utime(path)
    except OSError:
        return


def silence(home: Path, kind: Kind) -> float | None:
    """Seconds since the last beat of any such process of this home, None where there was none."""
    try:
        return max(0.0, time.time() - _path(home, kind).stat().st_mtime)
    except OSError:
        return None


def end(home: Path, kind: Kind) -> None:
    """Leave no sign of life behind."""
    _path(home, kind).unlink(missing_ok=True)


def _path(home: Path, kind: Kind) -> Path:
    return home / f"{kind}.alive"

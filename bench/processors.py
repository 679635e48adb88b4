"""Who has taken how much of the processors and of memory, by what they are to the service (proc(5))."""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.instances import processes_of

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
# Granian names its threads so; the first of a process speaks HTTP, the others run Python.
_SERVER_THREAD = "tokio-rt-worker"


@dataclass
class Spent:
    """Seconds of processors in a while of `seconds`, by group; `others` is whoever is not of the house."""

    seconds: float = 0.0
    groups: dict[str, float] = field(default_factory=dict)
    others: float = 0.0


@dataclass(frozen=True)
class Watched:
    """The processes of a house, found once: they live as long as it does, but for those of PostgreSQL."""

    taskapi: list[int]
    nginx: list[int]
    redis: list[int]
    postmaster: int

    @classmethod
    def of(cls, home: Path, backend: int) -> "Watched":
        """By the home of taskapi, and one process of PostgreSQL; the others were started by this one."""
        ours = _descendants(os.getpid())
        return cls(
            taskapi=processes_of(home),
            nginx=[one for one in ours if _name(one) == "nginx"],
            redis=[one for one in ours if _name(one) == "redis-server"],
            postmaster=int(_fields(PROC / str(backend))[1]),
        )

    @contextmanager
    def watching(self) -> Iterator[Spent]:
        """What is spent until it is left."""
        spent = Spent()
        began, before, busy = time.monotonic(), self._seconds(), _busy()
        yield spent
        after = self._seconds()
        spent.seconds = time.monotonic() - began
        spent.groups = {name: after[name] - before[name] for name in after}
        spent.others = max(0.0, _busy() - busy - sum(spent.groups.values()))

    @property
    def backends(self) -> list[int]:
        """All processes of PostgreSQL that there are now, but the first."""
        return [one for one, parent in _parents().items() if parent == self.postmaster]

    def _seconds(self) -> dict[str, float]:
        server = sum(_ticks(thread) for one in self.taskapi for thread in _server_threads(one))
        app = sum(_ticks(PROC / str(one)) for one in self.taskapi)
        # What those took that are gone is counted by who waited for them.
        postgres = _ticks(PROC / str(self.postmaster), with_gone=True)
        postgres += sum(_ticks(PROC / str(one)) for one in self.backends)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "interpreter": (app - server) / _TICKS,
            "server": server / _TICKS,
            "nginx": sum(_ticks(PROC / str(one)) for one in self.nginx) / _TICKS,
            "postgres": postgres / _TICKS,
            "redis": sum(_ticks(PROC / str(one)) for one in self.redis) / _TICKS,
            "client": children.ru_utime + children.ru_stime,
        }


def memory(process: int, *names: str) -> int:
    """Bytes of a process, as the sum of such lines of proc's smaps_rollup; 0 where it is gone."""
    found = 0
    with suppress(OSError):
        for line in (PROC / str(process) / "smaps_rollup").read_text().splitlines()[1:]:
            name, _, amount = line.partition(":")
            found += int(amount.split()[0]) * 1024 if name in names else 0
    return found


def _fields(path: Path) -> list[str]:
    """Of `stat`, from the third field on: the second, the name, may hold anything."""
    return (path / "stat").read_text().rpartition(") ")[2].split()


def _ticks(path: Path, with_gone: bool = False) -> int:
    """Of a process or thread, in the kernel and outside of it; 0 where it is gone."""
    with suppress(OSError):
        return sum(int(one) for one in _fields(path)[11 : 15 if with_gone else 13])
    return 0


def _server_threads(process: int) -> list[Path]:
    found = []
    with suppress(OSError):
        for thread in (PROC / str(process) / "task").iterdir():
            with suppress(OSError):
                if (thread / "comm").read_text().strip() == _SERVER_THREAD:
                    found.append(thread)
    return sorted(found, key=lambda one: int(one.name))[:1]


def _name(process: int) -> str:
    with suppress(OSError):
        return (PROC / str(process) / "comm").read_text().strip()
    return ""


def _parents() -> dict[int, int]:
    found = {}
    for path in PROC.glob("[0-9]*"):
        with suppress(OSError):
            found[int(path.name)] = int(_fields(path)[1])
    return found


def _descendants(process: int) -> list[int]:
    parents = _parents()
    found, waiting = [], [process]
    while waiting:
        children = [one for one, parent in parents.items() if parent in waiting]
        found += children
        waiting = children
    return found


def _busy() -> float:
    """Seconds that all processors of the machine were busy, and those that its host took away."""
    fields = (PROC / "stat").read_text().splitlines()[0].split()[1:]
    return sum(int(one) for place, one in enumerate(fields[:8]) if place not in {3, 4}) / _TICKS

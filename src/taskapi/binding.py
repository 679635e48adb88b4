"""The threads that run Python on one processor at a time (ADR 25).

The interpreter lets one of them run at a time anyway. Where they are spread over several processors, each
change of hands wakes up another one, with cold caches: of what a request took that was a third and more.
"""

import os
import random
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import gethostname
from zlib import crc32

# How often it is looked whether others need the processor, and by how much more of it than of another one.
_LOOK_SECONDS = 1.0
_CONTENDED = 0.25
# Who has next to nothing to do is nowhere in the way.
_LEAST_BUSY = 0.02
_STAT, _THREADS = Path("/proc/stat"), Path("/proc/self/task")


class Binding:
    """Which processor that is; where there is but one, or it was not wanted, threads are left alone."""

    def __init__(self) -> None:
        self._is_wanted = False
        self._lock = threading.Lock()
        # Of which process, since threads and what they are bound to do not come along when it forks.
        self._process: int | None = None
        self._all: frozenset[int] = frozenset()
        self.processor: int | None = None

    def want(self) -> None:
        """From now on threads that come `here` are bound, as far as this system can."""
        self._is_wanted = hasattr(os, "sched_setaffinity") and _STAT.exists()

    def here(self) -> None:
        """Bind the thread that calls."""
        if self._is_wanted:
            if self._process != os.getpid():
                self._begin()
            if self.processor is not None:
                _bind(0, {self.processor})

    @contextmanager
    def inherited(self) -> Iterator[None]:
        """Threads that are started inside are bound: they have what their maker has."""
        before: Collection[int] = os.sched_getaffinity(0) if self._is_wanted else ()
        self.here()
        try:
            yield
        finally:
            if before:
                _bind(0, before)

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """For what works long without the interpreter: it may have any processor."""
        if self.processor is None or os.sched_getaffinity(0) != {self.processor}:
            yield
            return
        _bind(0, self._all)
        try:
            yield
        finally:
            _bind(0, {self.processor})

    def move(self, to: int) -> None:
        """Take all that are bound along to another processor."""
        before, self.processor = self.processor, to
        for thread in (int(one.name) for one in _THREADS.iterdir()):
            with suppress(OSError):  # It may have ended.
                if os.sched_getaffinity(thread) == {before}:
                    os.sched_setaffinity(thread, {to})

    def _begin(self) -> None:
        with self._lock:
            if self._process == os.getpid():
                return
            # What the process may use, not a thread of it that is bound already.
            self._all = frozenset(os.sched_getaffinity(os.getpid()))
            if len(self._all) > 1:
                # Neighbours begin elsewhere: workers of one service by number, services by their hosts.
                spread = os.getpid() + crc32(gethostname().encode())
                self.processor = sorted(self._all)[spread % len(self._all)]
                threading.Thread(target=self._watch, name="binding", daemon=True).start()
            self._process = os.getpid()

    def _watch(self) -> None:
        before, ours_before, at = _busy(), time.process_time(), time.monotonic()
        while True:
            time.sleep(_LOOK_SECONDS)
            now, ours, moment = _busy(), time.process_time(), time.monotonic()
            lasted = moment - at
            known = self._all & now.keys() & before.keys()
            busy = {cpu: (now[cpu] - before[cpu]) / lasted for cpu in known}
            mine = self.processor
            if mine in busy:
                to = better(busy, mine, (ours - ours_before) / lasted)
                # By chance, so that two who are in each other's way do not move together.
                if to != mine and random.getrandbits(1):
                    self.move(to)
            before, ours_before, at = now, ours, moment


class Bound(threading.local):
    """Whoever looks at it is bound from then on: the first look of each thread makes it one of its own."""

    def __init__(self, binding: Binding) -> None:
        binding.here()
        self.is_bound = True


def better(busy: Mapping[int, float], mine: int, ours: float) -> int:
    """The processor to be on, by how busy each is, of 1, and how busy we are on our own."""
    if ours < _LEAST_BUSY:
        return mine
    others = {**busy, mine: max(0.0, busy[mine] - ours)}
    best = min(others, key=others.__getitem__)
    return best if others[mine] - others[best] > _CONTENDED else mine


def _busy() -> dict[int, float]:
    """The seconds that each processor was not idle since the system began (proc_stat(5))."""
    found = {}
    for line in _STAT.read_text().splitlines():
        name, *given = line.split()
        if name.startswith("cpu") and name != "cpu":
            ticks: Sequence[int] = [int(one) for one in given]
            # Without what it was idle or waited for a disk, and what guests took, which users' time has too.
            found[int(name[3:])] = (sum(ticks[:8]) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
    return found


def _bind(thread: int, processors: Collection[int]) -> None:
    with suppress(OSError):  # A container may have lost that processor meanwhile.
        os.sched_setaffinity(thread, processors)

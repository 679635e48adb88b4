"""The threads that run Python on one processor at a time (ADR 25).

The interpreter lets one of them run at a time anyway. Where they are spread over several processors, each
change of hands wakes up another one, with cold caches: of what a request took that was a third and more.
"""

import logging
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import gethostname
from zlib import crc32

_log = logging.getLogger("taskapi.binding")

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
        if hasattr(os, "sched_setaffinity") and _STAT.exists():
            # Before any thread is bound, of whom a process would have it that is forked off.
            self._all = frozenset(os.sched_getaffinity(0))
            self._is_wanted = True

    def here(self) -> None:
        """Bind the thread that calls."""
        if self._is_wanted:
            with self._lock:
                if self._process != os.getpid():
                    self._begin()
                if self.processor is not None and not _bind(0, {self.processor}):
                    self._is_wanted, self.processor = False, None
                    _log.warning("the threads that run Python may not be bound to a processor here (ADR 25)")

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
            self.here()

    def move(self, to: int) -> None:
        """Take all that are bound along to another processor."""
        with self._lock:
            threads = [int(one.name) for one in _THREADS.iterdir()]
            before, self.processor = self.processor, to
            for thread in threads:
                with suppress(OSError):  # It may have ended.
                    if os.sched_getaffinity(thread) == {before}:
                        os.sched_setaffinity(thread, {to})

    def _begin(self) -> None:
        self._process, self.processor = os.getpid(), None
        if len(self._all) > 1:
            with suppress(RuntimeError):  # No thread can be started, so none is bound.
                threading.Thread(target=self._watch, name="binding", daemon=True).start()
                # Neighbours begin elsewhere: workers of one service by number, services by their hosts.
                spread = _number() + os.getppid() + crc32(gethostname().encode())
                self.processor = sorted(self._all)[spread % len(self._all)]

    def _watch(self) -> None:
        before = _Look()
        while True:
            time.sleep(_LOOK_SECONDS)
            with suppress(OSError, ValueError):  # There is another look in a second.
                now = _Look()
                self._go_where_it_is_better(before, now)
                before = now

    def _go_where_it_is_better(self, before: "_Look", now: "_Look") -> None:
        lasted, mine = now.at - before.at, self.processor
        known = self._all & now.busy.keys() & before.busy.keys()
        busy = {cpu: (now.busy[cpu] - before.busy[cpu]) / lasted for cpu in known}
        if mine in busy:
            to = better(busy, mine, (now.ours - before.ours) / lasted, _processors_of_siblings())
            # By chance, so that two who are in each other's way do not move together.
            if to != mine and random.getrandbits(1):
                self.move(to)


class _Look:
    """How busy the processors have been until now, and how busy this process, in seconds."""

    def __init__(self) -> None:
        self.busy = _busy()
        self.ours = time.process_time()
        self.at = time.monotonic()


class Bound(threading.local):
    """Whoever looks at it is bound from then on: the first look of each thread makes it one of its own."""

    def __init__(self, binding: Binding) -> None:
        binding.here()
        self.is_bound = True


def better(busy: Mapping[int, float], mine: int, ours: float, siblings: Collection[int] = ()) -> int:
    """The processor to be on, by how busy each is, of 1, and how busy we are on our own.

    `siblings` are those that other workers of the service are on: each needs one as much as we do, however
    little it gets while it has to share. So we leave one that has more of them, and go to none that has.
    """
    if ours < _LEAST_BUSY:
        return mine
    others = {**busy, mine: max(0.0, busy[mine] - ours)}
    company = Counter(siblings)
    emptier = [cpu for cpu in others if company[cpu] < company[mine]]
    if emptier:
        return min(emptier, key=lambda cpu: (company[cpu], others[cpu]))
    best = min((cpu for cpu in others if company[cpu] == company[mine]), key=others.__getitem__)
    return best if others[mine] - others[best] > _CONTENDED else mine


def _siblings() -> list[int]:
    """The workers of our service, us among them, in the order in which they were made.

    They are those children of our parent's main thread that have our command line: where nobody is between
    us and the system's first process, all services are its children. See proc_tid_children(5); empty where
    the system does not tell.
    """
    parent, own = os.getppid(), _command_of(os.getpid())
    with suppress(OSError):
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [pid for pid in map(int, children) if _command_of(pid) == own]
    return []


def _command_of(process: int) -> bytes | None:
    """Its command line; None where it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return None


def _number() -> int:
    """Which one of the workers of a service we are."""
    siblings, own = _siblings(), os.getpid()
    return siblings.index(own) if own in siblings else own


def _processors_of_siblings() -> list[int]:
    """The processors that other workers of the service are on; who binds nothing is nowhere in the way."""
    own = os.getpid()
    found = [_bound_to(sibling) for sibling in _siblings() if sibling != own]
    return [processor for processor in found if processor is not None]


def _bound_to(process: int) -> int | None:
    """The one processor that most threads of a process may use; None where none is bound, or it is gone."""
    bound: Counter[int] = Counter()
    with suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with suppress(OSError):
                processors = os.sched_getaffinity(int(thread.name))
                if len(processors) == 1:
                    bound.update(processors)
    return max(bound, key=bound.__getitem__, default=None)


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


def _bind(thread: int, processors: Collection[int]) -> bool:
    """Whether it is bound now: a sandbox may forbid it, and a container may have lost that processor."""
    try:
        os.sched_setaffinity(thread, processors)
    except OSError:
        return False
    return True

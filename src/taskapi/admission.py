"""How many requests are worked on at a time, how many wait for that, and who is told to come back (ADR 26).

Threads that run Python take the interpreter from each other, and in a queue that has no end nobody is
answered in time. So few work, some wait, each in turn, and whoever finds no room is told so at once.
"""

import math
import os
import sys
import threading
from collections import deque
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic

from taskapi.errors import Busy
from taskapi.metrics.requests import Requests

# How many more than work may be under way, most of which wait: few enough that all are answered soon, and
# that threads are used again before the processor has forgotten them.
MOST_WAITING = 40
# Threads beyond those: for what is answered from memory or refused. As many beside those at work may use the
# database.
SPARE_THREADS = 8
# Of a process, beside those that work.
THREADS_BESIDE = MOST_WAITING + SPARE_THREADS
# A queue that has let in so many, and in which somebody always waited, is no burst that passes. So many are
# let in within about the time that a refusal may take.
_BURST = 96
# Whoever is not let in within this time is not served well; more than that is overload. Reads are far more:
# the longer they are let wait, the later are they told when overload begins.
_SOON_SECONDS = 1.0
_SOON_FOR_READS = 0.15
# Of so many who were let in the pace is told: when one write of SQLite takes long others are not slow.
_PACED_OVER = 64
# Some follow what another request makes though there are too many: as long as it may be over in a moment.
_MOMENT_SECONDS = 0.25
# How long it is believed what is open.
_SEEN_SECONDS = 0.05
# What a process has open, which are connections of clients where they are many.
_OPEN_FILES = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")
# Nobody waits for longer: as long as one waits for a database that is away.
_MOST_SECONDS = 5.0
# How long a thread waits for a place among those that use the database.
_PLACE_SECONDS = 1.0


class WaitingRoom:
    """Lets in so many at a time, in the order they came; safe from any thread."""

    def __init__(self, most_at_work: int, requests: Requests, most_waiting: int = MOST_WAITING) -> None:
        self._requests = requests
        self._most_under_way = most_at_work + most_waiting
        self._most_following = most_waiting // 2
        self._free = most_at_work
        self._lock = threading.Lock()
        self._queue: deque[threading.Lock] = deque()
        # Since when somebody has been waiting without a break; how many were let in since somebody left when
        # nobody waited, and how long it took for each of them of late.
        self._waited_since = 0.0
        self._let_in = 0
        self._pace = 0.0
        self._paced_at = 0.0
        self._connections = _Connections()
        self._following = 0
        self._crowded_since = math.inf

    @property
    def is_full(self) -> bool:
        """Whether no other read may wait: whatever is under way has a thread, a log-in and a file as well.

        Asked at the door, for who is not under way yet; to be told costs next to nothing there. Who was let
        through has done some of their work, and is not sent away any more: there are only so many threads.
        """
        return (
            self._free <= 0
            and self._requests.in_flight >= self._most_under_way
            and self._is_overload(_SOON_FOR_READS)
        )

    @property
    def is_overfull(self) -> bool:
        """The same, for a write, or whoever is under way already."""
        return self._has_overrun() and self._is_overload(_SOON_SECONDS)

    def _has_overrun(self) -> bool:
        return self._free <= 0 and self._requests.in_flight > self._most_under_way

    def _is_overload(self, soon: float) -> bool:
        """Whether those who wait, here and in the HTTP server, are more than can be let in within so long.

        Many are there at once as well when the process stood still for a moment, and all the time where some
        hundred clients ask as fast as they are answered. A connection has one request under way (HTTP/1.1),
        so no more than those can wait.
        """
        stands_still = bool(self._queue) and monotonic() - self._waited_since > _SOON_SECONDS
        if self._let_in < _BURST and not stands_still:
            return False
        return self._connections.at_most() * self._pace > soon

    def enter(self) -> None:
        """Take part, perhaps after a while; whoever does leaves in the end. Raises Busy after too long."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            turn = threading.Lock()
            turn.acquire()
            came = monotonic()
            if not self._queue:
                self._waited_since = came
                if not self._let_in:
                    self._paced_at = came
            self._queue.append(turn)
        # Who waits with a thread that is kept for answers from memory gives it back soon.
        if turn.acquire(timeout=_SOON_SECONDS if self._has_overrun() else _MOST_SECONDS):
            return
        with self._lock:
            if turn not in self._queue:
                return  # It was let in at this very moment.
            self._queue.remove(turn)
            self._pace = monotonic() - came
        raise Busy("The service is busy with other requests. Try again shortly.", retry_after=2)

    def leave(self) -> None:
        """Make way for who has waited longest."""
        with self._lock:
            if self._queue:
                self._let_in += 1
                if self._let_in % _PACED_OVER == 0:
                    now = monotonic()
                    self._pace, self._paced_at = (now - self._paced_at) / _PACED_OVER, now
                self._queue.popleft().release()
            else:
                # All could be done: what comes then is a burst again.
                self._let_in, self._pace = 0, 0.0
                self._free += 1

    def follow(self, flight: threading.Event, seconds: float) -> None:
        """Wait for what somebody else is making, and so long at most. Raises Busy.

        Half of those who wait may wait for that; more only while that may be over in a moment, as when a list
        that hundreds look at has changed.
        """
        with self._lock:
            is_one_of_few = self._following < self._most_following
            if is_one_of_few:
                self._following += 1
                self._crowded_since = math.inf
            else:
                self._crowded_since = min(self._crowded_since, monotonic())
        if not is_one_of_few:
            if monotonic() - self._crowded_since > _MOMENT_SECONDS or not flight.wait(_SOON_SECONDS):
                raise overrun()
            return
        try:
            flight.wait(seconds)
        finally:
            with self._lock:
                self._following -= 1


class _Connections:
    """How many clients have to this process, looked at now and then; safe from any thread."""

    def __init__(self) -> None:
        self._looking = threading.Lock()
        self._looked_at = -math.inf
        self._seen = 0.0

    def at_most(self) -> float:
        """What the process has open, which is some dozen more; without end where that is not told."""
        # To look takes long where others run Python: they go on with what was seen before.
        if monotonic() - self._looked_at > _SEEN_SECONDS and self._looking.acquire(blocking=False):
            try:
                self._seen = _open_files()
                self._looked_at = monotonic()
            finally:
                self._looking.release()
        return self._seen


def _open_files() -> float:
    try:
        # Linux tells how many there are since 6.2, and nothing before.
        told = _OPEN_FILES.stat().st_size if sys.platform == "linux" else 0
        return told or len(os.listdir(_OPEN_FILES))  # noqa: PTH208 - pathlib makes an object of each of thousands
    except OSError:
        return math.inf


def overrun() -> Busy:
    """What is raised where nobody else may wait."""
    return Busy("The service has more to do than it can. Try again shortly.")


class Places:
    """How many threads may use the database at a time, whatever for.

    A thread that has a place may use any number of connections: it never waits for itself.
    """

    def __init__(self, places: int) -> None:
        self.most = places
        # One token for each that is free: a queue in C, where a semaphore is made of Python.
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(places):
            self._free.put(None)
        self._mine = threading.local()

    def enter(self) -> None:
        """Take a place. Raises Busy."""
        depth: int = getattr(self._mine, "depth", 0)
        if depth == 0:
            try:
                self._free.get(timeout=_PLACE_SECONDS)
            except Empty:
                reason = "The service is busy with other requests. Try again shortly."
                raise Busy(reason, retry_after=2) from None
        self._mine.depth = depth + 1

    def leave(self) -> None:
        self._mine.depth -= 1
        if self._mine.depth == 0:
            self._free.put(None)

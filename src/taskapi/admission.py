"""How many requests are worked on at a time, how many wait for that, and who is told to come back (ADR 26).

Threads that run Python take the interpreter from each other, and in a queue that has no end nobody is
answered in time. So few work, some wait, each in turn, and whoever finds no room is told so at once.
"""

import threading
import time
from collections import deque

from taskapi.errors import Busy

# How many wait: more than come while the process stands still for a moment, and few enough that all are
# answered soon.
MOST_WAITING = 112
# Threads beyond those: for what is answered from memory, is refused, or has limits of its own. As
# many beside those at work may use the database.
SPARE_THREADS = 8
# Of a process, beside those that work.
THREADS_BESIDE = MOST_WAITING + SPARE_THREADS
# Nobody waits where nobody has been done for so long, which is when the database hangs; and nobody longer
# than the other.
_STANDSTILL_SECONDS = 1.0
_MOST_SECONDS = 5.0
# How long a thread waits for a place among those that use the database.
_PLACE_SECONDS = 1.0


class WaitingRoom:
    """Lets in so many at a time, in the order they came; safe from any thread."""

    def __init__(self, most_at_work: int, most_waiting: int = MOST_WAITING) -> None:
        self._most_waiting = most_waiting
        self._free = most_at_work
        self._lock = threading.Lock()
        self._queue: deque[threading.Lock] = deque()
        self._following = 0
        # When somebody was last done, by time.monotonic.
        self._left_at = 0.0

    @property
    def is_full(self) -> bool:
        """Whether nobody else may wait."""
        return len(self._queue) + self._following >= self._most_waiting

    def enter(self) -> None:
        """Take part, perhaps after a while; whoever does leaves in the end. Raises Busy."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            if self.is_full:
                raise overrun()
            turn = threading.Lock()
            turn.acquire()
            self._queue.append(turn)
        self._wait(turn)

    def leave(self) -> None:
        """Make way for who has waited longest."""
        with self._lock:
            self._left_at = time.monotonic()
            if self._queue:
                self._queue.popleft().release()
            else:
                self._free += 1

    def follow(self, flight: threading.Event, seconds: float) -> None:
        """Wait for what somebody else is making. Raises Busy."""
        with self._lock:
            if self.is_full:
                raise overrun()
            self._following += 1
        try:
            flight.wait(seconds)
        finally:
            with self._lock:
                self._following -= 1

    def _wait(self, turn: threading.Lock) -> None:
        began = time.monotonic()
        while not turn.acquire(timeout=_STANDSTILL_SECONDS):
            now = time.monotonic()
            with self._lock:
                if now - self._left_at < _STANDSTILL_SECONDS and now - began < _MOST_SECONDS:
                    continue
                if turn not in self._queue:
                    return  # It was let in at this very moment.
                self._queue.remove(turn)
            raise Busy("The service is busy with other requests. Try again shortly.", retry_after=2)


def overrun() -> Busy:
    """What is raised where nobody else may wait."""
    return Busy("The service has more to do than it can. Try again shortly.")


class Places:
    """How many threads may use the database at a time, whatever for.

    A thread that has a place may use any number of connections: it never waits for itself.
    """

    def __init__(self, places: int) -> None:
        self.most = places
        self._free = threading.BoundedSemaphore(places)
        self._mine = threading.local()

    def enter(self) -> None:
        """Take a place. Raises Busy."""
        depth: int = getattr(self._mine, "depth", 0)
        if depth == 0 and not self._free.acquire(timeout=_PLACE_SECONDS):
            raise Busy("The service is busy with other requests. Try again shortly.", retry_after=2)
        self._mine.depth = depth + 1

    def leave(self) -> None:
        self._mine.depth -= 1
        if self._mine.depth == 0:
            self._free.release()

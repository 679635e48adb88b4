"""How many requests are worked on at a time, how many wait for that, and who is told to come back (ADR 26).

Threads that run Python take the interpreter from each other, and in a queue that has no end nobody is
answered in time. So few work, some wait, each in turn, and whoever finds no room is told so at once.
"""

import threading
from collections import deque

from taskapi.errors import Busy
from taskapi.metrics.requests import Requests

# How many more than work may be under way, most of which wait: more than come while the process stands still
# for a moment, and few enough that all are answered soon.
MOST_WAITING = 112
# Threads beyond those: for what is answered from memory or refused. As many beside those at work may use the
# database.
SPARE_THREADS = 8
# Of a process, beside those that work.
THREADS_BESIDE = MOST_WAITING + SPARE_THREADS
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
        self._following = 0

    @property
    def is_full(self) -> bool:
        """Whether nobody else may wait: whatever is under way has a thread, a log-in and a file as well.

        Asked at the door, for who is not under way yet; to be told costs next to nothing there. Who was let
        through has done some of their work, and is not sent away any more: there are only so many threads.
        """
        return self._free <= 0 and self._requests.in_flight >= self._most_under_way

    @property
    def is_overfull(self) -> bool:
        """The same, for who is under way already."""
        return self._free <= 0 and self._requests.in_flight > self._most_under_way

    def enter(self) -> None:
        """Take part, perhaps after a while; whoever does leaves in the end. Raises Busy after too long."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            turn = threading.Lock()
            turn.acquire()
            self._queue.append(turn)
        if turn.acquire(timeout=_MOST_SECONDS):
            return
        with self._lock:
            if turn not in self._queue:
                return  # It was let in at this very moment.
            self._queue.remove(turn)
        raise Busy("The service is busy with other requests. Try again shortly.", retry_after=2)

    def leave(self) -> None:
        """Make way for who has waited longest."""
        with self._lock:
            if self._queue:
                self._queue.popleft().release()
            else:
                self._free += 1

    def follow(self, flight: threading.Event, seconds: float) -> None:
        """Wait for what somebody else is making. Raises Busy: half of those who wait may wait for that."""
        with self._lock:
            if self._following >= self._most_following:
                raise overrun()
            self._following += 1
        try:
            flight.wait(seconds)
        finally:
            with self._lock:
                self._following -= 1


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

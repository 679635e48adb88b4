"""How many threads may be busy with the database at a time: two are left for those who need none.

When every statement hangs, the threads that wait would be all there are, and `/livez` would wait with them.
Who finds no place within a moment is refused (503, Retry-After); under an ordinary load places come free all
the time.
"""

import threading

from taskapi.errors import Busy

_WAIT_SECONDS = 1.0


class Places:
    """A thread that has a place may use any number of connections: it never waits for itself."""

    def __init__(self, places: int) -> None:
        self.most = places
        self._free = threading.BoundedSemaphore(places)
        self._mine = threading.local()

    def enter(self) -> None:
        """Take a place. Raises Busy."""
        depth: int = getattr(self._mine, "depth", 0)
        if depth == 0 and not self._free.acquire(timeout=_WAIT_SECONDS):
            raise Busy("The service is busy with other requests. Try again shortly.", retry_after=2)
        self._mine.depth = depth + 1

    def leave(self) -> None:
        self._mine.depth -= 1
        if self._mine.depth == 0:
            self._free.release()

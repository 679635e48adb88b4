"""Rings for jobs that were left: by a thread of the process that serves, and never within a request.

Many transactions in a moment are one ring or a few. One that is lost, because the broker is away or the
process ends, costs time alone: the scheduler finds what is due and rings again.
"""

import logging
import threading
from collections.abc import Callable

from taskapi.broker import Away

_log = logging.getLogger("taskapi.ringing")

# So long others may leave jobs for the same ring.
GATHERING_SECONDS = 0.05
# How long a broker that is away is left alone.
PAUSE_SECONDS = 2.0


class Ringer:
    """Rings `send`s bell after `ring` was called, how often ever, as soon as that is possible."""

    def __init__(self, send: Callable[[int], None]) -> None:
        """`send` rings so many times. Raises Away."""
        self._send = send
        self._bell = threading.Event()
        # Of two calls at once one may be lost, which makes a ring less and no job.
        self._left = 0

    def ring(self) -> None:
        self._left += 1
        self._bell.set()

    def work(self, stop: threading.Event) -> None:
        """Until `stop`: ring for what was left."""
        was_away = False
        while not stop.is_set():
            if not self._bell.wait(1.0):
                continue
            stop.wait(GATHERING_SECONDS)
            self._bell.clear()
            left, self._left = self._left, 0
            try:
                self._send(left)
                was_away = False
            except Away as error:
                if not was_away:
                    _log.warning("the broker cannot be reached (%s): jobs wait", error)
                was_away = True
                self._left += left
                self._bell.set()
                stop.wait(PAUSE_SECONDS)

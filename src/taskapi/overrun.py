"""What they are told for whom there is no room, at the least cost: there are thousands of them (ADR 26)."""

import logging
import random
import re
import threading
from time import monotonic

import orjson

from taskapi import headers
from taskapi.admission import overrun
from taskapi.answers import Answer, Environ
from taskapi.errors import Busy
from taskapi.problems import PROBLEM_TYPE, described, textual

# Whoever is told the same comes back at the same moment.
_COME_BACK_SECONDS = ("1", "2", "3")
# Between two lines that say how many they were.
_QUIET_SECONDS = 1.0

_HEAD, _MIDDLE, _TAIL = re.split(
    b'"<path>"|<name>', orjson.dumps(described(overrun(), path="<path>", request_id="<name>"))
)

_log = logging.getLogger("taskapi.overrun")


def _body(path: str, request_id: str) -> bytes:
    """What `described` says of no room, put together from what is the same each time."""
    # A name that may stand in a log needs no escaping.
    return b"".join((_HEAD, orjson.dumps(textual(path)), _MIDDLE, request_id.encode(), _TAIL))


class Overrun:
    """Tells them; safe from any thread."""

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = origins
        self._lock = threading.Lock()
        self._untold = 0
        self._told_at = 0.0

    def answer(self, environ: Environ, refusal: Busy | None = None) -> Answer:
        """The refusal as `problems` tells it, without Flask."""
        request_id = headers.request_id(environ)
        if refusal is None:
            body = _body(environ["PATH_INFO"], request_id)
        else:
            body = orjson.dumps(described(refusal, environ["PATH_INFO"], request_id))
        told = [
            ("Content-Type", PROBLEM_TYPE),
            ("Content-Length", str(len(body))),
            ("Retry-After", random.choice(_COME_BACK_SECONDS)),  # noqa: S311 - anybody may guess it
            (headers.REQUEST_ID, request_id),
            *headers.of_data(environ, self._origins, None),
        ]
        self._count()
        return Answer("503 SERVICE UNAVAILABLE", told, body, [])

    def _count(self) -> None:
        now = monotonic()
        with self._lock:
            self._untold += 1
            if now - self._told_at < _QUIET_SECONDS:
                return
            untold, self._untold, self._told_at = self._untold, 0, now
        _log.warning("more to do than can be done: %d requests were told to come back", untold)

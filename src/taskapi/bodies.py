"""Reading request bodies: what is too large or no JSON is refused, and slow ones hold up few.

A body that is sent half and never ended keeps the thread that reads it, since WSGI servers read without a
time-out. So few bodies are read at a time, those of strangers and files apart, and before there is a place at
work for them: what has no body goes on.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import RequestEntityTooLarge

from taskapi.errors import Busy, WrongMediaType
from taskapi.parsing import MAX_BODY_BYTES
from taskapi.proxies import asked

# How long a request waits for its turn to be read: a body that is there already takes microseconds.
_WAIT_SECONDS = 0.25
# How many are read at a time, and how many files received: what comes slowly takes little else than a thread.
MOST_BODIES = 12
MOST_FILES = 32
_JSON = "application/json"


class BodyReading:
    """The right to read a body, which so many have at a time."""

    def __init__(self, most: int) -> None:
        self._places = threading.BoundedSemaphore(most)

    def read(self) -> bytes:
        """The body of the request. Raises Busy where too many are being read, RequestEntityTooLarge."""
        request = asked()
        if not request.content_length and "HTTP_TRANSFER_ENCODING" not in request.environ:
            return b""
        with self.place():
            raw = request.get_data(cache=False)
        if len(raw) > MAX_BODY_BYTES:
            # Werkzeug cuts a chunked body at its limit, without a word; a declared length it refuses itself.
            raise RequestEntityTooLarge
        return raw

    @contextmanager
    def place(self) -> Iterator[None]:
        """Read inside. Raises Busy where too many do already."""
        if not self._places.acquire(timeout=_WAIT_SECONDS):
            raise Busy("Too many requests are being sent slowly at this moment. Try again in a second.")
        try:
            yield
        finally:
            self._places.release()


def body_bytes(reading: BodyReading) -> bytes:
    """The body, refused unread where it is too large and unparsed where it is not JSON.

    Raises WrongMediaType, RequestEntityTooLarge and Busy.
    """
    raw = reading.read()
    if raw:
        request = asked()
        around = request.environ
        if around.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
            raise WrongMediaType("Bodies are taken as they are, without a Content-Encoding.")
        if around.get("CONTENT_TYPE") == _JSON:
            return raw
        allowed = {_JSON}
        if request.method == "PATCH":
            allowed.add("application/merge-patch+json")
        charset = request.mimetype_params.get("charset", "utf-8").lower()
        if request.mimetype not in allowed or charset not in {"utf-8", "utf8"}:
            raise WrongMediaType(f"Send {' or '.join(sorted(allowed))} in UTF-8.")
    return raw

"""What Flask's proxies stand for, for who looks at it often: a look through one takes 38 instructions.

And what stands there while a request is answered without Flask (without_flask.py): so that the code between
asks here, and need not know which.
"""

import threading
from typing import TYPE_CHECKING, Any, cast

from flask import Request, g, request

from taskapi.answers import Environ
from taskapi.parsing import MAX_BODY_BYTES

if TYPE_CHECKING:
    from taskapi.actors import Actor
    from taskapi.parts import Parts


# In an environment: what was raised while a request was answered without Flask, and the request.
FAILURE = "taskapi.failure"


class Call:
    """A request that is answered without Flask, and what is noted of it, as in `g`."""

    # What is noted on the way, among other things.
    actor: "Actor"
    body: bytes

    def __init__(self, environ: Environ, parts: "Parts", request_id: str) -> None:
        self.environ = environ
        self.parts = parts
        self.request_id = request_id
        self._request: Request | None = None

    @property
    def request(self) -> Request:
        """The request as Flask has it: not many look at more than its environ."""
        if self._request is None:
            self._request = Request(self.environ)
            self._request.max_content_length = MAX_BODY_BYTES + 1
        return self._request

    def get(self, name: str, default: Any = None) -> Any:
        """What was noted under a name, as `g` has it."""
        return self.__dict__.get(name, default)

    def pop(self, name: str, default: Any = None) -> Any:
        return self.__dict__.pop(name, default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        return self.__dict__.setdefault(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__


class _Mine(threading.local):
    call: Call | None = None


_mine = _Mine()


def begin_call(call: Call) -> None:
    """From here on what this thread does belongs to a request that Flask does not know of."""
    _mine.call = call


def end_call() -> None:
    _mine.call = None


def asked() -> Request:
    """The request itself."""
    call = _mine.call
    if call is not None:
        return call.request
    return cast("Request", request._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 - as Flask's documentation has it


def environ() -> Environ:
    """The request as WSGI has it."""
    call = _mine.call
    return asked().environ if call is None else call.environ


def notes() -> Any:
    """What is noted of the request: Flask's `g` itself."""
    return _mine.call or g._get_current_object()  # noqa: SLF001 - as above

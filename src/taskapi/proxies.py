"""What Flask's proxies stand for, for who looks at it often: a look through one takes 38 instructions.

And what stands there while a request is answered without Flask (ordinary.py): so that the code between asks
here, and need not know which.
"""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from flask import Request, g, request
from werkzeug.http import parse_cookie

from taskapi.answers import Environ

if TYPE_CHECKING:
    from taskapi.actors import Actor
    from taskapi.parts import Parts


# In an environment: what was raised while a request was answered without Flask, and the request.
FAILURE = "taskapi.failure"


class Call:
    """A request that is answered without Flask: of `request` and of `g` what is looked at on its way."""

    # A question about headers alone is answered as the whole is, of which they are then told.
    method = "GET"
    # What is noted on the way, among other things.
    actor: "Actor"
    limit_headers: Mapping[str, str]

    def __init__(self, environ: Environ, parts: "Parts", request_id: str) -> None:
        self.environ = environ
        self.parts = parts
        self.request_id = request_id

    @property
    def remote_addr(self) -> str | None:
        return cast("str | None", self.environ.get("REMOTE_ADDR"))

    @property
    def cookies(self) -> dict[str, str]:
        return dict(parse_cookie(self.environ).items())

    def get(self, name: str, default: Any = None) -> Any:
        """What was noted under a name, as `g` has it."""
        return self.__dict__.get(name, default)

    def pop(self, name: str, default: Any = None) -> Any:
        return self.__dict__.pop(name, default)

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
    found = _mine.call or request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - as Flask's documentation has it
    return cast("Request", found)


def notes() -> Any:
    """What is noted of the request: Flask's `g` itself."""
    return _mine.call or g._get_current_object()  # noqa: SLF001 - as above

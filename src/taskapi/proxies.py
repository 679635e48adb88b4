"""What Flask's proxies stand for, for who looks at it often: a look through one takes 38 instructions."""

from typing import Any, cast

from flask import Request, g, request


def asked() -> Request:
    """The request itself."""
    return cast("Request", request._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 - as Flask's documentation has it


def notes() -> Any:
    """What is noted of the request: Flask's `g` itself."""
    return g._get_current_object()  # noqa: SLF001 - as above

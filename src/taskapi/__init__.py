"""taskapi: a task-management service that starts with one command and scales by settings."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskapi.application import create_app

__all__ = ["__version__", "create_app"]

__version__ = version("taskapi")

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """`create_app`, imported when it is asked for (PEP 562): the terminal client needs no service."""
        if name != "create_app":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from taskapi.application import create_app  # noqa: PLC0415 - that is what this function is for

        return create_app

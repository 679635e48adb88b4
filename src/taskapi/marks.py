"""What is said of an endpoint beside its signature: marks on its view, for application and document."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any, TypeVar

from flask import Flask

from taskapi.errors import AppError
from taskapi.replies import Answered

_PUBLIC = "taskapi_public"
_SLOW = "taskapi_slow"
_SECRET = "taskapi_secret"  # noqa: S105 - the name of a mark
_PLAIN = "taskapi_plain"
_UPLOAD = "taskapi_upload"
_UNCOUNTED = "taskapi_uncounted"
_REFUSALS = "taskapi_refusals"
_DEPRECATION = "taskapi_deprecation"

View = TypeVar("View", bound=Callable[..., Answered])


@dataclass(frozen=True)
class Deprecation:
    """From `since` on there is a better way, which `link` tells of; from `sunset` on this may be gone."""

    since: date
    sunset: date
    link: str

    @property
    def headers(self) -> dict[str, str]:
        """RFC 9745 (a structured date), RFC 8594 (an HTTP date) and where to read more."""
        return {
            "Deprecation": f"@{int(_midnight(self.since).timestamp())}",
            "Sunset": format_datetime(_midnight(self.sunset), usegmt=True),
            "Link": f'<{self.link}>; rel="deprecation"; type="text/html"',
        }


def public(view: View) -> View:
    """Mark an endpoint as open to anybody; tests/test_public.py lists those that are."""
    setattr(view, _PUBLIC, True)
    return view


def slow(view: View) -> View:
    """Mark an endpoint that takes its time before its transaction begins, hashing a password."""
    setattr(view, _SLOW, True)
    return view


def secret(view: View) -> View:
    """Mark an endpoint whose answer nobody may find in the database: it is kept for replays, but sealed."""
    setattr(view, _SECRET, True)
    return view


def plain(view: View) -> View:
    """Mark an endpoint that takes a body of any kind and looks at none."""
    setattr(view, _PLAIN, True)
    return view


def upload(view: View) -> View:
    """Mark an endpoint whose body is a file."""
    setattr(view, _UPLOAD, True)
    return view


def uncounted(view: View) -> View:
    """Mark an endpoint that no limit of reads counts or refuses."""
    setattr(view, _UNCOUNTED, True)
    return view


def refuses(*kinds: type[AppError]) -> Callable[[View], View]:
    """Mark what an endpoint may refuse that its signature does not tell; the document says so."""

    def mark(view: View) -> View:
        setattr(view, _REFUSALS, kinds)
        return view

    return mark


def deprecated(since: date, sunset: date, link: str) -> Callable[[View], View]:
    """Mark an endpoint that will go: each answer says so, and the document."""

    def mark(view: View) -> View:
        setattr(view, _DEPRECATION, Deprecation(since, sunset, link))
        return view

    return mark


def is_public(app: Flask, endpoint: str) -> bool:
    return endpoint == "static" or getattr(app.view_functions[endpoint], _PUBLIC, False)


def is_slow(view: Callable[..., Any]) -> bool:
    return getattr(view, _SLOW, False)


def is_secret(view: Callable[..., Any]) -> bool:
    return getattr(view, _SECRET, False)


def is_plain(view: Callable[..., Any]) -> bool:
    return getattr(view, _PLAIN, False)


def is_upload(view: Callable[..., Any]) -> bool:
    return getattr(view, _UPLOAD, False)


def is_uncounted(view: Callable[..., Any]) -> bool:
    return getattr(view, _UNCOUNTED, False)


def refusals(view: Callable[..., Any]) -> tuple[type[AppError], ...]:
    return getattr(view, _REFUSALS, ())


def deprecation(view: Callable[..., Any] | None) -> Deprecation | None:
    return getattr(view, _DEPRECATION, None)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

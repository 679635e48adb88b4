"""What a token has to be allowed for an endpoint (RFC 6749, section 3.3).

Tokens of a log-in have all scopes. An endpoint that says nothing of itself asks for `account`, which no
personal token can have: so a new one is closed to them until somebody opens it.
"""

from collections.abc import Callable
from typing import TypeVar

from flask import Flask

from taskapi.current import READS
from taskapi.errors import Forbidden
from taskapi.replies import Answered

ACCOUNT = "account"
TASKS_READ, TASKS_WRITE = "tasks:read", "tasks:write"

_SCOPE = "taskapi_scope"
# Said of an endpoint that any token will do for.
_NONE = ""

View = TypeVar("View", bound=Callable[..., Answered])


class InsufficientScope(Forbidden):
    """The token holds, but not for this (RFC 6750, section 3.1)."""

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"This token does not have the scope `{scope}`."
            + (" Personal tokens cannot have it: log in for this." if scope == ACCOUNT else ""),
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
        )


def asks_for(scope: str) -> Callable[[View], View]:
    """Mark an endpoint that asks for another scope than its neighbours."""

    def mark(view: View) -> View:
        setattr(view, _SCOPE, scope)
        return view

    return mark


def any_token(view: View) -> View:
    """Mark an endpoint that asks for no scope: whoever is known may call it."""
    return asks_for(_NONE)(view)


def scope_of(app: Flask, endpoint: str, method: str) -> str | None:
    """The scope that a call asks for, None where any token will do.

    An endpoint's own mark counts, else what its blueprint is about (`tasks` is tasks:read or tasks:write, by
    the method), else it is `account`.
    """
    mark: str | None = getattr(app.view_functions[endpoint], _SCOPE, None)
    if mark is not None:
        return mark or None
    subject = getattr(app.blueprints.get(endpoint.partition(".")[0]), "subject", None)
    if subject is None:
        return ACCOUNT
    return f"{subject}:read" if method in READS else f"{subject}:write"

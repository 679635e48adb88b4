"""Before and after each view: who asks and whether they may, and what their answer may be kept under.

Every endpoint is private unless it is marked `public`.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Protocol, cast

from flask import Response, current_app

from taskapi import consistency
from taskapi.actors import Actor, Client, Standing
from taskapi.asked import BASIS, UNCHANGED
from taskapi.current import READS, client, parts, scope_epoch, seen
from taskapi.errors import NotAcceptable, Unauthorized
from taskapi.headers import json_is_welcome
from taskapi.marks import deprecation, is_public, is_uncounted
from taskapi.measuring import account_of
from taskapi.outages import STAND_IN
from taskapi.parts import Parts
from taskapi.proxies import FAILURE, asked, environ, notes
from taskapi.responses import Basis
from taskapi.scopes import InsufficientScope, scope_of
from taskapi.without_primary import require_nothing_newer


class Authenticate(Protocol):
    """How a bearer token becomes an actor; raises Unauthorized, TooMany."""

    def __call__(self, parts: Parts, token: str, client: Client) -> tuple[Actor, Standing]: ...


def require_actor(authenticate: Authenticate) -> Callable[[], Response | None]:
    """The check before each request: the endpoint is public, or the caller known and allowed it, and takes
    JSON.
    """

    def check() -> Response | None:
        request = asked()
        if FAILURE in request.environ:
            error, call = request.environ.pop(FAILURE)
            vars(notes()).update(vars(call))
            try:
                raise error
            finally:
                # What is in its own traceback would be kept until somebody searches for garbage.
                del error, call
        if request.url_rule is None or request.method == "OPTIONS":
            return None
        app, endpoint = current_app, str(request.endpoint)
        if is_public(app, endpoint):
            return None
        identify(authenticate, bearer(), scope_of(app, endpoint, request.method))
        if STAND_IN in request.environ:
            require_nothing_newer(parts().epochs, seen())
        unchanged = request.environ.get(UNCHANGED)
        if unchanged is not None:
            return Response(status=304, headers={"ETag": unchanged})
        if request.method in READS and not is_uncounted(app.view_functions[endpoint]):
            count_read()
        return None

    return check


def identify(authenticate: Authenticate, token: str, scope: str | None) -> None:
    """Note who asks. Raises Unauthorized, TooMany, InsufficientScope and NotAcceptable."""
    began, here = perf_counter(), notes()
    found, here.standing = authenticate(parts(), token, client())
    here.actor = found
    account_of(environ()).authenticating = perf_counter() - began
    if scope is not None and scope not in found.scopes:
        raise InsufficientScope(scope)
    if not json_is_welcome(environ().get("HTTP_ACCEPT", "")):
        raise NotAcceptable("Answers are application/json; allow it in Accept.")


def count_read() -> None:
    """Count a read of who asks, and note how that stands. Raises TooMany."""
    here = notes()
    here.limit_headers = parts().limiter.spend("read", here.actor.user_id)


def finish(answer: Response) -> Response:
    """After each request: the Consistency-Token, and what the answer may be kept under."""
    here, request = notes(), asked()
    answer.headers.update(here.get("limit_headers", {}))
    going = deprecation(current_app.view_functions.get(request.endpoint or ""))
    if going is not None:
        answer.headers.update(going.headers)
    if "actor" not in here or answer.status_code >= 400:
        return answer
    if consistency.HEADER not in answer.headers:
        token = consistency_token()
        if token is not None:
            answer.headers[consistency.HEADER] = token
    if answer.status_code == 200 and request.method == "GET":
        note_basis()
    return answer


def consistency_token() -> str | None:
    """What the client may say it has seen, now that it is answered."""
    here = notes()
    epochs = here.get("under") or here.get("moved") or scope_epoch()
    return consistency.token_of(parts().seen, here.actor.user_id, epochs)


def note_basis() -> None:
    """Leave what the answer was made from to who keeps answers."""
    here = notes()
    if here.get("under"):
        standing: Standing = here.standing
        until = min(standing.until, here.until) if here.until is not None else standing.until
        environ()[BASIS] = Basis(here.actor.user_id, standing.epochs, here.under, until)


def bearer() -> str:
    """The token that the request carries. Raises Unauthorized."""
    scheme, _, token = environ().get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized
    return cast("str", token.strip())

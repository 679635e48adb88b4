"""Before and after each view: who asks and whether they may, and what their answer may be kept under.

Every endpoint is private unless it is marked `public`.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Protocol, cast

from flask import Request, Response, current_app

from taskapi import consistency
from taskapi.actors import Actor, Client, Standing
from taskapi.current import READS, client, parts, scope_epoch, seen
from taskapi.errors import NotAcceptable, Unauthorized
from taskapi.front import BASIS, UNCHANGED
from taskapi.headers import json_is_welcome
from taskapi.marks import deprecation, is_public, is_uncounted
from taskapi.measuring import account_of
from taskapi.outages import STAND_IN
from taskapi.parts import Parts
from taskapi.proxies import asked, notes
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
        if request.url_rule is None or request.method == "OPTIONS":
            return None
        app, endpoint = current_app, str(request.endpoint)
        if is_public(app, endpoint):
            return None
        began = perf_counter()
        found, standing = authenticate(parts(), _bearer(request), client())
        known = notes()
        known.actor, known.standing = found, standing
        account_of(request.environ).authenticating = perf_counter() - began
        if STAND_IN in request.environ:
            require_nothing_newer(parts().epochs, seen())
        scope = scope_of(app, endpoint, request.method)
        if scope is not None and scope not in found.scopes:
            raise InsufficientScope(scope)
        if not json_is_welcome(request.environ.get("HTTP_ACCEPT", "")):
            raise NotAcceptable("Answers are application/json; allow it in Accept.")
        unchanged = request.environ.get(UNCHANGED)
        if unchanged is not None:
            return Response(status=304, headers={"ETag": unchanged})
        if request.method in READS and not is_uncounted(app.view_functions[endpoint]):
            known.limit_headers = parts().limiter.spend("read", found.user_id)
        return None

    return check


def finish(answer: Response) -> Response:
    """After each request: the Consistency-Token, and what the answer may be kept under."""
    here, request = notes(), asked()
    answer.headers.update(here.get("limit_headers", {}))
    going = deprecation(current_app.view_functions.get(request.endpoint or ""))
    if going is not None:
        answer.headers.update(going.headers)
    if "actor" not in here or answer.status_code >= 400:
        return answer
    under, user_id = here.get("under"), here.actor.user_id
    if consistency.HEADER not in answer.headers:
        token = consistency.token_of(parts().seen, user_id, under or here.get("moved") or scope_epoch())
        if token is not None:
            answer.headers[consistency.HEADER] = token
    if under and answer.status_code == 200 and request.method == "GET":
        standing: Standing = here.standing
        until = min(standing.until, here.until) if here.until is not None else standing.until
        request.environ[BASIS] = Basis(user_id, standing.epochs, under, until)
    return answer


def _bearer(request: Request) -> str:
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized
    return cast("str", token.strip())

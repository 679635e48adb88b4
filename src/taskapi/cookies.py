"""The two cookies: the refresh token of a browser, and the name it is known by across log-ins."""

from typing import Any

from flask import Response, request

from taskapi.clock import DAY, SECOND
from taskapi.errors import Forbidden
from taskapi.http import DEVICE_COOKIE, reply
from taskapi.tokens import Grant

_REFRESH_DAYS = 30
_DEVICE_DAYS = 365
_AUTH_PATH = "/api/v1/auth"


def granted(grant: Grant) -> Response:
    """Tokens as an answer: in the body, or the refresh token in a cookie that no script can read."""
    answer = reply(grant.as_json(), headers=grant.limit_headers).response()
    if grant.by_cookie:
        answer.set_cookie(
            _refresh_cookie(),
            grant.refresh_token,
            max_age=_REFRESH_DAYS * DAY // SECOND,
            path="/",
            **_rules(),
        )
        if grant.device:
            seconds = _DEVICE_DAYS * DAY // SECOND
            answer.set_cookie(DEVICE_COOKIE, grant.device, max_age=seconds, path=_AUTH_PATH, **_rules())
    return answer


def refresh_token() -> str | None:
    """The refresh token of the cookie, if there is one. Raises Forbidden unless our own page sends it.

    Browsers say where a call comes from: Sec-Fetch-Site, the older ones Origin. Who says neither is no
    browser and has no business with a cookie.
    """
    token = request.cookies.get(_refresh_cookie())
    if not token:
        return None
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_ours = origin == request.host_url.rstrip("/")
    if site not in {None, "same-origin"} or (origin is not None and not is_ours) or not (site or origin):
        raise Forbidden("The refresh cookie works from our own pages only.", code="cross_site_request")
    return token


def _refresh_cookie() -> str:
    # The prefix makes browsers insist on Secure, Path=/ and no Domain: no subdomain can plant one.
    return "__Host-taskapi_refresh" if request.is_secure else "taskapi_refresh"


def _rules() -> dict[str, Any]:
    return {"httponly": True, "samesite": "Strict", "secure": request.is_secure}


def forget(answer: Response) -> Response:
    if _refresh_cookie() in request.cookies:
        answer.delete_cookie(_refresh_cookie(), path="/", **_rules())
    return answer

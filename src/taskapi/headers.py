"""What every answer carries: request id, caching rules, CORS and the headers that keep browsers safe."""

import random
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from taskapi.settings import Settings

# A header whose meaning is remembered may be as long; no client of any use sends more.
_MOST_OF_HEADER = 500

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_CSP = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_HSTS = "max-age=63072000; includeSubDomains"
_REQUEST_HEADERS = (
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Consistency-Token, X-Request-ID"
)
_ANSWER_HEADERS = (
    "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, Consistency-Token, Idempotency-Replayed,"
    " X-Cache, X-Consistency, X-Request-ID, Deprecation, Sunset"
)


def register(app: Flask, settings: Settings) -> None:
    allowed = frozenset(origin.strip() for origin in settings.cors_origins.split(","))
    app.before_request(_name_request)

    @app.after_request
    def finish(answer: Response) -> Response:
        headers = answer.headers
        headers["X-Request-ID"] = g.request_id
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Content-Security-Policy", _CSP)
        if request.is_secure:
            headers["Strict-Transport-Security"] = _HSTS
        if request.method == "OPTIONS" and answer.status_code == 200:
            answer.status_code = 204
            headers.pop("Content-Type", None)
        _cache_rules(answer)
        _cors(answer, allowed)
        return answer


def request_id(environ: Mapping[str, Any]) -> str:
    """The name a request was given, if it is one that may stand in a log; else one of ours."""
    given = str(environ.get("HTTP_X_REQUEST_ID", ""))
    return given if _REQUEST_ID.fullmatch(given) else _fresh_name()


def _fresh_name() -> str:
    """A name nobody has to be unable to guess: the system's randomness would let go of the interpreter."""
    return f"{random.getrandbits(128):032x}"


def remembered(value: str) -> str:
    """The header, or where it is too long to be remembered, as if it had not been sent."""
    return value if len(value) <= _MOST_OF_HEADER else ""


def json_is_welcome(accept: str) -> bool:
    """Whether a client takes JSON (RFC 9110, section 12.5.1); who says nothing takes anything."""
    return not accept or _quality_of_json(remembered(accept)) > 0


@lru_cache(maxsize=256)
def _quality_of_json(accept: str) -> float:
    """The weight of JSON by its most specific range; parameters such as a charset are not looked at."""
    weights: dict[str, float] = {}
    for media_range, weight in parse_accept_header(accept, MIMEAccept):
        name = media_range.partition(";")[0].strip().lower()
        weights[name] = max(weight, weights.get(name, 0))
    if not accept:
        return 1
    named = (weights.get(name) for name in ("application/json", "application/*", "*/*"))
    return next((weight for weight in named if weight is not None), 0)


def _name_request() -> None:
    g.request_id = request_id(request.environ)


def _cache_rules(answer: Response) -> None:
    if request.path.startswith("/api/v1/auth/"):
        answer.headers["Cache-Control"] = "no-store"
    elif request.path.startswith("/api/"):
        answer.headers.setdefault("Cache-Control", "private, no-cache")
        answer.headers["Vary"] = "Accept-Encoding, Authorization"
    else:
        answer.headers.setdefault("Cache-Control", "no-store")


def _cors(answer: Response, allowed: frozenset[str]) -> None:
    """Any origin may call with a bearer token; cookies are never sent across origins (no credentials)."""
    origin = request.headers.get("Origin")
    if "*" not in allowed:
        answer.headers.add("Vary", "Origin")
    if origin is None:
        return
    if "*" in allowed:
        answer.headers["Access-Control-Allow-Origin"] = "*"
    elif origin in allowed:
        answer.headers["Access-Control-Allow-Origin"] = origin
    else:
        return
    answer.headers["Access-Control-Expose-Headers"] = _ANSWER_HEADERS
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        answer.headers["Access-Control-Allow-Methods"] = answer.headers.get("Allow", "")
        answer.headers["Access-Control-Allow-Headers"] = _REQUEST_HEADERS
        answer.headers["Access-Control-Max-Age"] = "7200"

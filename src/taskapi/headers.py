"""What every answer carries: request id, caching rules, CORS and the headers that keep browsers safe."""

import random
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flask import Flask, Request, Response, g, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from taskapi.answers import Headers
from taskapi.proxies import asked
from taskapi.settings import Settings

# A header whose meaning is remembered may be as long; no client of any use sends more.
_MOST_OF_HEADER = 500

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_CSP = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_HSTS = "max-age=63072000; includeSubDomains"
_ALWAYS = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"))
_UNLESS_SAID = (("Cross-Origin-Resource-Policy", "same-origin"), ("Content-Security-Policy", _CSP))
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
        request = asked()
        said = {name.lower() for name, _ in answer.headers}
        added = [("X-Request-ID", g.request_id), *_ALWAYS]
        added += [pair for pair in _UNLESS_SAID if pair[0].lower() not in said]
        if request.is_secure:
            added.append(("Strict-Transport-Security", _HSTS))
        if request.method == "OPTIONS" and answer.status_code == 200:
            answer.status_code = 204
            answer.headers.pop("Content-Type", None)
        added += _cache_rules(request.path, answer, said)
        added += _cors(request, answer, allowed)
        # All at once: to set one looks through all that are there.
        answer.headers.extend(added)
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


def _cache_rules(path: str, answer: Response, said: set[str]) -> Headers:
    if path.startswith("/api/v1/auth/"):
        answer.headers.pop("Cache-Control", None)
        return [("Cache-Control", "no-store")]
    if not path.startswith("/api/"):
        return [] if "cache-control" in said else [("Cache-Control", "no-store")]
    if "vary" in said:
        del answer.headers["Vary"]
    vary = ("Vary", "Accept-Encoding, Authorization")
    return [vary] if "cache-control" in said else [("Cache-Control", "private, no-cache"), vary]


def _cors(request: Request, answer: Response, allowed: frozenset[str]) -> Headers:
    """Any origin may call with a bearer token; cookies are never sent across origins (no credentials)."""
    origin = request.environ.get("HTTP_ORIGIN")
    is_any = "*" in allowed
    varying: Headers = [] if is_any else [("Vary", "Origin")]
    if origin is None or not (is_any or origin in allowed):
        return varying
    # Parts of the page say so themselves, for whoever asks; twice it would mean nothing.
    answer.headers.pop("Access-Control-Allow-Origin", None)
    added: Headers = [
        *varying,
        ("Access-Control-Allow-Origin", "*" if is_any else origin),
        ("Access-Control-Expose-Headers", _ANSWER_HEADERS),
    ]
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        added += [
            ("Access-Control-Allow-Methods", answer.headers.get("Allow", "")),
            ("Access-Control-Allow-Headers", _REQUEST_HEADERS),
            ("Access-Control-Max-Age", "7200"),
        ]
    return added

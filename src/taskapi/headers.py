"""What every answer carries: request id, caching rules, CORS and the headers that keep browsers safe."""

import random
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flask import Flask, Request, Response
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from taskapi.answers import Environ, Headers
from taskapi.proxies import asked, environ, notes
from taskapi.settings import Settings

# A header whose meaning is remembered may be as long; no client of any use sends more.
_MOST_OF_HEADER = 500

REQUEST_ID = "X-Request-ID"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_CSP = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_HSTS = "max-age=63072000; includeSubDomains"
_ALWAYS = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"))
_UNLESS_SAID = (("Cross-Origin-Resource-Policy", "same-origin"), ("Content-Security-Policy", _CSP))
_VARY = ("Vary", "Accept-Encoding, Authorization")
_KEPT_BY_ITS_READER = (("Cache-Control", "private, no-cache"), _VARY)
_ALLOW_ORIGIN = "Access-Control-Allow-Origin"
_REQUEST_HEADERS = (
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Consistency-Token, X-Request-ID"
)
_ANSWER_HEADERS = (
    "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, Consistency-Token, Idempotency-Replayed,"
    " X-Cache, X-Consistency, X-Request-ID, Deprecation, Sunset"
)


def register(app: Flask, settings: Settings) -> None:
    allowed = origins(settings)
    app.before_request(_name_request)

    @app.after_request
    def finish(answer: Response) -> Response:
        request = asked()
        said = {name.lower() for name, _ in answer.headers}
        added = [(REQUEST_ID, notes().request_id), *_ALWAYS]
        added += [pair for pair in _UNLESS_SAID if pair[0].lower() not in said]
        added += _for_transport(request.environ)
        if request.method == "OPTIONS" and answer.status_code == 200:
            answer.status_code = 204
            answer.headers.pop("Content-Type", None)
        added += _cache_rules(request.path, answer, said)
        added += _cors(request, answer, allowed)
        # All at once: to set one looks through all that are there.
        answer.headers.extend(added)
        return answer


def of_data(environ: Environ, allowed: frozenset[str], cache_control: str | None) -> Headers:
    """What an answer with somebody's data carries, but for its own and the name of its request.

    It may say itself how it is to be cached.
    """
    return [
        *_ALWAYS,
        *_UNLESS_SAID,
        *_for_transport(environ),
        *(_KEPT_BY_ITS_READER if cache_control is None else (_VARY,)),
        *_allowing(environ, allowed),
    ]


def origins(settings: Settings) -> frozenset[str]:
    """From whose pages scripts may call; `*` for any."""
    return frozenset(origin.strip() for origin in settings.cors_origins.split(","))


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
    notes().request_id = request_id(environ())


def _cache_rules(path: str, answer: Response, said: set[str]) -> Headers:
    if path.startswith("/api/v1/auth/"):
        answer.headers.pop("Cache-Control", None)
        return [("Cache-Control", "no-store")]
    if not path.startswith("/api/"):
        return [] if "cache-control" in said else [("Cache-Control", "no-store")]
    if "vary" in said:
        del answer.headers["Vary"]
    return [_VARY] if "cache-control" in said else [*_KEPT_BY_ITS_READER]


def _cors(request: Request, answer: Response, allowed: frozenset[str]) -> Headers:
    added = _allowing(request.environ, allowed)
    if not any(name == _ALLOW_ORIGIN for name, _ in added):
        return added
    # Parts of the page say so themselves, for whoever asks; twice it would mean nothing.
    answer.headers.pop(_ALLOW_ORIGIN, None)
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        added += [
            ("Access-Control-Allow-Methods", answer.headers.get("Allow", "")),
            ("Access-Control-Allow-Headers", _REQUEST_HEADERS),
            ("Access-Control-Max-Age", "7200"),
        ]
    return added


def _for_transport(environ: Environ) -> Headers:
    return [("Strict-Transport-Security", _HSTS)] if environ["wsgi.url_scheme"] == "https" else []


def _allowing(environ: Environ, allowed: frozenset[str]) -> Headers:
    """Any origin may call with a bearer token; cookies are never sent across origins (no credentials)."""
    origin = environ.get("HTTP_ORIGIN")
    is_any = "*" in allowed
    varying: Headers = [] if is_any else [("Vary", "Origin")]
    if origin is None or not (is_any or origin in allowed):
        return varying
    return [
        *varying,
        (_ALLOW_ORIGIN, "*" if is_any else origin),
        ("Access-Control-Expose-Headers", _ANSWER_HEADERS),
    ]

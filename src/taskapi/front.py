"""In front of Flask: answers what has not changed from memory, and compresses what has (design, part 3).

A hit checks the time, the epochs and the budget of reads, and returns stored bytes: no query, no Flask. Of
requests for the same answer at the same time one makes it, and the others wait for it.
"""

import threading
from collections.abc import Iterable

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.middleware.proxy_fix import ProxyFix

from taskapi import clock, compression, consistency, etags
from taskapi.answers import Answer, Environ, Headers, StartResponse, WsgiApp
from taskapi.callers import digest_of
from taskapi.errors import BadRequest
from taskapi.etags import REPRESENTATION, Match
from taskapi.headers import json_is_welcome, remembered, request_id
from taskapi.parts import Parts
from taskapi.responses import Basis, Entry, Rule, is_streamed, life_of, rule_for
from taskapi.without_primary import WithoutPrimary

# Where the application leaves the Basis of its answer.
BASIS = "taskapi.basis"
# Where it finds the ETag that the client has already, if that is current.
UNCHANGED = "taskapi.unchanged"
# How long a request waits for another that is making the same answer.
FLIGHT_SECONDS = 5.0

# What is longer is not kept: the store counts bodies, and a key is no place to hide megabytes in.
_MOST_OF_KEY = 2000

_READS = frozenset({"GET", "HEAD"})
_BEARER = "Bearer "
# Made anew for each answer; the rest is stored.
_OF_ONE_ANSWER = frozenset({"X-Request-ID", "RateLimit", "RateLimit-Policy"})
_OF_CONTENT = frozenset({"Content-Type", "Content-Length", "Content-Encoding"})


def put_in_front(app: Flask, parts: Parts) -> None:
    """Have an application answered for from memory, and by the address that its trusted proxies name."""
    front: WsgiApp = Front(app.wsgi_app, parts)
    if parts.settings.trusted_hops:
        # Only this many proxies are believed, counted from our end; what a client wrote before is not.
        hops = parts.settings.trusted_hops
        front = ProxyFix(front, x_for=hops, x_proto=hops, x_host=0)
    app.wsgi_app = front  # type: ignore[assignment,method-assign]


class Front:
    """A WSGI application around another."""

    def __init__(self, app: WsgiApp, parts: Parts) -> None:
        self._app = app
        self._without_primary = WithoutPrimary(app, parts)
        self._store = parts.store
        self._second = parts.second_level
        self._epochs = parts.epochs
        self._callers = parts.callers
        self._limiter = parts.limiter
        self._seal = parts.seen
        self._lock = threading.Lock()
        self._flights: dict[object, threading.Event] = {}

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        with self._without_primary.impatience(environ):
            return self._answered(environ, start)

    def _answered(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        if is_streamed(environ["PATH_INFO"]):
            return self._app(environ, start)
        rule = rule_for(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] in _READS else None
        if rule is None or not _is_ordinary(environ):
            return self._passed_on(environ, start)
        try:
            match = Match.parse(environ.get("HTTP_IF_NONE_MATCH"), "If-None-Match")
        except BadRequest:
            return self._passed_on(environ, start)  # The application says so as it says everything.
        key = _key(environ)
        entry = self._valid(key, environ)
        if entry is not None:
            return self._from_memory(entry, match, environ, start)
        environ[UNCHANGED] = self._unchanged_tag(rule, match, environ)
        if environ[UNCHANGED] is not None:
            return self._passed_on(environ, start)
        return self._missed(key, rule, match, environ, start)

    def _valid(self, key: object, environ: Environ) -> Entry | None:
        """The stored answer, if it is still the truth and not older than what the client has seen."""
        entry = self._store.get(key)
        if entry is None:
            return None
        try:
            holds = entry.is_in_its_time() and self._epochs.hold(entry.keys, entry.values)
        except SQLAlchemyError:
            return None  # Nobody can say whether it is still true.
        if not holds:
            self._store.drop(key, entry)
            return None
        token = environ.get("HTTP_CONSISTENCY_TOKEN")
        if token is not None and entry.is_older_than(consistency.seen_by(self._seal, entry.user_id, token)):
            self._epochs.forget(entry.keys)
            return None
        self._store.used(key)
        return entry

    def _from_memory(
        self, entry: Entry, match: Match | None, environ: Environ, start: StartResponse
    ) -> Iterable[bytes]:
        own: Headers = [("X-Request-ID", request_id(environ)), ("X-Cache", "hit")]
        is_current = match is not None and match.is_current(entry.etag)
        if not is_current:
            verdict = self._limiter.take("read", entry.user_id)
            if verdict is not None and not verdict.admitted:
                return self._passed_on(environ, start)  # Which refuses it, having nothing to count.
            if verdict is not None:
                own.extend(verdict.headers.items())
        return _sent(entry, own, is_current, environ, start)

    def _unchanged_tag(self, rule: Rule, match: Match | None, environ: Environ) -> str | None:
        """The ETag that the client has and that is current, told by the epochs alone: so without a query."""
        if match is None or match.tags is None or not rule.tag_by_url:
            return None
        caller = self._callers.verified(environ["HTTP_AUTHORIZATION"][len(_BEARER) :])
        if caller is None:
            return None
        user_id = caller.access.user_id
        key = caller.scope_key
        try:
            user_epoch, ended, epoch = self._epochs.current(caller.user_key, caller.session_key, key)
        except SQLAlchemyError:
            return None
        seen = consistency.seen_by(self._seal, user_id, environ.get("HTTP_CONSISTENCY_TOKEN"))
        if seen.get(key, 0) > epoch:
            self._epochs.forget([key])
            return None
        tag = etags.tag_by_url(user_id, environ, epoch)
        if ended or user_epoch != caller.standing or not match.is_current(tag):
            return None
        # The tag of the copy it would be sent, which is compressed if it is long enough: the client knows.
        encoded = etags.in_encoding(tag, _encoding(environ))
        return encoded if match.names(encoded) else tag

    def _missed(
        self, key: object, rule: Rule, match: Match | None, environ: Environ, start: StartResponse
    ) -> Iterable[bytes]:
        """Make the answer, or wait for another request that is making it."""
        with self._lock:
            flight = self._flights.get(key)
            leads = flight is None
            if flight is None:
                flight = self._flights[key] = threading.Event()
        if not leads:
            flight.wait(FLIGHT_SECONDS)
            # Held against what is known now, which is never older than what was known on arrival.
            entry = self._valid(key, environ)
            if entry is not None:
                return self._from_memory(entry, match, environ, start)
            return self._made(key, rule, match, environ, start)
        try:
            entry = self._of_others(key, environ)
            if entry is not None:
                return self._from_memory(entry, match, environ, start)
            return self._made(key, rule, match, environ, start)
        finally:
            with self._lock:
                del self._flights[key]
            flight.set()

    def _of_others(self, key: object, environ: Environ) -> Entry | None:
        """The answer as another instance made it, if it is still the truth: it is this one's from now on."""
        entry = None if self._second is None else self._second.get(key)
        if entry is None:
            return None
        self._store.put(key, entry)
        return self._valid(key, environ)

    def _made(
        self, key: object, rule: Rule, match: Match | None, environ: Environ, start: StartResponse
    ) -> Iterable[bytes]:
        """The application's answer, stored where the rule allows it."""
        # The whole answer is wanted, whatever this client has of it.
        whole = {name: value for name, value in environ.items() if name != "HTTP_IF_NONE_MATCH"}
        whole["REQUEST_METHOD"] = "GET"
        answer = self._without_primary.answer(whole)
        answer.encode(_encoding(environ))
        entry = _entry_of(answer, rule, whole.get(BASIS))
        if entry is None:
            return self._sent_uncached(answer, environ, start)
        self._store.put(key, entry)
        if self._second is not None:
            self._second.put(key, entry)
        self._store.count("miss")
        own = [pair for pair in answer.headers if pair[0] in _OF_ONE_ANSWER] + [("X-Cache", "miss")]
        is_current = match is not None and match.is_current(entry.etag)
        if is_current:
            self._limiter.give_back("read", entry.user_id)
        return _sent(entry, own, is_current, environ, start)

    def _passed_on(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        """The application's answer as it is, compressed where that is safe."""
        is_head = environ["REQUEST_METHOD"] == "HEAD"
        whole = environ | {"REQUEST_METHOD": "GET"} if is_head else environ
        answer = self._without_primary.answer(whole)
        if answer.header("Cache-Control") != "no-store" or not environ["PATH_INFO"].startswith("/api/"):
            # Tokens are never compressed: the length would tell of them (BREACH).
            answer.encode(_encoding(environ))
        return self._sent_uncached(answer, environ, start)

    def _sent_uncached(self, answer: Answer, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method in _READS and environ["PATH_INFO"].startswith("/api/v1/"):
            is_told_unchanged = environ.get(UNCHANGED) is not None and answer.status.startswith("304")
            what = "hit" if is_told_unchanged else "bypass"
            self._store.count(what)
            answer.headers.append(("X-Cache", what))
        start(answer.status, answer.headers)
        return () if method == "HEAD" else (answer.body,)


def _is_ordinary(environ: Environ) -> bool:
    """Whether a request is of the kind that is answered from memory; the application sees to all others."""
    is_bearer: bool = environ.get("HTTP_AUTHORIZATION", "").startswith(_BEARER)
    length = sum(len(environ.get(name, "")) for name in ("PATH_INFO", "QUERY_STRING", "HTTP_ORIGIN"))
    return is_bearer and length <= _MOST_OF_KEY and json_is_welcome(environ.get("HTTP_ACCEPT", ""))


def _key(environ: Environ) -> object:
    """What tells answers apart: whose, of what, in which encoding, and what headers depend on."""
    return (
        digest_of(environ["HTTP_AUTHORIZATION"][len(_BEARER) :]),
        environ["PATH_INFO"],
        environ.get("QUERY_STRING", ""),
        _encoding(environ),
        environ.get("HTTP_ORIGIN"),
        environ["wsgi.url_scheme"],
        REPRESENTATION,
    )


def _encoding(environ: Environ) -> str:
    return compression.chosen(remembered(environ.get("HTTP_ACCEPT_ENCODING", "")))


def _entry_of(answer: Answer, rule: Rule, basis: Basis | None) -> Entry | None:
    """The answer as it is kept; None where it is not one to keep."""
    life = life_of(rule, basis) if basis is not None else None
    if basis is None or life is None:
        return None
    epochs, until = life
    return Entry(
        user_id=basis.user_id,
        keys=tuple(epochs),
        values=tuple(epochs.values()),
        since=clock.now(),
        until=until,
        etag=answer.header("ETag") or "",
        headers=tuple(pair for pair in answer.headers if pair[0] not in _OF_ONE_ANSWER),
        body=answer.body,
    )


def _sent(
    entry: Entry, own: Headers, is_current: bool, environ: Environ, start: StartResponse
) -> Iterable[bytes]:
    if is_current:
        start("304 NOT MODIFIED", [pair for pair in entry.headers if pair[0] not in _OF_CONTENT] + own)
        return ()
    start("200 OK", [*entry.headers, *own])
    return () if environ["REQUEST_METHOD"] == "HEAD" else (entry.body,)

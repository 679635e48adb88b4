"""In front of Flask: answers what has not changed from memory, and compresses what has (design, part 3).

A hit checks the time, the epochs and the budget of reads, and returns stored bytes: no query, no Flask. Of
requests for the same answer at the same time one makes it, and the others wait for it.
"""

import threading
from collections.abc import Callable, Iterable
from functools import partial
from time import perf_counter

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.middleware.proxy_fix import ProxyFix

from taskapi import clock, consistency, etags, headers, server_timing
from taskapi.answers import Answer, Environ, Headers, StartResponse, WsgiApp
from taskapi.asked import BASIS, BEARER, READS, RULE, UNCHANGED, Asked, asked_of, encoding_of
from taskapi.binding import Bound
from taskapi.errors import Busy
from taskapi.etags import Match
from taskapi.measuring import Measuring, account_of
from taskapi.metrics.requests import add
from taskapi.parts import Parts
from taskapi.responses import Basis, Entry, Rule, is_streamed, life_of
from taskapi.routes import operations_of, routes_of
from taskapi.without_primary import WithoutPrimary

# How long a request waits for another that is making the same answer.
FLIGHT_SECONDS = 5.0

# Made anew for each answer; the rest is stored.
_OF_ONE_ANSWER = frozenset({headers.REQUEST_ID, "RateLimit", "RateLimit-Policy", server_timing.HEADER})
_NOTHING: tuple[bytes, ...] = ()
_OF_CONTENT = frozenset({"Content-Type", "Content-Length", "Content-Encoding"})


def put_in_front(app: Flask, parts: Parts, answering: Callable[[Environ], Answer]) -> None:
    """Have an application answered for from memory, and by the address that its trusted proxies name."""
    front: WsgiApp = Front(app, parts, answering)
    if parts.settings.trusted_hops:
        # Only this many proxies are believed, counted from our end; what a client wrote before is not.
        hops = parts.settings.trusted_hops
        front = ProxyFix(front, x_for=hops, x_proto=hops, x_host=0)
    app.wsgi_app = front  # type: ignore[assignment,method-assign]


class Front:
    """A WSGI application around another."""

    def __init__(self, flask: Flask, parts: Parts, answering: Callable[[Environ], Answer]) -> None:
        self._app: WsgiApp = flask.wsgi_app
        self._routes = routes_of(flask)
        parts.requests.know(operations_of(flask))
        self._logs_hits = parts.settings.logs_hits
        self._requests = parts.requests
        self._whole_hits = {
            path: parts.requests.row("GET", route, "200") for path, route in self._routes.items()
        }
        self._measuring = Measuring(parts.requests, self._logs_hits)
        self._without_primary = WithoutPrimary(answering, parts)
        self._room = parts.room
        self._overrun = parts.overrun
        self._store = parts.store
        self._second = parts.second_level
        self._epochs = parts.epochs
        self._callers = parts.callers
        self._limiter = parts.limiter
        self._seal = parts.seen
        self._timing = parts.timing
        self._threads = Bound(parts.binding)
        self._lock = threading.Lock()
        self._flights: dict[object, threading.Event] = {}

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        began = perf_counter()
        _ = self._threads.is_bound
        with self._without_primary.impatience(environ):
            asked = asked_of(environ)
            if asked is not None and not self._logs_hits:
                answer = self._at_once(asked, environ, start, began)
                if answer is not None:
                    return answer
            return self._measuring.around(environ, start, partial(self._answered, asked, environ))

    def _at_once(
        self, asked: Asked, environ: Environ, start: StartResponse, began: float
    ) -> Iterable[bytes] | None:
        """The answer from memory, or that there is no room to make it; None where it has to be made."""
        rule, match, key = asked
        entry = self._valid(key, environ)
        own = None if entry is None else self._own_headers(entry, match, environ)
        if entry is None or own is None:
            return self._sent_away(rule, environ, start, began) if self._room.is_full else None
        self._store.used(key)
        answer = _sent(entry, own, match, environ, start)
        if answer:
            add(self._whole_hits[rule.path], perf_counter() - began, len(entry.body))
        else:
            status = "304" if match is not None and match.is_current(entry.etag) else "200"
            row = self._requests.row(environ["REQUEST_METHOD"], self._routes[rule.path], status)
            add(row, perf_counter() - began, 0)
        return answer

    def _sent_away(self, rule: Rule, environ: Environ, start: StartResponse, began: float) -> Iterable[bytes]:
        """The refusal of what would have to be made while nobody else may wait; counted, and not logged."""
        refusal = self._overrun.answer(environ)
        self._store.count("bypass")
        start(refusal.status, [*refusal.headers, ("X-Cache", "bypass")])
        row = self._requests.row(environ["REQUEST_METHOD"], self._routes[rule.path], "503")
        add(row, perf_counter() - began, len(refusal.body))
        return _NOTHING if environ["REQUEST_METHOD"] == "HEAD" else (refusal.body,)

    def _answered(self, asked: Asked | None, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        if asked is None:
            answering = self._app if is_streamed(environ["PATH_INFO"]) else self._passed_on
            return answering(environ, start)
        rule, match, key = asked
        entry = self._valid(key, environ)
        if entry is not None:
            return self._from_memory(entry, asked, environ, start)
        environ[UNCHANGED] = self._unchanged_tag(rule, match, environ)
        if environ[UNCHANGED] is not None:
            return self._passed_on(environ, start)
        try:
            return self._missed(asked, environ, start)
        except Busy as refusal:
            account_of(environ).route = self._routes[rule.path]
            return self._sent_uncached(self._overrun.answer(environ, refusal), environ, start)

    def _valid(self, key: object, environ: Environ) -> Entry | None:
        """The stored answer, if it is still the truth and not older than what the client has seen."""
        entry = self._store.get(key)
        if entry is None:
            return None
        try:
            holds = entry.is_in_its_time() and self._epochs.hold(entry.keys, entry.values)
        except (SQLAlchemyError, Busy):
            return None  # Nobody can say whether it is still true.
        if not holds:
            self._store.drop(key, entry)
            return None
        token = environ.get("HTTP_CONSISTENCY_TOKEN")
        if token is not None and entry.is_older_than(consistency.seen_by(self._seal, entry.user_id, token)):
            self._epochs.forget(entry.keys)
            return None
        return entry

    def _own_headers(self, entry: Entry, match: Match | None, environ: Environ) -> Headers | None:
        """What this answer from memory has for itself; None where its reader has no budget left."""
        own: Headers = [(headers.REQUEST_ID, headers.request_id(environ)), ("X-Cache", "hit")]
        if self._timing.is_for(entry.user_id):
            own.append(server_timing.HIT)
        if match is None or not match.is_current(entry.etag):
            verdict = self._limiter.take("read", entry.user_id, is_told=False)
            if verdict is not None:
                if not verdict.admitted:
                    return None
                own.extend(verdict.headers.items())
        return own

    def _from_memory(
        self, entry: Entry, asked: Asked, environ: Environ, start: StartResponse
    ) -> Iterable[bytes]:
        """What another request, or another instance, has made meanwhile."""
        rule, match, key = asked
        own = self._own_headers(entry, match, environ)
        if own is None:
            return self._passed_on(environ, start)  # Which refuses it, and counts that.
        self._store.used(key)
        account = account_of(environ)
        account.is_hit, account.route = True, self._routes[rule.path]
        return _sent(entry, own, match, environ, start)

    def _unchanged_tag(self, rule: Rule, match: Match | None, environ: Environ) -> str | None:
        """The ETag that the client has and that is current, told by the epochs alone: so without a query."""
        if match is None or match.tags is None or not rule.tag_by_url:
            return None
        caller = self._callers.verified(environ["HTTP_AUTHORIZATION"][len(BEARER) :])
        if caller is None:
            return None
        user_id = caller.access.user_id
        key = caller.scope_key
        try:
            user_epoch, ended, epoch = self._epochs.current(caller.user_key, caller.session_key, key)
        except (SQLAlchemyError, Busy):
            return None
        seen = consistency.seen_by(self._seal, user_id, environ.get("HTTP_CONSISTENCY_TOKEN"))
        if seen.get(key, 0) > epoch:
            self._epochs.forget([key])
            return None
        tag = etags.tag_by_url(user_id, environ, epoch)
        if ended or user_epoch != caller.standing or not match.is_current(tag):
            return None
        # The tag of the copy it would be sent, which is compressed if it is long enough: the client knows.
        encoded = etags.in_encoding(tag, encoding_of(environ))
        return encoded if match.names(encoded) else tag

    def _missed(self, asked: Asked, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        """Make the answer, or wait for another request that is making it. Raises Busy."""
        _, _, key = asked
        with self._lock:
            flight = self._flights.get(key)
            leads = flight is None
            if flight is None:
                flight = self._flights[key] = threading.Event()
        if not leads:
            self._room.follow(flight, FLIGHT_SECONDS)
            # Held against what is known now, which is never older than what was known on arrival.
            entry = self._valid(key, environ)
            if entry is not None:
                return self._from_memory(entry, asked, environ, start)
            return self._made(asked, environ, start)
        try:
            entry = self._of_others(key, environ)
            if entry is not None:
                return self._from_memory(entry, asked, environ, start)
            return self._made(asked, environ, start)
        finally:
            with self._lock:
                del self._flights[key]
            flight.set()

    def _of_others(self, key: object, environ: Environ) -> Entry | None:
        """The answer as another instance made it, if it is still the truth: it is this one's from now on."""

        def holds(found: Entry) -> bool:
            self._store.put(key, found)
            return self._valid(key, environ) is not None

        return None if self._second is None else self._second.get(key, holds)

    def _made(self, asked: Asked, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        """The application's answer, stored where the rule allows it."""
        rule, match, key = asked
        # The whole answer is wanted, whatever this client has of it.
        whole = environ | {"REQUEST_METHOD": "GET", RULE: rule.path}
        whole.pop("HTTP_IF_NONE_MATCH", None)
        answer = self._without_primary.answer(whole)
        answer.encode(encoding_of(environ))
        answer.tell_apart(_OF_ONE_ANSWER)
        entry = _entry_of(answer, rule, whole.get(BASIS))
        if entry is None:
            return self._sent_uncached(answer, environ, start)
        self._store.put(key, entry)
        if self._second is not None:
            self._second.put(key, entry)
        self._store.count("miss")
        own = [*(answer.own or ()), ("X-Cache", "miss")]
        if match is not None and match.is_current(entry.etag):
            self._limiter.give_back("read", entry.user_id)
        return _sent(entry, own, match, environ, start)

    def _passed_on(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        """The application's answer as it is, compressed where that is safe."""
        is_head = environ["REQUEST_METHOD"] == "HEAD"
        whole = environ | {"REQUEST_METHOD": "GET"} if is_head else environ
        answer = self._without_primary.answer(whole)
        if answer.header("Cache-Control") != "no-store" or not environ["PATH_INFO"].startswith("/api/"):
            # Tokens are never compressed: the length would tell of them (BREACH).
            answer.encode(encoding_of(environ))
        return self._sent_uncached(answer, environ, start)

    def _sent_uncached(self, answer: Answer, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method in READS and environ["PATH_INFO"].startswith("/api/v1/"):
            is_told_unchanged = environ.get(UNCHANGED) is not None and answer.status.startswith("304")
            what = "hit" if is_told_unchanged else "bypass"
            self._store.count(what)
            answer.headers.append(("X-Cache", what))
        start(answer.status, [*answer.headers, *(answer.own or ())])
        return () if method == "HEAD" else (answer.body,)


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
        headers=tuple(answer.headers),
        body=answer.body,
    )


def _sent(
    entry: Entry, own: Headers, match: Match | None, environ: Environ, start: StartResponse
) -> tuple[bytes, ...]:
    if match is not None and match.is_current(entry.etag):
        start("304 NOT MODIFIED", [pair for pair in entry.headers if pair[0] not in _OF_CONTENT] + own)
        return _NOTHING
    start("200 OK", [*entry.headers, *own])
    return _NOTHING if environ["REQUEST_METHOD"] == "HEAD" else (entry.body,)

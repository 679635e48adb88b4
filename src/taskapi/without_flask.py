"""Ordinary calls of the API, answered without what Flask does around a view (ADR 24).

It is what most calls cost most of: contexts, a map of addresses, headers set one by one. The same functions
answer: who asks, what is left to them, the view, what its answer is kept under. What is refused or fails on
the way is handed to Flask with what is known by then, and Flask tells it, as it tells everything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from flask import Flask

from taskapi import consistency, headers, server_timing
from taskapi.access import Authenticate, bearer, consistency_token, count_read, identify, note_basis
from taskapi.answers import Answer, Environ, Headers, answer_of
from taskapi.asked import RULE
from taskapi.bodies import body_bytes
from taskapi.http import Endpoint, answered_by, in_one_transaction
from taskapi.marks import deprecation, is_plain, is_public, is_uncounted, is_upload
from taskapi.measuring import Account, account_of, timing_of, trace
from taskapi.outages import STAND_IN
from taskapi.parts import Parts
from taskapi.proxies import FAILURE, Call, begin_call, end_call
from taskapi.replies import Reply
from taskapi.responses import API, RULES
from taskapi.scopes import scope_of

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_STATUS = {one.value: f"{one.value} {one.phrase.upper()}" for one in HTTPStatus}


@dataclass(frozen=True)
class _Way:
    """What Flask would find out about a call each time."""

    endpoint: Endpoint
    # The route, and in which part of a path its value is, under which name.
    route: str
    place: int
    name: str
    scope: str | None

    def path_parts(self, path: str) -> dict[str, str]:
        if not self.name:
            return {}
        value = path.split("/")[self.place]
        # WSGI has bytes as characters (PEP 3333).
        return {self.name: value if value.isascii() else value.encode("latin-1").decode(errors="replace")}


class WithoutFlask:
    """An application whose ordinary calls take the short way, as far as they are refused nothing."""

    def __init__(self, flask: Flask, parts: Parts, authenticate: Authenticate) -> None:
        self._app = flask.wsgi_app
        self._extensions = flask.extensions
        self._authenticate = authenticate
        self._room = parts.room
        self._overrun = parts.overrun
        self._logs_hits = parts.settings.logs_hits
        self._callers = parts.callers
        # Who has no budget left is told so without a place at work.
        self._counts_reads = parts.limiter.policy("read") is not None
        self._timing = parts.timing
        self._origins = headers.origins(parts.settings)
        self._ways = dict(_ways(flask))
        # What is behind them is not looked at: whoever likes sends paths of thousands of parts.
        self._most_rooms = max(shape.count("/") for _, shape in self._ways) + 1

    def answer(self, environ: Environ) -> Answer:
        """The answer to a request, whose environ is changed."""
        way = self._way(environ)
        if way is None or STAND_IN in environ:
            return answer_of(self._app, environ)
        # Reads that may be kept are asked at the door, unless all of them are measured.
        if self._room.is_overfull and (self._logs_hits or RULE not in environ):
            account_of(environ).route = way.route
            return self._overrun.answer(environ)
        request_id = environ["HTTP_X_REQUEST_ID"] = headers.request_id(environ)
        call = Call(environ, self._extensions["taskapi"], request_id)
        begin_call(call)
        try:
            return self._answered(way, call)
        except Exception as error:  # noqa: BLE001 - Flask knows what to say of each
            environ[FAILURE] = error, call
        finally:
            end_call()
        return answer_of(self._app, environ)

    def _way(self, environ: Environ) -> _Way | None:
        method = environ["REQUEST_METHOD"]
        if method not in _WRITES:
            return self._ways.get((method, environ.get(RULE, "")))
        path: str = environ["PATH_INFO"]
        if not path.startswith(API):
            return None
        rooms = path[len(API) :].split("/", self._most_rooms)
        if len(rooms) > self._most_rooms:
            return None
        found = self._ways.get((method, "/".join(rooms)))
        for place in range(1, len(rooms)):
            if found is None and rooms[place]:
                found = self._ways.get((method, "/".join([*rooms[:place], "*", *rooms[place + 1 :]])))
        return found

    def _answered(self, way: _Way, call: Call) -> Answer:
        environ = call.environ
        account = account_of(environ)
        account.route = way.route
        trace(account)
        token, is_read = bearer(), environ["REQUEST_METHOD"] not in _WRITES
        # No stranger has a place at work; who reads and is known is looked at there, as all looking is work.
        is_awaited = is_read and not self._counts_reads and self._callers.verified(token) is not None
        if not is_awaited:
            self._look_at(token, way, is_read)
        if not is_read:
            # Before it has a place at work: it may come slowly.
            call.body = body_bytes(call.parts.reading)
        parts = way.path_parts(environ["PATH_INFO"])
        self._room.enter()
        try:
            if is_awaited:
                self._look_at(token, way, is_read)
            reply = in_one_transaction(partial(answered_by, way.endpoint, parts))
        finally:
            self._room.leave()
        assert isinstance(reply, Reply)  # noqa: S101 - no file and no cookie comes by a short way
        account.ids = {**account.ids, "user.id": call.actor.user_id}
        return self._told(reply, call, account)

    def _look_at(self, token: str, way: _Way, is_read: bool) -> None:
        """Note who asks, and count a read of theirs."""
        identify(self._authenticate, token, way.scope)
        if is_read:
            count_read()

    def _told(self, reply: Reply, call: Call, account: Account) -> Answer:
        """The answer of a view with what every answer carries."""
        told: Headers = [*reply.headers]
        if reply.status != HTTPStatus.NO_CONTENT:
            told.append(("Content-Length", str(len(reply.body))))
        if reply.header(consistency.HEADER) is None:
            token = consistency_token()
            if token is not None:
                told.append((consistency.HEADER, token))
        if reply.status == HTTPStatus.OK and call.environ["REQUEST_METHOD"] == "GET":
            note_basis()
        told.extend(headers.of_data(call.environ, self._origins, reply.header("Cache-Control")))
        own: Headers = [*call.get("limit_headers", {}).items(), (headers.REQUEST_ID, call.request_id)]
        if self._timing.is_for(call.actor.user_id):
            own.append((server_timing.HEADER, timing_of(account)))
        return Answer(_STATUS[reply.status], told, reply.body, own)


def _ways(flask: Flask) -> Iterator[tuple[tuple[str, str], _Way]]:
    """The short ways, by method and path; none where Flask sees to more, or a path has several values."""
    for rule in flask.url_map.iter_rules():
        rooms = rule.rule.split("/")
        places = [place for place, room in enumerate(rooms) if room.startswith("<")]
        view = flask.view_functions[rule.endpoint]
        # What is told to who logs in and out has headers and cookies of its own.
        is_data = rule.rule.startswith(API) and not rule.rule.startswith(f"{API}auth/")
        is_plain_path = len(places) < 2 and ":" not in rule.rule
        if not is_data or not is_plain_path or _is_for_flask(flask, rule.endpoint, view):
            continue
        place = places[0] if places else 0
        name = rooms[place].strip("<>")
        shape = "/".join("*" if number in places else room for number, room in enumerate(rooms))[len(API) :]
        for method in rule.methods or ():
            if method in _WRITES or (method == "GET" and shape in RULES):
                scope = scope_of(flask, rule.endpoint, method)
                endpoint: Endpoint = cast("Any", view).endpoint
                yield (method, shape), _Way(endpoint, rule.rule, place, name, scope)


def _is_for_flask(flask: Flask, endpoint: str, view: Any) -> bool:
    """Whether more is asked of a call, or said in its answer, than of most."""
    return (
        is_public(flask, endpoint)
        or is_uncounted(view)
        or is_upload(view)
        or is_plain(view)
        or deprecation(view) is not None
        or not hasattr(view, "endpoint")
        or bool(flask.before_request_funcs.get(endpoint.partition(".")[0]))
    )

"""Reads that may be kept, answered without what Flask does around a view (ADR 24).

It is what a read costs most of: contexts, routing that the rule has done, headers set one by one. The same
functions answer: who asks, what is left to them, the view, what its answer is kept under. What is refused or
fails on the way is handed to Flask with what is known by then, and Flask tells it, as it tells everything.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from flask import Flask
from pydantic import BaseModel

from taskapi import consistency, headers, server_timing
from taskapi.access import Authenticate, consistency_token, count_read, identify, note_basis
from taskapi.answers import Answer, Environ, Headers, answer_of
from taskapi.asked import BEARER, RULE
from taskapi.http import Endpoint, let_go
from taskapi.marks import deprecation, is_public, is_uncounted
from taskapi.measuring import account_of, timing_of, trace
from taskapi.outages import STAND_IN
from taskapi.parsing import pairs_of, path_of, query_of
from taskapi.parts import Parts
from taskapi.proxies import FAILURE, Call, begin_call, end_call
from taskapi.replies import Answered, Reply
from taskapi.responses import API, RULES
from taskapi.scopes import scope_of


@dataclass(frozen=True)
class _Way:
    """What Flask would find out about a path of a rule each time."""

    view: Callable[..., Answered]
    query: type[BaseModel] | None
    path: type[BaseModel] | None
    # In which part of the path which value is.
    values: tuple[tuple[int, str], ...]
    scope: str | None

    def arguments(self, environ: Environ) -> Iterator[tuple[str, BaseModel | None]]:
        """What the view takes. Raises BadRequest, NotFound."""
        if self.path is not None:
            rooms = environ["PATH_INFO"].split("/")
            yield "path", path_of(self.path, {name: rooms[place] for place, name in self.values})
        checked = query_of(self.query, pairs_of(environ.get("QUERY_STRING", "").encode("latin-1")))
        if self.query is not None:
            yield "query", checked


class WithoutFlask:
    """An application whose reads that may be kept take the short way, as far as they are refused nothing."""

    def __init__(self, flask: Flask, parts: Parts, authenticate: Authenticate) -> None:
        self._app = flask.wsgi_app
        self._parts = parts
        self._authenticate = authenticate
        self._timing = parts.timing
        self._origins = headers.origins(parts.settings)
        self._ways = dict(_ways(flask))

    def answer(self, environ: Environ) -> Answer:
        """The answer to a request, which is changed."""
        way = self._ways.get(environ.get(RULE, ""))
        if way is None or STAND_IN in environ:
            return answer_of(self._app, environ)
        request_id = environ["HTTP_X_REQUEST_ID"] = headers.request_id(environ)
        call = Call(environ, self._parts, request_id)
        begin_call(call)
        try:
            return self._read(way, call)
        except Exception as error:  # noqa: BLE001 - Flask knows what to say of each
            environ[FAILURE] = error, call
        finally:
            end_call()
        return answer_of(self._app, environ)

    def _read(self, way: _Way, call: Call) -> Answer:
        environ = call.environ
        account = account_of(environ)
        trace(account)
        try:
            identify(self._authenticate, environ["HTTP_AUTHORIZATION"][len(BEARER) :].strip(), way.scope)
            count_read()
            reply = way.view(**dict(way.arguments(environ)))
        finally:
            let_go(account)
        assert isinstance(reply, Reply)  # noqa: S101 - no file has a rule by which it is kept
        account.ids = {**account.ids, "user.id": call.actor.user_id}
        token = consistency_token()
        note_basis()
        told: Headers = [*reply.headers, ("Content-Length", str(len(reply.body)))]
        if token is not None:
            told.append((consistency.HEADER, token))
        told.extend(headers.of_data(environ, self._origins))
        own: Headers = [*call.limit_headers.items(), (headers.REQUEST_ID, call.request_id)]
        if self._timing.is_for(call.actor.user_id):
            own.append((server_timing.HEADER, timing_of(account)))
        return Answer("200 OK", told, reply.body, own)


def _ways(flask: Flask) -> Iterator[tuple[str, _Way]]:
    """For each rule the way to its view; not where something is to be said or asked that Flask sees to."""
    routes = flask.url_map.bind("")
    for name in RULES:
        rule, _ = routes.match(f"{API}{name.replace('*', 'x')}", return_rule=True)
        view = flask.view_functions[rule.endpoint]
        blueprint = rule.endpoint.partition(".")[0]
        said: Endpoint = cast("Any", view).endpoint
        is_more = is_public(flask, rule.endpoint) or is_uncounted(view) or deprecation(view) is not None
        if is_more or flask.before_request_funcs.get(blueprint):
            continue
        values = tuple(
            (place, room.strip("<>"))
            for place, room in enumerate(rule.rule.split("/"))
            if room.startswith("<")
        )
        scope = scope_of(flask, rule.endpoint, "GET")
        yield name, _Way(said.view, said.query, said.path, values, scope)

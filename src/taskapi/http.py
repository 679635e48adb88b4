"""Between Flask and the features: the current session and actor, endpoints, and replies.

One request is one transaction: a view that returns commits, one that raises rolls back, except for a refusal
that says it must be kept.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

import orjson
from flask import Response
from flask.typing import ResponseReturnValue
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel

from taskapi.current import (
    DEVICE_COOKIE,
    READS,
    actor,
    client,
    parts,
    reading,
    session,
    spend,
    writing,
)
from taskapi.db import Session
from taskapi.epochs import scope_key
from taskapi.errors import AppError
from taskapi.etags import Match, tag_by_url
from taskapi.marks import (
    deprecated,
    is_public,
    is_secret,
    is_slow,
    plain,
    public,
    refuses,
    secret,
    slow,
    uncounted,
    upload,
)
from taskapi.measuring import Account, account_of
from taskapi.once import once
from taskapi.parsing import Nothing, body_of, pairs_of, path_of, query_of
from taskapi.proxies import environ, notes
from taskapi.replies import JSON, Answered, Reply, response_of
from taskapi.uploads import sent, uploaded

__all__ = [
    "DEVICE_COOKIE",
    "READS",
    "Endpoints",
    "TaskApi",
    "actor",
    "client",
    "deprecated",
    "if_match",
    "is_public",
    "no_content",
    "parts",
    "plain",
    "public",
    "reading",
    "refuses",
    "reply",
    "reply_list",
    "secret",
    "session",
    "slow",
    "spend",
    "uncounted",
    "upload",
    "uploaded",
    "writing",
]


Result = TypeVar("Result")


@dataclass(frozen=True)
class Endpoint:
    """What a view says of itself: the models it takes, and the one of each answer; the document reads it."""

    view: Callable[..., Answered]
    path: type[BaseModel] | None
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    answers: Mapping[int, type[BaseModel] | None]


class Endpoints(APIBlueprint):
    """A blueprint whose views take `path`, `query` and `body` as models, by our own strict parser.

    `subject` says what they are about, for the scope that they ask of tokens; without it they are closed to
    personal ones.
    """

    def __init__(self, name: str, import_name: str, *, subject: str | None = None, **options: Any) -> None:
        # The document is made by `contract`, from what the views say.
        super().__init__(name, import_name, doc_ui=False, **options)
        self.subject = subject

    @staticmethod
    def create_view_func(  # noqa: PLR0913, PLR0917 - the hook's own signature
        func: Callable[..., Answered],
        header: Any,  # noqa: ARG004 - as above
        cookie: Any,  # noqa: ARG004 - as above
        path: type[BaseModel] | None,
        query: type[BaseModel] | None,
        form: Any,  # noqa: ARG004 - as above
        body: type[BaseModel] | None,
        raw: Any,  # noqa: ARG004 - as above
        *_: Any,
        **said: Any,
    ) -> Callable[..., Response]:
        @wraps(func)
        def view(**path_parts: str) -> Response:
            return response_of(answered_by(endpoint, path_parts))

        endpoint = view.endpoint = Endpoint(func, path, query, body, said.get("responses") or {})  # type: ignore[attr-defined]
        return view


class TaskApi(OpenAPI):
    """The Flask application, with one transaction around each request."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """None of our functions is a coroutine, so none is asked."""
        return func

    def dispatch_request(self) -> ResponseReturnValue:
        return in_one_transaction(super().dispatch_request)


def answered_by(endpoint: Endpoint, path_parts: Mapping[str, str]) -> Answered:
    """What a view answers to the request; a write under a key that was used, as it was answered then.

    Raises BadRequest, NotFound and Invalid for what it does not take, and what the view raises.
    """
    view, arguments = endpoint.view, dict[str, BaseModel | None]()
    if endpoint.path is not None:
        arguments["path"] = path_of(endpoint.path, path_parts)
    around = environ()
    query = query_of(endpoint.query, pairs_of(around.get("QUERY_STRING", "").encode("latin-1")))
    if endpoint.query is not None:
        arguments["query"] = query
    if around["REQUEST_METHOD"] in READS:
        return view(**arguments)
    with sent(view, parts()) as (told_apart_by, raw_body):
        body = body_of(endpoint.body or Nothing, raw_body)
        if endpoint.body is not None:
            arguments["body"] = body
        return once(
            lambda: view(**arguments),
            told_apart_by,
            path_parts.get("task_id"),
            is_slow=is_slow(view),
            is_secret=is_secret(view),
        )


def in_one_transaction(work: Callable[[], Result]) -> Result:
    """What the work returns, committed; rolled back where it raises, but for a refusal that is to be kept."""
    try:
        answer = work()
        _finish()
    except AppError as refusal:
        if refusal.keep:
            _finish()
        raise
    else:
        return answer
    finally:
        let_go(account_of(environ()))


def let_go(account: Account) -> None:
    """Close what the request opened, and note what it asked of the database."""
    here = notes()
    account.read_from = getattr(here.get("session"), "source", None)
    for opened in (here.pop("session", None), here.pop("reading", None)):
        if opened is not None:
            account.work.append(opened.work)
            opened.close()


def if_match() -> Match | None:
    return Match.parse(environ().get("HTTP_IF_MATCH"), "If-Match")


def reply(
    data: Any,
    status: int = 200,
    etag: str | None = None,
    headers: dict[str, str] | None = None,
    under: Mapping[str, int] | None = None,
    until: int | None = None,
) -> Reply:
    """JSON, or 304 where the client has it already.

    `under` holds the epochs that came with the data in the same statement; `until` is the millisecond since
    1970 from which it may be another although none of them moved.
    """
    here, around = notes(), environ()
    here.under, here.until = under, until
    if etag is not None and around["REQUEST_METHOD"] in READS:
        match = Match.parse(around.get("HTTP_IF_NONE_MATCH"), "If-None-Match")
        if match is not None and match.is_current(etag):
            return _not_modified(etag)
    told = [JSON] if etag is None else [JSON, ("ETag", etag)]
    if headers:
        told.extend(headers.items())
    return Reply(status, told, orjson.dumps(data))


def _not_modified(etag: str) -> Reply:
    """What costs no budget, since it was a question only."""
    if "actor" in notes():
        parts().limiter.give_back("read", actor().user_id)
    return Reply(304, [("ETag", etag)])


def reply_list(page: dict[str, Any], under: int) -> Reply:
    """What depends on the actor's scope alone, under an ETag of the URL and the scope's epoch."""
    known = actor()
    tag = tag_by_url(known.user_id, environ(), under)
    return reply(page, etag=tag, under={scope_key(known.scope_id): under})


def no_content(headers: dict[str, str] | None = None) -> Reply:
    return Reply(204, list((headers or {}).items()))


def _finish() -> None:
    """Commit what the request's transaction did, and publish it, before the client is answered."""
    here = notes()
    opened: Session | None = here.get("session")
    if opened is not None and environ()["REQUEST_METHOD"] not in READS:
        parts().database.finish(opened)
        here.moved = opened.moved

"""The request being answered: its session, its actor, where it comes from, what it spends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from flask import current_app, g, request

from taskapi.actors import Actor, Client
from taskapi.db import Session
from taskapi.epochs import scope_key
from taskapi.parts import Parts

READS = frozenset({"GET", "HEAD", "OPTIONS"})
DEVICE_COOKIE = "taskapi_device"


def parts() -> Parts:
    return cast("Parts", current_app.extensions["taskapi"])


def session() -> Session:
    """The request's transaction; for a reading method an autocommit reader."""
    if "session" not in g:
        database = parts().database
        g.session = database.new_reader() if request.method in READS else database.new_writer()
        g.session.request_id = g.request_id
    return cast("Session", g.session)


def reading() -> Session:
    """An autocommit reader, for what has to be read before the transaction begins."""
    if "reading" not in g:
        g.reading = parts().database.new_reader()
    return cast("Session", g.reading)


def actor() -> Actor:
    return cast("Actor", g.actor)


def client() -> Client:
    return Client(
        address=request.remote_addr or "unknown",
        user_agent=request.headers.get("User-Agent", "")[:400],
        request_id=g.request_id,
        device=request.cookies.get(DEVICE_COOKIE),
    )


@contextmanager
def writing() -> Iterator[Session]:
    """A transaction of its own, for the one read that has to write."""
    with parts().database.writer() as opened:
        yield opened


def spend(policy: str, tries: int = 1) -> dict[str, str]:
    """Count tries of the actor against a limit; the headers that tell how things stand. Raises TooMany."""
    headers = parts().limiter.spend(policy, actor().user_id, tries)
    g.setdefault("spent", {})[policy] = tries
    return headers


def scope_epoch() -> dict[str, int]:
    """The epoch of the actor's scope, if it is known without asking: nothing older is told from now on."""
    key = scope_key(actor().scope_id)
    value = parts().epochs.known(key)
    return {} if value is None else {key: value}

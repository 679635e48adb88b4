"""The request being answered: its session, its actor, where it comes from, what it spends."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import cast

from flask import current_app

from taskapi import consistency
from taskapi.actors import Actor, Client, Standing
from taskapi.db import Session
from taskapi.epochs import scope_key
from taskapi.outages import STAND_IN
from taskapi.parts import Parts
from taskapi.proxies import asked, environ, notes

READS = frozenset({"GET", "HEAD", "OPTIONS"})
DEVICE_COOKIE = "taskapi_device"


def parts() -> Parts:
    here = notes()
    found = here.get("parts")
    if found is None:
        # While the primary is away reads are answered with others (without_primary.py).
        request = asked()
        found = here.parts = request.environ.get(STAND_IN) or current_app.extensions["taskapi"]
    return cast("Parts", found)


def session() -> Session:
    """The request's transaction; for a reading method an autocommit reader."""
    here = notes()
    opened: Session | None = here.get("session")
    if opened is None:
        database = parts().database
        reads = environ()["REQUEST_METHOD"] in READS
        opened = here.session = database.new_replica_reader(_least) if reads else database.new_writer()
        opened.request_id, opened.traceparent = here.request_id, here.trace.header
    return opened


def reading() -> Session:
    """An autocommit reader, for what has to be read before the transaction begins."""
    here = notes()
    if "reading" not in here:
        here.reading = parts().database.new_reader()
    return cast("Session", here.reading)


def _least(key: str) -> int:
    """The oldest epoch that the request may be answered under: what was known when it came, and what its
    client has seen.
    """
    standing: Standing = notes().standing
    known = standing.known.get(key)
    if known is None:
        known = parts().epochs.current(key)[0]
    return max(known, seen().get(key, 0))


def seen() -> Mapping[str, int]:
    """The epochs that the client says it has seen."""
    token = environ().get("HTTP_CONSISTENCY_TOKEN")
    return consistency.seen_by(parts().seen, actor().user_id, token)


def actor() -> Actor:
    return cast("Actor", notes().actor)


def client() -> Client:
    around = environ()
    return Client(
        address=around.get("REMOTE_ADDR") or "unknown",
        user_agent=around.get("HTTP_USER_AGENT", "")[:400],
        request_id=notes().request_id,
        device=asked().cookies.get(DEVICE_COOKIE) if "HTTP_COOKIE" in around else None,
    )


@contextmanager
def writing() -> Iterator[Session]:
    """A transaction of its own, for the one read that has to write."""
    with parts().database.writer() as opened:
        yield opened


def spend(policy: str, tries: int = 1) -> dict[str, str]:
    """Count tries of the actor against a limit; the headers that tell how things stand. Raises TooMany."""
    headers = parts().limiter.spend(policy, actor().user_id, tries)
    notes().setdefault("spent", {})[policy] = tries
    return headers


def scope_epoch() -> dict[str, int]:
    """The epoch of the actor's scope, if it is known without asking: nothing older is told from now on."""
    key = scope_key(actor().scope_id)
    value = parts().epochs.known(key)
    return {} if value is None else {key: value}

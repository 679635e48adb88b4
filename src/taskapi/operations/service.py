"""What became of a request whose answer was lost."""

from taskapi import idempotency
from taskapi.actors import Actor
from taskapi.clock import rfc3339
from taskapi.db import Session


def find(session: Session, actor: Actor, key: str) -> dict[str, object]:
    """The outcome of the actor's request with this Idempotency-Key.

    "not_applied" is final, which takes a write: the session has to be a writer.
    """
    found = dict(idempotency.outcome(session, actor.user_id, key))
    if "at" in found:
        found["at"] = rfc3339(found["at"])
    return {"key": key, **found}

"""What is remembered for good: who did what to whom, in ids only."""

from collections.abc import Mapping

import orjson

from taskapi.audit import queries
from taskapi.clock import now
from taskapi.db import Session, new_id


def remember(
    session: Session,
    action: str,
    *,
    actor_id: str | None,
    target: tuple[str, str] | None = None,
    via: str,
    request_id: str,
    details: Mapping[str, object] | None = None,
) -> None:
    """Write an entry in the transaction of what it is about.

    `action` is `noun.verb` in the past, such as `user.disabled`; `target` is a kind and an id; `details` hold
    names of fields and ids, never what people wrote.
    """
    session.run(
        queries.REMEMBER,
        {
            "id": new_id(),
            "at": now(),
            "actor_id": actor_id,
            "action": action,
            "target_kind": target[0] if target else None,
            "target_id": target[1] if target else None,
            "via": via,
            "request_id": request_id,
            "details": orjson.dumps(details or {}).decode(),
        },
    )

"""What is remembered for good: who did what to whom, in ids only."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from taskapi.actors import Author
from taskapi.audit import queries
from taskapi.clock import MINUTE, now
from taskapi.db import Session
from taskapi.ids import first_id, new_id


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
    session.told.append((f"audit: {action}", _fields(action, actor_id, target, via)))


def _fields(action: str, actor_id: str | None, target: tuple[str, str] | None, via: str) -> dict[str, object]:
    """An entry as its line in the log has it, by the names of the Elastic Common Schema."""
    fields: dict[str, object] = {
        "event.dataset": "taskapi.audit",
        "event.action": action,
        "taskapi.via": via,
    }
    if actor_id is not None:
        fields["user.id"] = actor_id
    if target is not None:
        kind, target_id = target
        fields["user.target.id" if kind == "user" else "taskapi.target.id"] = target_id
    return fields


def remember_act(
    session: Session,
    by: Author,
    action: str,
    target: tuple[str, str] | None = None,
    details: Mapping[str, object] | None = None,
) -> None:
    """As `remember`, of an actor or of whoever runs the service."""
    remember(
        session,
        action,
        actor_id=by.user_id,
        target=target,
        via=by.via,
        request_id=by.request_id,
        details=details,
    )


def entries(session: Session, most: int, **filters: str | int | None) -> Sequence[Any]:
    """The newest entries, at most so many.

    Filters that are None are none: `actor`, `action`, `since` (inclusive) and `until` (exclusive), both in
    milliseconds since 1970, and `after_id`, the last entry that is known already.
    """
    given = {name: value for name, value in filters.items() if value is not None}
    for name, slack in (("since", -MINUTE), ("until", MINUTE)):
        if name in given:
            given[f"{name}_id"] = first_id(int(given[name]) + slack)
    return session.rows(queries.entries(given), most=most, **given)

"""Erasing accounts for good, once their days of regret are over.

The account itself goes in one short transaction, with all that lets somebody in: there is no moment at which
half of it is there, and a log-in at that moment comes before or after it as a whole. The same transaction
leaves a job that removes, a batch at a time, what only its owner could see.
"""

from taskapi import epochs
from taskapi.audit.service import remember
from taskapi.clock import now
from taskapi.db import Session
from taskapi.erasure import queries
from taskapi.jobs import enqueue, payload_of
from taskapi.sessions.service import forget as forget_sessions

ERASE_SCOPE = "accounts.erase_scope"

_BATCH = 200


def erase_due(reading: Session, session: Session, request_id: str) -> int:
    """Erase an account whose time is over, or first a part of its sessions if they are many; 0: none is."""
    moment = now()
    user_id = reading.value(queries.NEXT_DUE, moment=moment)
    if user_id is None:
        return 0
    # Looked at again now that nobody can log in: who just did has kept the account.
    user = session.row(queries.DUE_LOCKED, owner=user_id, moment=moment)
    if user is not None:
        sessions = session.rows(queries.SESSIONS, owner=user_id, most=_BATCH)
        if sessions:
            forget_sessions(session, [row._asdict() for row in sessions])
        if len(sessions) < _BATCH:
            _erase(session, user_id, user.email_key, request_id)
    return 1


def erase_scope(reading: Session, session: Session, scope_id: str) -> int:
    """Remove a batch of what an erased account left behind; how much, 0 where nothing is left."""
    for find, remove in queries.LEFT_BEHIND:
        rows = reading.rows(find, owner=scope_id, most=_BATCH)
        if rows:
            session.run(remove, [row._asdict() for row in rows])
            return len(rows)
    return 0


def _erase(session: Session, user_id: str, email_key: str, request_id: str) -> None:
    for statement in queries.ALONG:
        session.run(statement, {"owner": user_id})
    for statement in queries.ADDRESSED:
        session.run(statement, {"payload": payload_of({"email_key": email_key})})
    # The user's scope is named like them.
    epochs.move_all(session, (epochs.user_key(user_id), epochs.scope_key(user_id), epochs.USERS))
    session.run(queries.ERASE_USER, {"owner": user_id})
    enqueue(session, ERASE_SCOPE, {"scope_id": user_id}, request_id)
    remember(
        session, "user.erased", actor_id=None, target=("user", user_id), via="job", request_id=request_id
    )

"""A request under an Idempotency-Key: carried out once, and answered alike however often it comes."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from flask import Response

from taskapi import consistency, idempotency
from taskapi.current import actor, parts, reading, scope_epoch, session, spend
from taskapi.db import Session
from taskapi.errors import AppError, BadRequest
from taskapi.proxies import asked, notes
from taskapi.replies import Answered, Reply

_KEY = re.compile(r"[\x20-\x7e]{1,255}")
# What a replay repeats of the headers.
_REPLAYED = ("Cache-Control", "Content-Type", "ETag", "Location", consistency.HEADER)


def once(
    view: Callable[[], Answered],
    body: bytes,
    task_id: str | None,
    *,
    is_slow: bool = False,
    is_secret: bool = False,
) -> Answered:
    """A view's answer, or under an Idempotency-Key that was used already the answer of then.

    One that is secret is kept sealed, so that whoever reads the database does not read it.
    """
    here = asked()
    key = here.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is None or "actor" not in notes() or here.path.startswith("/api/v1/auth/"):
        return view()
    if not _KEY.fullmatch(key):
        fault = {"pointer": f"header/{idempotency.HEADER}", "detail": "must be 1 to 255 printable ASCII"}
        raise BadRequest("The Idempotency-Key cannot be used.", errors=[fault])
    query = here.query_string.decode("latin-1")
    secret = parts().fingerprint_key
    claimed = _Claimed(key, idempotency.fingerprint(secret, here.method, here.path, query, body))
    try:
        answer = _answered_slowly(view, claimed) if is_slow else _answered(view, claimed)
    except _Replay as replay:
        return _replayed(_opened(replay.kept, key) if is_secret else replay.kept)
    assert not isinstance(answer, Response)  # noqa: S101 - what is no JSON of ours takes no key
    if 200 <= answer.status < 300:
        location = answer.header("Location")
        made = None if location is None else location.rpartition("/")[2]
        subject_id = task_id.lower() if task_id else made or idempotency.MANY
        kept = _sealed(_kept(answer), key) if is_secret else _kept(answer)
        idempotency.keep(session(), actor().user_id, key, claimed.fingerprint, kept, subject_id)
    return answer


def _answered(view: Callable[[], Answered], claimed: "_Claimed") -> Answered:
    claimed.require_unused(session())
    return view()


def _answered_slowly(view: Callable[[], Answered], claimed: "_Claimed") -> Answered:
    """The answer of a view that hashes a password before its transaction: no lock is held meanwhile.

    Whether the key was used is looked up first, since the password may be another by now; and again where the
    view refuses, since a twin of this request may have changed it at this moment.
    """
    claimed.require_unused(reading(), with_lock=False)
    opened = session()
    opened.at_begin = lambda: claimed.require_unused(opened)
    try:
        answer = view()
    except AppError:
        claimed.require_unused(reading(), with_lock=False)
        raise
    opened.begin()
    return answer


@dataclass(frozen=True)
class _Claimed:
    """A key, and the request it is to stand for."""

    key: str
    fingerprint: str

    def require_unused(self, opened: Session, with_lock: bool = True) -> None:
        """Raises _Replay where the request was carried out already, and the refusals of idempotency.claim."""
        kept = idempotency.claim(opened, actor().user_id, self.key, self.fingerprint, with_lock)
        if kept is not None:
            raise _Replay(kept)


class _Replay(BaseException):
    """The key was used already. No Exception, so that nobody on its way takes it for a fault."""

    def __init__(self, kept: idempotency.Kept) -> None:
        self.kept = kept


def _kept(answer: Reply) -> idempotency.Kept:
    """An answer as it is stored: with the token of what it moved, so that its replay has the very same."""
    epochs = dict(session().moved) or scope_epoch()
    token = consistency.token_of(parts().seen, actor().user_id, epochs)
    if token is not None:
        answer.headers.append((consistency.HEADER, token))
    headers = {name: value for name, value in answer.headers if name in _REPLAYED}
    return idempotency.Kept(answer.status, headers, answer.body, epochs, notes().get("spent", {}))


def _sealed(kept: idempotency.Kept, key: str) -> idempotency.Kept:
    return replace(kept, body=parts().kept_answers.close(kept.body, f"{actor().user_id} {key}"))


def _opened(kept: idempotency.Kept, key: str) -> idempotency.Kept:
    """Raises IdempotentAnswerPurged where the secret key is another by now."""
    try:
        return replace(kept, body=parts().kept_answers.open(kept.body, f"{actor().user_id} {key}"))
    except ValueError:
        raise idempotency.IdempotentAnswerPurged from None


def _replayed(kept: idempotency.Kept) -> Reply:
    """A stored answer once more, as costly as it was; what it moved is published before it is told."""
    for policy, tries in kept.spent.items():
        notes().limit_headers = spend(policy, tries)
    parts().epochs.announce(kept.epochs)
    return Reply(kept.status, [*kept.headers.items(), ("Idempotency-Replayed", "true")], kept.body)

"""`taskapi` with a planted death: SIGKILL at a labelled point of a request under an Idempotency-Key.

    python -m tests.chaos.crashing_server serve --port 5001

CRASH_POINT names the point, CRASH_AFTER how many requests get through it first.
"""

import os
import signal
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from taskapi import front, idempotency
from taskapi.__main__ import main
from taskapi.db import Session

POINTS = ("before claim", "after claim", "before commit", "after commit", "before send", "mid-send")

_passed = count()


def crash_at(point: str) -> None:
    """Die here, if this is the point and it was passed often enough."""
    if os.environ["CRASH_POINT"] == point and next(_passed) >= int(os.environ["CRASH_AFTER"]):
        os.kill(os.getpid(), signal.SIGKILL)


def plant() -> None:
    claim, keep, commit = idempotency.claim, idempotency.keep, Session.commit
    kept: set[int] = set()

    def crashing_claim(*arguments: Any) -> Any:
        crash_at("before claim")
        found = claim(*arguments)
        if found is None:
            crash_at("after claim")
        return found

    def noted_keep(session: Session, *arguments: Any) -> None:
        keep(session, *arguments)
        kept.add(id(session))

    def crashing_commit(session: Session) -> None:
        if id(session) not in kept:
            commit(session)
            return
        kept.discard(id(session))
        crash_at("before commit")
        commit(session)
        crash_at("after commit")

    idempotency.claim = crashing_claim  # type: ignore[assignment]
    idempotency.keep = noted_keep  # type: ignore[assignment]
    Session.commit = crashing_commit  # type: ignore[assignment,method-assign]
    answered = front.Front.__call__

    def crashing_answer(self: front.Front, environ: Any, start: Any) -> Iterable[bytes]:
        body = b"".join(answered(self, environ, start))
        if "HTTP_IDEMPOTENCY_KEY" not in environ:
            return [body]
        crash_at("before send")
        return _halves(body)

    front.Front.__call__ = crashing_answer  # type: ignore[method-assign]


def _halves(body: bytes) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    crash_at("mid-send")
    yield body[len(body) // 2 :]


if __name__ == "__main__":
    plant()
    main()

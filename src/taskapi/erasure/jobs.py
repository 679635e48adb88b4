"""Erasing accounts, in the background."""

from taskapi.batches import in_batches
from taskapi.db import Session
from taskapi.erasure import service
from taskapi.jobs import Job
from taskapi.parts import Parts


def erase_accounts(parts: Parts, session: Session, job: Job) -> None:
    """Erase every account whose time is over."""
    in_batches(
        parts,
        session,
        job,
        lambda reading, writing: service.erase_due(reading, writing, job.request_id),
    )


def erase_scope(parts: Parts, session: Session, job: Job) -> None:
    """Remove what an erased account left behind."""
    scope_id = str(job.payload["scope_id"])
    in_batches(
        parts,
        session,
        job,
        lambda reading, writing: service.erase_scope(reading, writing, scope_id),
    )

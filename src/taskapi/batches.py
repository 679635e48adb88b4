"""Much to be removed, a little at a time: no transaction is long, and no job outlives its lease."""

import time
from collections.abc import Callable

from taskapi.db import Session
from taskapi.jobs import Handler, Job, enqueue
from taskapi.parts import Parts

# A job goes on for this long; others are waiting for their turn, mails among them.
SLICE_SECONDS = 5.0
# At least as long nobody of us writes between two batches, so that whoever waits to write gets in.
PAUSE_SECONDS = 0.002

# Finds with the first session what to do and does it in the second's transaction; how much that was.
Batch = Callable[[Session, Session], int]


def in_batches(parts: Parts, session: Session, job: Job, batch: Batch) -> None:
    """Do batch after batch, each in a transaction of its own, until one finds nothing to do.

    What is left after a while is left to another job of this kind, in the transaction of `session`.
    """
    end = time.monotonic() + SLICE_SECONDS
    while _done(parts, batch):
        if time.monotonic() >= end:
            enqueue(session, job.kind, job.payload, job.request_id)
            return


def _done(parts: Parts, batch: Batch) -> bool:
    """Do a batch and rest for as long as it took; whether there was anything to do."""
    began = time.monotonic()
    with parts.database.reader() as reading, parts.database.writer() as writing:
        done = batch(reading, writing)
    if done:
        time.sleep(max(PAUSE_SECONDS, time.monotonic() - began))
    return bool(done)


def removing(batch: Batch) -> Handler:
    """The handler of a job that consists of such batches alone."""

    def handle(parts: Parts, session: Session, job: Job) -> None:
        in_batches(parts, session, job, batch)

    return handle

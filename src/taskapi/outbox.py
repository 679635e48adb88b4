"""Does the jobs of the outbox, in a thread of each process that serves (design, part 3).

A job is claimed in a transaction of its own, under a lease: a worker that is killed loses it when the lease
runs out, and another does the job again. Its handler's transaction commits together with the mark that it is
done, and only for whoever holds the newest claim. What reaches beyond the database (a mail) may so happen
twice, under the same id, where the worker dies between the effect and the mark.
"""

import logging
import random
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import Row, bindparam, delete, select

from taskapi.claims import Claims, LostClaim
from taskapi.clock import DAY, MINUTE, SECOND, now
from taskapi.db import Session
from taskapi.jobs import Handler, Interrupted, Job, OutboxRow, Periodic, Source, enqueue_once
from taskapi.parts import Parts
from taskapi.tracing import Trace, belongs_to, trace_of

# How long a job that failed waits, after its first try, its second, …; after one try more it is parked.
BACK_OFF = (10 * SECOND, 40 * SECOND, 3 * MINUTE, 10 * MINUTE)
# A job whose worker died as often, without a word, is what kills it.
MOST_DEATHS = 20
# How often rows are looked for that nobody rang for: another process's, those that wait, lost leases.
SWEEP_SECONDS = 1.0
# How often, at most, it is looked for what is due at a time.
LOOK_MILLISECONDS = 500
TROUBLE_SECONDS = 5.0
# How long the end of the process waits for the job in hand.
STOP_SECONDS = 10.0
KEPT_MILLISECONDS = 7 * DAY

_FORGET_BATCH = 1000
_LONGEST_ERROR = 300
# Mail addresses, and what is long enough to be a token: an error may quote both.
_PRIVATE = re.compile(r"[^\s<>,;:\"]+@[^\s<>,;:\"]+|[A-Za-z0-9_-]{32,}")

_log = logging.getLogger("taskapi.jobs")

_OLD = select(OutboxRow.id).where(OutboxRow.done_at < bindparam("before")).limit(_FORGET_BATCH)
_FORGET = delete(OutboxRow).where(OutboxRow.id.in_(_OLD))


class Stopping(Interrupted):
    """The process is to end: the job is given back, and begun again elsewhere."""


class Outbox:
    """The worker: one job after the other, so that jobs never take more than one thread from requests."""

    def __init__(
        self,
        parts: Parts,
        handlers: Mapping[str, Handler],
        periodic: Sequence[Periodic] = (),
        sources: Sequence[Source] = (),
        back_off: Sequence[int] | None = None,
        claims: Claims | None = None,
    ) -> None:
        """`claims` says which kinds of jobs it does, all where nothing is said."""
        self._parts = parts
        self._claims = claims or Claims(parts.database)
        self._database = parts.database
        self._handlers = handlers
        self._periodic = periodic
        self._sources = sources
        self._looked = 0
        self._troubles: dict[str, str] = {}
        self._back_off = BACK_OFF if back_off is None else back_off
        self._bell = threading.Event()
        self._left: dict[str, int] = {}
        self._stop = threading.Event()
        self._idle = threading.Event()
        self._idle.set()

    def ring(self) -> None:
        """There is something to do."""
        self._bell.set()

    def work(self, stop: threading.Event) -> None:
        """Until `stop`: do what is due, as soon as it is."""
        self._stop = stop
        while not stop.is_set():
            self._bell.clear()
            self._idle.clear()
            try:
                self.do_due()
            except Exception as error:  # noqa: BLE001 - the thread has to outlive whatever it is
                # Most likely the database cannot be had: it is asked again, and requests say so meanwhile.
                _log.warning("jobs cannot be looked for: %s", told(error))
                stop.wait(TROUBLE_SECONDS)
            finally:
                self._idle.set()
            if not stop.is_set():
                self._bell.wait(SWEEP_SECONDS)

    def end(self) -> None:
        """After `stop` was set: wait for the job in hand, so that a mail that was sent is marked as sent."""
        self._bell.set()
        self._idle.wait(STOP_SECONDS)

    def do_due(self) -> int:
        """Do what is due, one job after the other; how many were tried."""
        tried = 0
        while not self._stop.is_set() and self._do_next():
            tried += 1
        return tried

    def take_turn(self, seconds: float) -> bool:
        """Do what is due for so long at most; whether there may be more."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not self._do_next():
                return False
        return True

    def _do_next(self) -> bool:
        """Try the next job that is due; whether there was one."""
        # Between jobs too: where mails never end, or a mail host takes its time, the rest has its turn.
        self.leave_what_is_due()
        claimed = self._claims.take() if self._claims.due(most=1) else None
        if claimed is None:
            return False
        self._try(claimed)
        return True

    def leave_what_is_due(self) -> None:
        """Leave jobs for what is due at a time, once over all processes; however often it is called."""
        if abs(now() - self._looked) < LOOK_MILLISECONDS:
            return
        self._leave_periodic()
        for source in self._sources:
            try:
                self._leave(source)
            except Exception as error:  # noqa: BLE001 - what is wrong with one keeps nothing else waiting
                self._tell_once(source, told(error))
            else:
                self._troubles.pop(source.name, None)
        self._looked = now()

    def _leave(self, source: Source) -> None:
        with self._database.reader(patient=False) as reading:
            is_due = source.is_due(reading)
        while is_due:
            with self._database.writer() as session:
                is_due = source.leave(session) > 0

    def _tell_once(self, source: Source, trouble: str) -> None:
        if self._troubles.get(source.name) != trouble:
            self._troubles[source.name] = trouble
            _log.warning("%s that are due cannot be left: %s", source.name, trouble)

    def _leave_periodic(self) -> None:
        """Leave each periodic job of the period that it is."""
        for job in self._periodic:
            period = now() // job.milliseconds
            if self._left.get(job.kind) != period:
                with self._database.writer() as session:
                    enqueue_once(session, job.kind, f"{job.kind}:{period}")
                self._left[job.kind] = period

    def due(self, most: int) -> int:
        """How many jobs are due, as far as `most`."""
        return self._claims.due(most)

    def _try(self, row: Row[Any]) -> None:
        handler = self._handlers.get(row.kind)
        if handler is None:
            self._park(row, "there is no handler for this kind of job in this release")
            return
        # This try is the one that has not ended yet.
        if row.attempts - row.failures > MOST_DEATHS:
            self._park(row, f"the process ended {MOST_DEATHS} times while it was doing this")
            return
        trace = trace_of(row.traceparent, row.request_id)
        with belongs_to(trace.ids(row.request_id)):
            self._try_with(handler, row, trace)

    def _try_with(self, handler: Handler, row: Row[Any], trace: Trace) -> None:
        began = time.monotonic()
        try:
            self._do(handler, row, trace)
        except Stopping:
            self._claims.give_back(row)
            _log.info("job %s (%s) is left for another process, as this one ends", row.id, row.kind)
        except LostClaim:
            _log.warning("job %s (%s) lost its lease after %.0f s", row.id, row.kind, _since(began))
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is written down
            self._failed(row, told(error))
        else:
            took = _since(began)
            self._count(row, "done")
            fields = {"taskapi.job.kind": row.kind, "event.duration": int(took * 1e9)}
            _log.info("job %s (%s) was done in %.2f s", row.id, row.kind, took, extra={"fields": fields})

    def _do(self, handler: Handler, row: Row[Any], trace: Trace) -> None:
        """Handle a job and mark it done, in one transaction. Raises LostClaim, and what the handler does."""
        is_last = row.failures >= len(self._back_off)
        job = replace(_job_of(row), hold=lambda: self._hold(row), is_last=is_last)
        with self._database.writer() as session:
            session.request_id, session.traceparent = row.request_id, trace.header
            handler(self._parts, session, job)
            self._claims.done(session, row)

    def _hold(self, row: Row[Any]) -> None:
        """What a handler calls that takes long. Raises LostClaim, Stopping."""
        if self._stop.is_set():
            raise Stopping
        self._claims.hold(row)

    def _failed(self, row: Row[Any], error: str) -> None:
        if row.failures >= len(self._back_off):
            self._park(row, error)
            return
        wait = self._back_off[row.failures]
        # With jitter, so that a thousand mails refused together do not all come back together.
        due = now() + int(wait * random.uniform(0.8, 1.2))  # noqa: S311 - nobody has to be unable to guess it
        self._claims.failed(row, error, due, parked=None)
        self._count(row, "failed")
        _log.info("job %s (%s) failed and waits: %s", row.id, row.kind, error)

    def _count(self, row: Row[Any], outcome: str) -> None:
        # What has no handler may be called anything.
        kind = row.kind if row.kind in self._handlers else "unknown"
        self._parts.jobs[kind, outcome] += 1

    def _park(self, row: Row[Any], error: str) -> None:
        moment = now()
        self._claims.failed(row, error, moment, parked=moment)
        self._count(row, "parked")
        _log.warning(
            "job %s (%s) is parked after %d tries: %s; mend the cause, then `taskapi jobs retry %s`",
            row.id,
            row.kind,
            row.attempts,
            error,
            row.id,
        )


def forget_done(parts: Parts, _session: Session, _job: Job) -> None:
    """Remove the jobs that were done a week ago, in batches, so that no request waits for long."""
    before = now() - KEPT_MILLISECONDS
    removed = _FORGET_BATCH
    while removed == _FORGET_BATCH:
        with parts.database.writer() as batch:
            removed = batch.run(_FORGET, {"before": before})


def told(error: Exception) -> str:
    """An error as it may be kept and shown: its class and first line, without addresses and tokens."""
    first = next(iter(str(error).strip().splitlines()), "")
    name = type(error).__name__
    return _PRIVATE.sub("…", f"{name}: {first}" if first else name)[:_LONGEST_ERROR]


def _job_of(row: Row[Any]) -> Job:
    """A claimed row as its handler sees it. Raises ValueError for a payload that nobody of us wrote."""
    return Job(
        id=row.id,
        kind=row.kind,
        payload=orjson.loads(row.payload),
        user_id=row.user_id,
        request_id=row.request_id,
        created_at=row.created_at,
        attempt=row.attempts,
    )


def _since(began: float) -> float:
    return time.monotonic() - began

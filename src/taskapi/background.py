"""The threads beside the requests: started in the process that serves, never at import."""

import logging
import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from multiprocessing.util import Finalize

from sqlalchemy.exc import SQLAlchemyError

from taskapi import logs
from taskapi.claims import Claims
from taskapi.errors import AppError
from taskapi.facts import Fact
from taskapi.jobs import Chore, Handler, Periodic, Source
from taskapi.outbox import Outbox
from taskapi.parts import Parts

# How long the end of the process waits for those that tell of it last.
LAST_SECONDS = 13.0

_log = logging.getLogger("taskapi.background")


class Background:
    """Starts what has to run beside the requests; a second start in the same process does nothing."""

    def __init__(
        self,
        parts: Parts,
        handlers: Mapping[str, Handler],
        periodic: Sequence[Periodic],
        sources: Sequence[Source],
        chores: Sequence[Chore],
        long: Collection[str],
        facts: Sequence[Fact],
    ) -> None:
        self._parts = parts
        self._handlers = handlers
        self._periodic = periodic
        self._sources = sources
        self._chores = chores
        self._long = long
        self._facts = facts
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._process: int | None = None
        self._outboxes: tuple[Outbox, ...] = ()
        # Those that have something to do at the end.
        self._last: list[threading.Thread] = []

    def start(self) -> None:
        if self._process == os.getpid():
            return
        with self._starting, self._parts.binding.inherited():
            if self._process != os.getpid():
                self._process = os.getpid()
                logs.write_apart()
                if self._parts.settings.is_sqlite:
                    self._run("epochs", self._parts.epochs.watch)
                else:
                    self._run("overdue", self._parts.database.watch)
                parts = self._parts
                for part in (parts.channel, parts.database.replicas, parts.second_level, parts.signals):
                    for name, work in part.work() if part is not None else ():
                        self._run(name, work)
                for chore in self._chores:
                    self._run(chore.name, partial(self._repeat, chore))
                self._begin_jobs()
                self._begin_metrics()
                # A worker of granian is a child of multiprocessing, which leaves out what `atexit` has;
                # this runs there, and at the end of any other process.
                Finalize(None, self.stop, exitpriority=0)

    def _begin_jobs(self) -> None:
        """Do jobs here, or ring for workers where there is a broker."""
        if self._parts.settings.broker_url is None:
            database = self._parts.database
            short = Outbox(
                *(self._parts, self._handlers, self._periodic, self._sources),
                claims=Claims(database, but=self._long),
            )
            long = Outbox(self._parts, self._handlers, claims=Claims(database, only=self._long))
            self._outboxes = (short, long)
            database.ring = self._ring
            self._run("outbox", short.work)
            # What takes minutes keeps no mail waiting.
            self._run("outbox-long", long.work)
            return
        # Who has no broker needs no Celery.
        from taskapi.broker import celery_of, rings  # noqa: PLC0415
        from taskapi.ringing import Ringer  # noqa: PLC0415

        ringer = Ringer(rings(celery_of(self._parts.settings, self._parts.keys)))
        self._parts.database.ring = ringer.ring
        self._run("ringer", ringer.work)
        _log.info("background jobs, such as mails, are left to `taskapi worker`")

    def _begin_metrics(self) -> None:
        if self._parts.settings.metrics_address is None:
            return
        # Who tells no metrics needs no client of Prometheus.
        from taskapi.metrics.serving import of_answering  # noqa: PLC0415

        for name, work in of_answering(self._parts, self._facts):
            self._last.append(self._run(name, work))

    def _ring(self) -> None:
        for outbox in self._outboxes:
            outbox.ring()

    def stop(self) -> None:
        """Have the threads end, and wait for the job in hand."""
        self._stop.set()
        for outbox in self._outboxes:
            outbox.end()
        for thread in self._last:
            thread.join(LAST_SECONDS)

    def _repeat(self, chore: Chore, stop: threading.Event) -> None:
        while True:
            try:
                chore.work(self._parts)
            except (SQLAlchemyError, AppError) as error:
                _log.warning("%s could not be done this time: %s", chore.name, type(error).__name__)
            if stop.wait(chore.seconds):
                return

    def _run(self, name: str, work: Callable[[threading.Event], None]) -> threading.Thread:
        thread = threading.Thread(target=work, args=(self._stop,), name=f"taskapi-{name}", daemon=True)
        thread.start()
        return thread

"""The worker: a Celery worker whose one task is to do what the outbox has, as the server's thread does it."""

import logging
import threading
import warnings
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning

from taskapi import heartbeats
from taskapi.broker import RING, Away, celery_of, rings
from taskapi.claims import Claims
from taskapi.clock import now
from taskapi.engines import direct_connection
from taskapi.handlers import HANDLERS, LONG
from taskapi.keys import load_keys
from taskapi.outbox import STOP_SECONDS, Outbox, told
from taskapi.parts import Parts, assemble
from taskapi.settings import Settings

_log = logging.getLogger("taskapi.worker")

# After so long a child that still has something to do rings again: others take turns, and it may be stopped.
TURN_SECONDS = 5.0
# How often a worker looks for what is due and nobody rang for, beside the scheduler.
SWEEP_SECONDS = 10.0
_IS_DUE = """
SELECT 1 FROM outbox WHERE done_at IS NULL AND parked_at IS NULL AND due_at <= %(now)s
    AND (lease_until IS NULL OR lease_until <= %(now)s) LIMIT 1
"""


def work(settings: Settings, processes: int) -> None:
    """Take rings until told to stop: the first SIGTERM lets jobs in hand be done."""
    app = celery_of(settings, load_keys(settings))
    # A turn that is under way needs no broker: it goes on, as that setting says, which Celery warns of.
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
    # Two lines for each ring tell nothing: the outbox tells of each job.
    for name in ("celery.app.trace", "celery.worker.strategy"):
        logging.getLogger(name).setLevel(logging.WARNING)
    _take_part(app, settings)
    app.Worker(
        pool="prefork",
        concurrency=processes,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel=settings.log_level,
    ).start()


def _take_part(app: Celery, settings: Settings) -> None:
    """Give the worker its task, each child its own parts, and the parent its sweep."""
    # One a child: what a parent had opened would be shared by all.
    short: list[Outbox] = []
    long: list[Outbox] = []
    telling: list[threading.Thread] = []
    ending = threading.Event()
    send, stop = rings(app), threading.Event()

    def begin(**_: Any) -> None:
        parts = assemble(settings)
        threading.Thread(target=parts.database.watch, args=(stop,), daemon=True).start()
        telling[:] = [_run(work, ending) for work in _telling(settings, parts)]
        short[:] = [Outbox(parts, HANDLERS, claims=Claims(parts.database, but=LONG))]
        long[:] = [Outbox(parts, HANDLERS, claims=Claims(parts.database, only=LONG))]
        # Beside the turns: what takes minutes keeps no mail waiting.
        threading.Thread(target=long[0].work, args=(ending,), daemon=True).start()

    def ring() -> None:
        try:
            long[0].ring()
            if short[0].take_turn(TURN_SECONDS):
                send(1)
        except Exception as error:  # noqa: BLE001 - as in the server's thread: a ring that failed is rung again
            _log.warning("jobs cannot be looked for: %s", told(error))

    def end(**_: Any) -> None:
        ending.set()
        for outbox in long:
            outbox.end()
        for thread in telling:
            thread.join(STOP_SECONDS)

    def ready(**_: Any) -> None:
        heartbeats.beat(settings.home, "worker")
        _log.info("taskapi worker is ready")
        threading.Thread(target=_sweep, args=(settings, send, stop), daemon=True).start()
        for work in _telling(settings):
            _run(work, stop)

    app.task(name=RING)(ring)
    signals.worker_process_init.connect(begin, weak=False)
    signals.worker_process_shutdown.connect(end, weak=False)
    signals.worker_ready.connect(ready, weak=False)
    signals.worker_shutting_down.connect(lambda **_: stop.set(), weak=False)


Work = Callable[[threading.Event], None]


def _telling(settings: Settings, parts: Parts | None = None) -> list[Work]:
    """What tells the metrics of a child, or of the parent for all of them."""
    if settings.metrics_address is None:
        return []
    from taskapi.metrics.serving import of_worker, of_workers  # noqa: PLC0415 - who tells none needs none of it

    return [work for _, work in (of_workers(settings) if parts is None else of_worker(parts))]


def _run(work: Work, stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=work, args=(stop,), daemon=True)
    thread.start()
    return thread


def _sweep(settings: Settings, send: Any, stop: threading.Event) -> None:
    """Ring for what is due. On a connection of a moment, so that no child inherits one."""
    while not stop.wait(SWEEP_SECONDS):
        heartbeats.beat(settings.home, "worker")
        try:
            with closing(direct_connection(settings.url)) as connection:
                is_due = connection.execute(_IS_DUE, {"now": now()}).fetchone()
            if is_due is not None:
                send(1)
        except (psycopg.Error, Away, OSError) as error:
            _log.info("nothing could be looked for: %s", type(error).__name__)

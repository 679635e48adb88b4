"""The scheduler: rings for what becomes due, and leaves what is due again and again.

Any number may run: what they leave is left once, by its key, and a ring too many finds nothing to do.
"""

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from taskapi import heartbeats
from taskapi.broker import MOST_RINGS, Away, celery_of, rings
from taskapi.errors import AppError
from taskapi.handlers import FACTS, PERIODIC, SOURCES
from taskapi.outbox import Outbox
from taskapi.parts import assemble
from taskapi.settings import Settings

_log = logging.getLogger("taskapi.scheduler")

# How late what is due at a moment, or what nobody rang for, may be begun.
TICK_SECONDS = 1.0


def schedule(settings: Settings, stop: threading.Event) -> None:
    """Ring for what is due, each second until `stop`."""
    parts = assemble(settings)
    threading.Thread(target=parts.database.watch, args=(stop,), daemon=True).start()
    if settings.metrics_address is not None:
        from taskapi.metrics.serving import of_scheduler  # noqa: PLC0415 - who tells none needs none of it

        for _, work in of_scheduler(parts, FACTS):
            threading.Thread(target=work, args=(stop,), daemon=True).start()
    outbox = Outbox(parts, {}, PERIODIC, SOURCES)
    send = rings(celery_of(settings, parts.keys))
    _log.info("taskapi scheduler is ready")
    trouble = ""
    while not stop.is_set():
        heartbeats.beat(settings.home, "scheduler")
        try:
            outbox.leave_what_is_due()
            due = outbox.due(most=MOST_RINGS)
            if due:
                send(due)
            trouble = ""
        except (SQLAlchemyError, AppError, Away) as error:
            if trouble != type(error).__name__:
                trouble = type(error).__name__
                _log.warning("what is due waits: %s", trouble)
        stop.wait(TICK_SECONDS)
    heartbeats.end(settings.home, "scheduler")
    parts.database.close()

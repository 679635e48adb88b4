"""Background work in processes of its own, where there is a broker."""

import signal
import threading
from typing import TYPE_CHECKING

import click

from taskapi import logs, schema, server
from taskapi.commands.database import connected
from taskapi.errors import BadStart
from taskapi.settings import load_settings

if TYPE_CHECKING:
    from taskapi.settings import Settings


@click.command()
@click.option(
    "--processes", default=2, show_default=True, type=click.IntRange(1, 64), help="As many do jobs at a time."
)
def worker(processes: int) -> None:
    """Do background jobs, where there are several instances.

    Until told to stop. A single instance on its own does its jobs itself. The first Ctrl+C or
    SIGTERM lets jobs in hand be done. Any number of workers may run, and `taskapi scheduler` beside them.

    \b
    Examples:
      taskapi worker
      taskapi worker --processes 8
    """
    settings = _ready()
    from taskapi.worker import work  # noqa: PLC0415 - Celery takes its time, and refusals need none of it

    work(settings, processes)


@click.command()
def scheduler() -> None:
    """Have background jobs done when they are due.

    Until told to stop. Rings for workers when a job is due, and for what nobody rang for. Any number may run.

    \b
    Examples:
      taskapi scheduler
    """
    settings = _ready()
    from taskapi.scheduler import schedule  # noqa: PLC0415 - as above

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    schedule(settings, stop)


def _ready() -> "Settings":
    """The settings, and a database that is as this release needs it. Raises BadStart."""
    settings = load_settings()
    if settings.broker_url is None:
        raise BadStart(
            "REDIS_URL: without a broker `taskapi serve` does the jobs itself; set it for workers, and "
            "REDIS_JOBS_URL or CELERY_BROKER_URL where the broker is another"
        )
    server.make_home(settings)
    server.require_metrics_port(settings)
    logs.configure_terminal(settings)
    with connected(settings) as database:
        schema.require_served(database)
    return settings

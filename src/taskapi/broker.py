"""The broker: Celery on Redis carries rings, which say that there is something to do (ADR 17).

What there is to do is in the outbox, whose rows are the truth: a ring that is lost costs time and no job.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from celery import Celery
from kombu.exceptions import OperationalError

from taskapi.keys import Keys
from taskapi.settings import Settings

RING = "taskapi.ring"
# So many processes at most begin to look at once; each goes on until nothing is due.
MOST_RINGS = 8
# How long a broker may take before it is as good as away.
_BROKER_SECONDS = 5.0
# Of memory, after which a child of a worker is replaced when it has done what it does.
_CHILD_KIB = 400 * 1024
# How long a worker that is told to stop goes on with what it does, before it is left for others.
SOFT_STOP_SECONDS = 30.0


class Away(Exception):
    """The broker cannot be reached, or refuses: it is asked again."""


def celery_of(settings: Settings, keys: Keys) -> Celery:
    """The Celery application of this service; several services may share a broker."""
    address, transport = _for_kombu(settings.broker_url or "")
    app = Celery("taskapi", broker=address, set_as_current=False)
    app.conf.update(
        broker_transport_options={
            **transport,
            "global_keyprefix": f"{keys.name}:",
            "socket_timeout": _BROKER_SECONDS,
            "socket_connect_timeout": _BROKER_SECONDS,
            "socket_keepalive": True,
            # Who rings is told at once that it is away.
            "max_retries": 1,
            "interval_start": 0,
        },
        broker_connection_timeout=_BROKER_SECONDS,
        broker_connection_retry_on_startup=True,
        # However long the broker is away.
        broker_connection_max_retries=None,
        task_default_queue="rings",
        task_ignore_result=True,
        # A ring whose worker died rings again.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_store_errors_even_if_ignored=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_max_memory_per_child=_CHILD_KIB,
        worker_soft_shutdown_timeout=SOFT_STOP_SECONDS,
    )
    return app


def rings(app: Celery) -> Callable[[int], None]:
    """What sends so many rings. Raises Away.

    Where enough of them wait already none is added: nobody may be there to take them.
    """

    def send(wanted: int) -> None:
        with app.pool.acquire(block=True) as connection:
            try:
                queue = app.amqp.queues[app.conf.task_default_queue].bind(connection.default_channel)
                waiting = queue.queue_declare().message_count
                for _ in range(min(wanted, MOST_RINGS - waiting)):
                    app.send_task(RING, connection=connection, retry=False)
            except (*connection.connection_errors, *connection.channel_errors, OperationalError) as error:
                # Each library of a broker has errors of its own. The pool lets go of the connection.
                raise Away(type(error).__name__) from error

    return send


def _for_kombu(url: str) -> tuple[str, dict[str, Any]]:
    """An address as kombu takes it: Sentinels are several addresses there, and the service is an option."""
    parts = urlsplit(url)
    if not parts.scheme.endswith("+sentinel"):
        return url, {}
    login, _, hosts = parts.netloc.rpartition("@")
    service, _, number = parts.path.strip("/").partition("/")
    before = f"{login}@" if login else ""
    addresses = ";".join(f"sentinel://{before}{host}/{number or 0}" for host in hosts.split(","))
    return addresses, {"master_name": service}

"""What is true of the service as a whole, by its database: told by who does the jobs, or rings for them."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Row, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.elements import ColumnElement

from taskapi.clock import SECOND, now
from taskapi.db import Database
from taskapi.errors import AppError
from taskapi.facts import Fact
from taskapi.jobs import OutboxRow

_log = logging.getLogger("taskapi.metrics")

# However often Prometheus asks, and however many do.
KEPT_SECONDS = 5.0
# What takes a look at every account.
KEPT_LONG_SECONDS = 300.0


# For so long a question of Prometheus's waits for the database: all else it asks for has to come in time.
PATIENCE_SECONDS = 1.0

Found = TypeVar("Found")


class Asking(Generic[Found]):
    """What a database is asked for now and then, by a thread of its own: one that hangs holds up no more."""

    def __init__(self, ask: Callable[[], Found], kept_seconds: float) -> None:
        self._ask = ask
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._asker = ThreadPoolExecutor(1, thread_name_prefix="taskapi-facts")
        self._under_way: Future[Found] | None = None
        self._last: Found | None = None
        self._answered = float("-inf")

    def now(self) -> tuple[Found | None, bool]:
        """What was found last, None before anything was; and whether it is as new as it should be."""
        with self._lock:
            if time.monotonic() - self._answered <= self._kept_seconds:
                return self._last, True
            if self._under_way is None:
                self._under_way = self._asker.submit(self._ask)
            wait([self._under_way], PATIENCE_SECONDS)
            if not self._under_way.done():
                return self._last, False
            asked, self._under_way = self._under_way, None
            try:
                self._last = asked.result()
            except (SQLAlchemyError, AppError):
                return self._last, False
            except Exception:  # noqa: BLE001 - as the next line says
                # Ours to mend; all else that Prometheus asks for is told.
                _log.exception("what is told of the service could not be found")
                return self._last, False
            self._answered = time.monotonic()
            return self._last, True


class Slowly(Collector):
    """Facts that change slowly, and take a while to be found; what cannot be found is as it was."""

    def __init__(self, database: Database, facts: Sequence[Fact]) -> None:
        self._database = database
        self._facts = facts
        self._asking = Asking(self._ask, KEPT_LONG_SECONDS)

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering is no asking."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        for fact, found in self._asking.now()[0] or ():
            family = GaugeMetricFamily(fact.name, fact.help, labels=(fact.label,))
            for value, number in found.items():
                family.add_metric((value,), number)
            yield family

    def _ask(self) -> list[tuple[Fact, Mapping[str, int]]]:
        with self._database.reader(patient=False) as session:
            return [(fact, fact.ask(session)) for fact in self._facts]


class Facts(Collector):
    """The outbox as it stands, and whether the database could be asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asking = Asking(self._ask, KEPT_SECONDS)

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering is no asking."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        found, is_up = self._asking.now()
        yield GaugeMetricFamily(
            "taskapi_database_up", "Whether the primary answered.", value=1 if is_up else 0
        )
        if found is None or not is_up:
            return
        depth = GaugeMetricFamily(
            "taskapi_outbox_jobs",
            "Background jobs: due and not begun, being done, waiting for their time, parked.",
            labels=("state",),
        )
        for state in ("due", "running", "waiting", "parked"):
            depth.add_metric((state,), getattr(found, state))
        yield depth
        oldest = getattr(found, "oldest", None)
        yield GaugeMetricFamily(
            "taskapi_outbox_oldest_seconds",
            "For how long the oldest job that is due has not been begun.",
            value=0 if oldest is None else max(0, now() - oldest) / SECOND,
        )

    def _ask(self) -> "Row[tuple[int, ...]] | None":
        moment = now()
        is_open = OutboxRow.parked_at.is_(None)
        is_held = OutboxRow.lease_until > moment
        is_due = is_open & (OutboxRow.due_at <= moment) & func.coalesce(OutboxRow.lease_until <= moment, True)
        statement = select(
            _number(is_due, "due"),
            _number(is_open & is_held, "running"),
            _number(is_open & (OutboxRow.due_at > moment) & ~func.coalesce(is_held, False), "waiting"),
            _number(OutboxRow.parked_at.is_not(None), "parked"),
            func.min(OutboxRow.due_at).filter(is_due).label("oldest"),
        ).where(OutboxRow.done_at.is_(None))
        with self._database.reader(patient=False) as session:
            return session.row(statement)


def _number(condition: ColumnElement[bool], name: str) -> ColumnElement[int]:
    return func.count().filter(condition).label(name)

"""What is true of the service as a whole, by its database: told by who does the jobs, or rings for them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

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

# However often Prometheus asks, and however many do.
KEPT_SECONDS = 5.0
# What takes a look at every account.
KEPT_LONG_SECONDS = 300.0


class Slowly(Collector):
    """Facts that change slowly, and take a while to be found."""

    def __init__(self, database: Database, facts: Sequence[Fact]) -> None:
        self._database = database
        self._facts = facts
        self._found: list[tuple[Fact, Mapping[str, int]]] = []
        self._asked = float("-inf")

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering is no asking."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        if time.monotonic() - self._asked > KEPT_LONG_SECONDS:
            # What could not be found is as it was.
            with suppress(SQLAlchemyError, AppError), self._database.reader(patient=False) as session:
                self._found = [(fact, fact.ask(session)) for fact in self._facts]
                self._asked = time.monotonic()
        for fact, found in self._found:
            family = GaugeMetricFamily(fact.name, fact.help, labels=(fact.label,))
            for value, number in found.items():
                family.add_metric((value,), number)
            yield family


class Facts(Collector):
    """The outbox as it stands, and whether the database could be asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found: Row[tuple[int, ...]] | None = None
        self._asked = float("-inf")

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering is no asking."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        if time.monotonic() - self._asked > KEPT_SECONDS:
            self._found = self._ask()
            self._asked = time.monotonic()
        found = self._found
        yield GaugeMetricFamily(
            "taskapi_database_up", "Whether the primary answered.", value=0 if found is None else 1
        )
        if found is None:
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
        try:
            with self._database.reader(patient=False) as session:
                return session.row(statement)
        except (SQLAlchemyError, AppError):
            return None


def _number(condition: ColumnElement[bool], name: str) -> ColumnElement[int]:
    return func.count().filter(condition).label(name)

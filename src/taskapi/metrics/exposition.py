"""Metrics as Prometheus asks for them, on a port of their own (ADR 21)."""

import logging
import platform
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from taskapi import __version__
from taskapi.listening import Address
from taskapi.metrics import requests
from taskapi.metrics.cells import Cell
from taskapi.metrics.measures import OF_A_PROCESS, Measure

_log = logging.getLogger("taskapi.metrics")

# Another process of the instance tells for all; whether it still does is looked at so often.
RETRY_SECONDS = 1.0
# How much later than usual Prometheus may ask for the last time, and how long it is waited for at most.
LATE_SECONDS = 1.0
MOST_SECONDS = 12.0
_TOGETHER: dict[str, Callable[[list[float]], float]] = {"sum": sum, "max": max, "min": min}
_LOGIN = ("POST", "/api/v1/auth/login")
_OUTCOMES = {"200": "ok", "401": "refused", "429": "limited"}


class Told(Collector):
    """What the processes of an instance count together; each call of `cells` reads them anew."""

    def __init__(self, cells: Callable[[], Iterable[Cell]]) -> None:
        self._cells = cells
        # When Prometheus asked, the last two times (seconds, monotonic).
        self._asked: list[float] = []
        self._changed = threading.Condition()

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering is no asking."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        cells = list(self._cells())
        yield from _requests([cell for cell in cells if cell.name == requests.CELL])
        for measure in OF_A_PROCESS:
            yield _family(measure, [cell for cell in cells if cell.name == measure.name])
        in_flight = sum(cell.numbers[0] for cell in cells if cell.name == requests.IN_FLIGHT)
        yield GaugeMetricFamily(
            "api_requests_in_flight", "Requests being answered, those from memory aside.", value=in_flight
        )
        build = GaugeMetricFamily("taskapi_build_info", "The release.", labels=("version", "python"))
        build.add_metric((__version__, platform.python_version()), 1)
        yield build
        with self._changed:
            self._asked = [*self._asked[-1:], time.monotonic()]
            self._changed.notify_all()

    def wait_to_be_asked(self) -> None:
        """Wait for the next time, as long as that comes within the usual span."""
        with self._changed:
            if len(self._asked) < 2:
                return
            before, last = self._asked
            due = last + (last - before) + LATE_SECONDS
            waits = min(due - time.monotonic(), MOST_SECONDS)
            self._changed.wait_for(lambda: self._asked[-1] != last, timeout=max(0.0, waits))


def _requests(cells: list[Cell]) -> Iterator[Metric]:
    told = requests.told(cells)
    totals = CounterMetricFamily(
        "api_requests", "Requests that were answered.", labels=("method", "endpoint", "status")
    )
    logins = CounterMetricFamily("taskapi_logins", "Log-ins by how they ended.", labels=("outcome",))
    ended: dict[str, float] = defaultdict(float)
    for (method, endpoint, status), count in sorted(told.totals.items()):
        totals.add_metric((method, endpoint, status), count)
        if (method, endpoint) == _LOGIN:
            ended[_OUTCOMES.get(status, "other")] += count
    for outcome, count in ended.items():
        logins.add_metric((outcome,), count)
    durations = HistogramMetricFamily(
        "api_request_duration_seconds", "Until the answer was ready.", labels=("method", "endpoint")
    )
    sizes = CounterMetricFamily(
        "api_response_bytes", "Bytes of bodies that were sent.", labels=("method", "endpoint")
    )
    for (method, endpoint), found in sorted(told.durations.items()):
        so_far, buckets = 0.0, []
        for bound, count in zip((*requests.BOUNDS, "+Inf"), found.counts, strict=True):
            so_far += count
            buckets.append((str(bound), so_far))
        durations.add_metric((method, endpoint), buckets, found.seconds)
        sizes.add_metric((method, endpoint), found.bytes)
    yield from (totals, durations, sizes, logins)


def _family(measure: Measure, cells: list[Cell]) -> Metric:
    make = CounterMetricFamily if measure.kind == "counter" else GaugeMetricFamily
    family = make(measure.name, measure.help, labels=measure.labels)
    together = _TOGETHER[measure.processes]
    by_labels: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for cell in cells:
        by_labels[cell.labels].append(cell.numbers[0])
    for labels, numbers in sorted(by_labels.items()):
        family.add_metric(labels, together(numbers))
    return family


class Port:
    """Where Prometheus asks: the process that gets the port tells for all of its instance."""

    def __init__(
        self, address: Address, told: Told, more: Sequence[Collector], waits_to_be_asked: bool = False
    ) -> None:
        """`waits_to_be_asked`: it does not end before Prometheus, if it asks, has the last figures."""
        self._address = address
        self._told = told
        self._waits_to_be_asked = waits_to_be_asked
        self._registry = CollectorRegistry(auto_describe=False)
        for collector in (told, *more):
            self._registry.register(collector)
        ProcessCollector(registry=self._registry)

    def work(self, stop: threading.Event) -> None:
        """Listen until told to stop, as soon as the port is free."""
        while not stop.is_set():
            try:
                server, thread = start_http_server(
                    self._address.port, self._address.host, registry=self._registry
                )
            except OSError:
                stop.wait(RETRY_SECONDS)
                continue
            _log.info("metrics are told on http://%s:%d/metrics", *self._address)
            stop.wait()
            if self._waits_to_be_asked:
                self._told.wait_to_be_asked()
            server.shutdown()
            thread.join()
            return

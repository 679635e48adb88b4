"""Metrics as Prometheus asks for them, on a port of their own (ADR 21)."""

import errno
import logging
import platform
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Metric, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from taskapi import __version__
from taskapi.answers import Environ, StartResponse, WsgiApp
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
        self._waits_to_be_asked = waits_to_be_asked
        registry = CollectorRegistry(auto_describe=False)
        for collector in (told, *more):
            registry.register(collector)
        ProcessCollector(registry=registry)
        self._app = make_wsgi_app(registry)
        # When it was asked the last two times, and had told (seconds, monotonic).
        self._asked: list[float] = []
        self._changed = threading.Condition()

    def work(self, stop: threading.Event) -> None:
        """Listen until told to stop, as soon as the port is free."""
        is_told = False
        while not stop.is_set():
            try:
                server = _server(self._address, self._answer)
            except OSError as error:
                # Another process of this instance has it, as a rule.
                if error.errno != errno.EADDRINUSE and not is_told:
                    _log.warning(
                        "metrics cannot be told on http://%s:%d (%s)", *self._address, error.strerror
                    )
                    is_told = True
                stop.wait(RETRY_SECONDS)
                continue
            with server:
                threading.Thread(target=server.serve_forever, name="taskapi-metrics", daemon=True).start()
                _log.info("metrics are told on http://%s:%d/metrics", *self._address)
                stop.wait()
                if self._waits_to_be_asked:
                    self._wait_to_be_asked()
                server.shutdown()
            return

    def _answer(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        began = time.monotonic()
        return _Sent(self._app(environ, start), lambda: self._told_at(began))

    def _told_at(self, began: float) -> None:
        with self._changed:
            self._asked = [*self._asked[-1:], began]
            self._changed.notify_all()

    def _wait_to_be_asked(self) -> None:
        """Wait until it has told once more, as long as it is asked within the usual span."""
        now = time.monotonic()
        with self._changed:
            if len(self._asked) < 2:
                return
            before, last = self._asked
            waits = min(last + (last - before) + LATE_SECONDS - now, MOST_SECONDS)
            # Who asked before may be told what was true before.
            self._changed.wait_for(lambda: self._asked[-1] >= now, timeout=max(0.0, waits))


class _Sent:
    """The body of an answer, and what is to be done once it was sent (PEP 3333 has the server close it)."""

    def __init__(self, body: Iterable[bytes], then: Callable[[], None]) -> None:
        self._body = body
        self._then = then

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        self._then()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing: a question each few seconds is no news."""


def _server(address: Address, app: WsgiApp) -> WSGIServer:
    """Raises OSError where the port is taken."""
    kind = _Server6 if ":" in address.host else _Server
    return make_server(*address, app, server_class=kind, handler_class=_Quiet)

"""Requests as they are counted: how many, how long they took, how much they were answered with (ADR 21)."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from taskapi.metrics.cells import Cell, Cells

# Seconds: from an answer out of memory to one that somebody gave up waiting for.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
CELL = "requests"
IN_FLIGHT = "in_flight"
# For what leads nowhere, or comes by a method that is not there: clients can think of any number of them.
NO_ENDPOINT = "other"

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Of a row, behind one number for each span of time.
_SECONDS = len(BOUNDS) + 1
_BYTES = _SECONDS + 1
_WIDTH = _BYTES + 1

# What is counted of one kind of answer. Adding to a number of a list needs no lock: the interpreter changes
# threads only where a function is called or a loop begins anew, and never between the steps of that (ADR 21).
Row = list[float]


def add(row: Row, seconds: float, length: int) -> None:
    """Count an answer of `length` bytes."""
    row[bisect_left(BOUNDS, seconds)] += 1
    row[_SECONDS] += seconds
    row[_BYTES] += length


class Requests:
    """The requests of a process."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], Row] = {}
        self._of_methods: dict[tuple[str, str, str], Row] = {}
        self._operations: Collection[tuple[str, str]] = frozenset()
        # How many are being answered, those from memory not among them.
        self.in_flight = 0

    def know(self, operations: Iterable[tuple[str, str]]) -> None:
        """Those that have figures of their own: (method, route), without HEAD and OPTIONS."""
        self._operations = frozenset(operations)

    def row(self, method: str, route: str, status: str) -> Row:
        """Where an answer with this status, as three digits, is counted."""
        row = self._of_methods.get((method, route, status))
        return self._new_row(method, route, status) if row is None else row

    def _new_row(self, method: str, route: str, status: str) -> Row:
        known = method if method in METHODS else "OTHER"
        endpoint = route if (method, route) in self._operations else NO_ENDPOINT
        row = self._rows.setdefault((known, endpoint, status), [0.0] * _WIDTH)
        # Of methods that anybody may think of the row is kept, and not the way there.
        if known == method:
            self._of_methods[method, route, status] = row
        return row

    def by_duration(self) -> Iterator[tuple[str, str, Row]]:
        """How many were answered, by endpoint, status and how long they took; each may come several times."""
        for (_, endpoint, status), row in list(self._rows.items()):
            yield endpoint, status, row[:_SECONDS]

    def save(self, cells: Cells) -> None:
        """Write them where other processes find them."""
        for labels, row in list(self._rows.items()):
            if any(row):
                cells.put(CELL, labels, row)
        cells.put(IN_FLIGHT, (), [self.in_flight])


@dataclass
class Durations:
    """How long the requests of an endpoint took."""

    counts: list[float] = field(default_factory=lambda: [0.0] * (len(BOUNDS) + 1))
    seconds: float = 0.0
    bytes: float = 0.0


@dataclass
class Told:
    """The requests of one or several processes."""

    totals: dict[tuple[str, str, str], float] = field(default_factory=lambda: defaultdict(float))
    durations: dict[tuple[str, str], Durations] = field(default_factory=lambda: defaultdict(Durations))


def told(cells: Iterable[Cell]) -> Told:
    """What cells of requests say together."""
    found = Told()
    for _, (method, endpoint, status), numbers in cells:
        found.totals[method, endpoint, status] += sum(numbers[:_SECONDS])
        of_endpoint = found.durations[method, endpoint]
        for place, count in enumerate(numbers[:_SECONDS]):
            of_endpoint.counts[place] += count
        of_endpoint.seconds += numbers[_SECONDS]
        of_endpoint.bytes += numbers[_BYTES]
    return found

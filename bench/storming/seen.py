"""What is read from the answers of a volley: by second, by phase, and when it was over."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.open_loop import Told, percentile

_WINDOW_SECONDS = 0.5
# From here on it is the client that is too slow: milliseconds behind its plan, share of a processor.
_LATE_MS, _BUSY = 50, 0.9


@dataclass(frozen=True)
class Seen:
    """Of the shots that were due in one phase; rates a second, latencies of the good answers in ms."""

    offered: float
    good: float
    # Of them, within a second of when they were due.
    in_time: float
    refused: float
    # No answer, or another failure.
    failed: float
    p50: float
    p99: float
    # Of the good answers, those from memory.
    hits: float


def is_client_the_limit(late_ms: float, busy: float) -> bool:
    return late_ms > _LATE_MS or busy > _BUSY


def between(told: Sequence[Told], begin: float, end: float) -> list[Told]:
    """Those that were due then."""
    return [one for one in told if begin <= one.due < end]


def phase(told: Sequence[Told], begin: float, end: float) -> Seen:
    due = between(told, begin, end)
    seconds = end - begin
    good = [one for one in due if one.is_good]
    refused = sum(one.status in {429, 503} for one in due)
    times = [one.milliseconds for one in good]
    return Seen(
        offered=len(due) / seconds,
        good=len(good) / seconds,
        in_time=sum(one.is_in_time for one in good) / seconds,
        refused=refused / seconds,
        failed=(len(due) - len(good) - refused) / seconds,
        p50=percentile(times, 0.5),
        p99=percentile(times, 0.99),
        hits=sum(one.is_hit for one in good) / max(len(good), 1),
    )


def windows(told: Sequence[Told], end: float) -> list[tuple[float, Seen]]:
    """Phases of half a second each, by when they begin, up to the end."""
    found = []
    for number in range(int(end / _WINDOW_SECONDS)):
        begin = number * _WINDOW_SECONDS
        found.append((begin, phase(told, begin, begin + _WINDOW_SECONDS)))
    return found


def seconds_until_normal(told: Sequence[Told], after: float, end: float, before: Seen) -> float | None:
    """Seconds from `after` on until p99 stays below twice what it was before, and nothing fails; None: never.

    Normal is also that as many come from memory, for a restart. It has to stay so for two windows in a row,
    since a single one may be by chance; windows begin twice a second, so it is exact to that.
    """
    normal = [
        (
            begin,
            not one.refused and not one.failed and one.p99 < 2 * before.p99 and one.hits >= 0.9 * before.hits,
        )
        for begin, one in windows(told, end)
        if begin >= after
    ]
    for (begin, first), (_, second) in pairwise(normal):
        if first and second:
            return begin - after
    return None

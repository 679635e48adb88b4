"""The golden signals of the last hour, for whoever has no Prometheus: each process samples itself (ADR 22).

Numbers of the same step add up, so that several processes come to one picture by telling each other theirs.
"""

import secrets
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any, cast

import orjson
from redis import Redis

from taskapi.clock import SECOND, rfc3339
from taskapi.metrics.requests import BOUNDS, Requests
from taskapi.redis_calls import RedisCalls, Unreachable

STEP_SECONDS = 10
STEPS = 360
# When the others have told theirs of a step as well.
SETTLED_SECONDS = 2.0
_DURATIONS = len(BOUNDS) + 1
# Asked all the time, and by nobody who would notice.
_PROBES = frozenset({"/livez", "/readyz", "/health"})
_LIFE_MILLISECONDS = (STEPS + 1) * STEP_SECONDS * 1000


@dataclass
class Sampled:
    """What was counted within a step, by one process or several."""

    requests: float = 0.0
    # 4xx and 5xx.
    refused: float = 0.0
    failed: float = 0.0
    # Answered from memory.
    hits: float = 0.0
    # Seconds of processors, and of waiting for the primary.
    busy: float = 0.0
    waited: float = 0.0
    # Requests by how long they took: up to each of BOUNDS, and longer.
    durations: Sequence[float] = (0.0,) * _DURATIONS

    @classmethod
    def of(cls, numbers: Sequence[float]) -> "Sampled":
        """The sample with these numbers, in the order of the fields."""
        requests, refused, failed, hits, busy, waited, *durations = numbers
        return cls(requests, refused, failed, hits, busy, waited, durations)

    def numbers(self) -> list[float]:
        counts = (self.requests, self.refused, self.failed, self.hits, self.busy, self.waited)
        return [*counts, *self.durations]

    def minus(self, other: "Sampled") -> "Sampled":
        return Sampled.of([now - then for now, then in zip(self.numbers(), other.numbers(), strict=True)])

    def plus(self, other: "Sampled") -> "Sampled":
        return Sampled.of([one + more for one, more in zip(self.numbers(), other.numbers(), strict=True)])


@dataclass(frozen=True)
class LastHour:
    """The samples by step, counted in STEP_SECONDS since 1970, of `first` to `first + STEPS - 1`."""

    first: int
    steps: Mapping[int, Sampled]
    # Of which they are: all that share a Redis, or this one alone.
    is_shared: bool
    # How many of them told something of the last step.
    processes: int
    # When the process that answers began, in milliseconds since 1970.
    began: int

    def picture(self) -> dict[str, Any]:
        """A number for each step by what it says, the oldest first; None where nothing was sampled."""
        samples = [self.steps.get(step) for step in range(self.first, self.first + STEPS)]
        return {
            "scope": "service" if self.is_shared else "process",
            "processes": self.processes,
            "started_at": rfc3339(self.began),
            "first_at": rfc3339(self.first * STEP_SECONDS * SECOND),
            "step_seconds": STEP_SECONDS,
            **{name: [None if one is None else of(one) for one in samples] for name, of in _SIGNALS.items()},
        }


class Signals:
    """What this process samples, and what it and others did; safe from any thread."""

    def __init__(
        self,
        count: Callable[[], Sampled],
        calls: RedisCalls | None = None,
        name: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`count` says what was counted since the process began; `name` is a key of a Redis for all."""
        self._count = count
        self._calls = calls
        # Releases that sample something else do not add up.
        sampled = repr(([one.name for one in fields(Sampled)], BOUNDS))
        self._name = f"{name}:{zlib.crc32(sampled.encode()):x}"
        self._clock = clock
        self._process = secrets.token_hex(4)
        self._lock = threading.Lock()
        self._before = count()
        self._began = int(clock() * SECOND)
        self._steps: dict[int, Sampled] = {}

    def work(self) -> Iterator[tuple[str, Callable[[threading.Event], None]]]:
        """What has to run in a thread of the serving process, by name."""
        yield "signals", self._sample_on

    def _sample_on(self, stop: threading.Event) -> None:
        while not stop.wait(STEP_SECONDS - self._clock() % STEP_SECONDS):
            self.sample()

    def sample(self) -> None:
        """Take what was counted since the last time as that of the step which ends about now."""
        counted = self._count()
        step = round(self._clock() / STEP_SECONDS) - 1
        with self._lock:
            since, self._before = counted.minus(self._before), counted
            # A clock that was set back goes through a step again.
            self._steps[step] = self._steps.get(step, Sampled()).plus(since)
            for old in [one for one in self._steps if not step - STEPS < one <= step]:
                del self._steps[old]
        self._tell(step, since)

    def _tell(self, step: int, sampled: Sampled) -> None:
        if self._calls is None:
            return
        line = orjson.dumps([self._process, step, *sampled.numbers()])

        def tell(redis: Redis) -> None:
            with redis.pipeline(transaction=False) as together:
                together.zadd(self._name, {line: step})
                together.zremrangebyscore(self._name, "-inf", step - STEPS - 1)
                together.pexpire(self._name, _LIFE_MILLISECONDS)
                together.execute()

        # What Redis has not heard of it lacks: the picture is for looking, Prometheus for counting.
        with suppress(Unreachable):
            self._calls.call(tell)

    def last_hour(self) -> LastHour:
        """What was sampled up to the last step that everybody had the time to tell of."""
        last = int((self._clock() - SETTLED_SECONDS) // STEP_SECONDS) - 1
        first = last - STEPS + 1
        lines = self._lines(first, last)
        if lines is None:
            with self._lock:
                steps = {step: one for step, one in self._steps.items() if first <= step <= last}
            return LastHour(first, steps, is_shared=False, processes=1, began=self._began)
        together: dict[int, Sampled] = defaultdict(Sampled)
        telling = set()
        for process, step, sampled in lines:
            together[step] = together[step].plus(sampled)
            if step == last:
                telling.add(process)
        return LastHour(first, together, is_shared=True, processes=len(telling), began=self._began)

    def _lines(self, first: int, last: int) -> list[tuple[str, int, Sampled]] | None:
        """What all processes told, None where they could not."""
        if self._calls is None:
            return None
        try:
            # "BYSCORE", of Redis 6.2: the user that the service has there may call no other (deploy/redis).
            found = self._calls.call(lambda redis: redis.zrange(self._name, first, last, byscore=True))
        except Unreachable:
            return None
        told = (orjson.loads(line) for line in cast("list[bytes]", found))
        return [(process, step, Sampled.of(numbers)) for process, step, *numbers in told]


def counted(requests: Requests, hits: int, waited: float) -> Sampled:
    """What a process has counted since it began."""
    of_class: dict[str, float] = defaultdict(float)
    durations = [0.0] * _DURATIONS
    for endpoint, status, by_duration in requests.by_duration():
        if endpoint in _PROBES:
            continue
        of_class[status[:1]] += sum(by_duration)
        for place, count in enumerate(by_duration):
            durations[place] += count
    return Sampled(
        requests=sum(of_class.values()),
        refused=of_class["4"],
        failed=of_class["5"],
        hits=hits,
        busy=time.process_time(),
        waited=waited,
        durations=durations,
    )


def quantile(durations: Iterable[float], share: float) -> float | None:
    """Seconds that this share of requests took at most, as Prometheus's `histogram_quantile` estimates it:
    as if those of a span were spread evenly over it. None where there were none.
    """
    counts = list(durations)
    wanted = share * sum(counts)
    if not wanted:
        return None
    so_far, begin = 0.0, 0.0
    for count, bound in zip(counts, BOUNDS, strict=False):
        if count and so_far + count >= wanted:
            return begin + (bound - begin) * (wanted - so_far) / count
        so_far, begin = so_far + count, bound
    return BOUNDS[-1]


def _milliseconds(durations: Iterable[float], share: float) -> float | None:
    seconds = quantile(durations, share)
    return None if seconds is None else round(seconds * 1000, 2)


_SIGNALS: Mapping[str, Callable[[Sampled], float | None]] = {
    "requests": lambda one: int(one.requests),
    "refused": lambda one: int(one.refused),
    "failed": lambda one: int(one.failed),
    "hits": lambda one: int(one.hits),
    "p50_ms": lambda one: _milliseconds(one.durations, 0.5),
    "p99_ms": lambda one: _milliseconds(one.durations, 0.99),
    "cores": lambda one: round(one.busy / STEP_SECONDS, 4),
    "database_waits": lambda one: round(one.waited / STEP_SECONDS, 4),
}

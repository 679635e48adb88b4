"""What a request takes of each processor, and how many a second that allows: operational analysis.

The utilisation law says that a resource is busy for X · D of each second, where X is the throughput and D the
time that one request takes of it, so X is at most 1 / D of the resource that is busy first. Source: Lazowska,
Zahorjan, Graham, Sevcik, Quantitative System Performance, 1984, chapter 3 (the law) and 5 (the bounds).

There are two kinds of resources here. One interpreter lock a process: what a process does in Python uses one
core at most. And all cores together, for what everybody does. The law says nothing of waiting: near to a
bound answers take as long as clients are patient, so plans stay below it (sizing.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field

SECOND = 1_000_000
_STRICT = ConfigDict(extra="forbid")

Share = Annotated[float, Field(ge=0, le=1)]
Microseconds = Annotated[float, Field(ge=0, le=60 * SECOND, allow_inf_nan=False)]
Bytes = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Demand:
    """Processor time that one request takes, by who takes it; microseconds."""

    __pydantic_config__ = _STRICT

    # The threads of an API process that run Python, one of them at a time.
    interpreter: Microseconds
    # The thread beside them that reads and writes HTTP, without the interpreter.
    server: Microseconds
    nginx: Microseconds
    postgres: Microseconds
    redis: Microseconds
    # The generator of the load: it counts where it is on the same machine, and in no plan.
    client: Microseconds

    @property
    def app(self) -> float:
        """All of the API process."""
        return self.interpreter + self.server

    @property
    def total(self) -> float:
        """All that runs on one machine that also makes the load."""
        return self.app + self.nginx + self.postgres + self.redis + self.client

    def scaled(self, factor: float) -> "Demand":
        """All of it so many times."""
        return Demand(
            interpreter=self.interpreter * factor,
            server=self.server * factor,
            nginx=self.nginx * factor,
            postgres=self.postgres * factor,
            redis=self.redis * factor,
            client=self.client * factor,
        )


@dataclass(frozen=True)
class Mix:
    """Which part of all requests is of which kind; they sum up to 1."""

    hit: Share
    miss: Share
    write: Share

    @classmethod
    def of(cls, reads: float, hit: float) -> "Mix":
        """From the share of reads among all requests, and of answers from memory among reads; 0 to 1 each."""
        return cls(hit=reads * hit, miss=reads * (1 - hit), write=1 - reads)


@dataclass(frozen=True)
class Kinds:
    """What each kind of request takes."""

    __pydantic_config__ = _STRICT

    # An answer from the memory of the process; a list that has to be made; a new task.
    hit: Demand
    miss: Demand
    write: Demand

    def scaled(self, factor: float) -> "Kinds":
        """All of it so many times."""
        return Kinds(*(one.scaled(factor) for one in (self.hit, self.miss, self.write)))

    def mixed(self, mix: Mix) -> Demand:
        """What a request takes on average."""

        def average(of: Callable[[Demand], float]) -> float:
            return mix.hit * of(self.hit) + mix.miss * of(self.miss) + mix.write * of(self.write)

        return Demand(
            interpreter=average(lambda one: one.interpreter),
            server=average(lambda one: one.server),
            nginx=average(lambda one: one.nginx),
            postgres=average(lambda one: one.postgres),
            redis=average(lambda one: one.redis),
            client=average(lambda one: one.client),
        )


@dataclass(frozen=True)
class Weights:
    """Memory, in bytes."""

    __pydantic_config__ = _STRICT

    # An API process that has answered for a while, what it shares with others counted once.
    process: Bytes
    # What a connection takes of PostgreSQL for itself.
    connection: Bytes
    # One answer that is kept in Redis for the other processes.
    answer: Bytes
    # The database, by person in it.
    person: Bytes


@dataclass(frozen=True)
class Limits:
    """Up to where it was tried; beyond that a plan is an extrapolation."""

    __pydantic_config__ = _STRICT

    workers: Annotated[int, Field(ge=1)]
    # Requests a second, all kinds together.
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class ServiceTimes:
    """What was measured, and where: data/service_times.json, which `make bench BENCH=times` writes."""

    __pydantic_config__ = _STRICT

    machine: str
    commit: str
    date: str
    microseconds: Kinds
    bytes: Weights
    # How many times that a request takes where kinds are mixed and one, two, … processes share the cores:
    # they take caches from each other, and wait for the same locks. Measured where more want a core than
    # there are, so it is on the safe side for plans, which leave cores free.
    contention: Annotated[list[Annotated[float, Field(ge=0.1, le=100)]], Field(min_length=1)]
    measured_up_to: Limits
    # What nobody has measured, as `hit.redis` or `bytes.answer`.
    estimated: list[str]

    @property
    def planned(self) -> Kinds:
        """What a plan reckons with: the times under the worst contention that was seen."""
        return self.microseconds.scaled(max(self.contention))


def most(demand: Demand, processes: int, cores: float) -> float:
    """The highest throughput of processes on one machine that also makes the load, in requests a second.

    It is the smaller of two bounds: `processes` interpreters, and `cores` for everybody. That is a bound of a
    machine that is never idle: expect less where there are fewer clients than it could serve at once.
    """
    if processes < 1 or cores <= 0:
        raise ValueError("a machine has a core, and somebody to answer")
    bounds = [
        SECOND * amount / taken
        for amount, taken in ((processes, demand.interpreter), (cores, demand.total))
        if taken > 0
    ]
    return min(bounds, default=float("inf"))

"""What was found of each kind of request, and what that predicts of mixes: bench/times.md."""

import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from bench.load import Figures
from bench.processors import Spent
from bench.report import about, table
from taskapi.planning.model import SECOND, Demand, Kinds, most

GOAL = 0.15
# By which contention is found; the other mixes show whether it holds for them.
REFERENCE = "80 % of reads hit, 5 % writes"
# Four times as many as a process works on at a time: a bound is reached by a server that is never idle.
CONNECTIONS = 32


@dataclass(frozen=True)
class Round:
    """One load for some seconds: what came of it, and who took which processor meanwhile."""

    figures: Figures
    spent: Spent

    def demand(self) -> dict[str, float]:
        """Microseconds of a request."""
        return {name: seconds / self.figures.requests * SECOND for name, seconds in self.spent.groups.items()}

    @property
    def busy(self) -> float:
        """Cores that we took, the client among us."""
        return sum(self.spent.groups.values()) / self.spent.seconds

    @property
    def free_cores(self) -> float:
        """What others left of the machine."""
        return (os.cpu_count() or 1) - self.spent.others / self.spent.seconds


@dataclass(frozen=True)
class Seen:
    """A mix by so many processes: what the times say of it, beside what was measured; requests a second.

    Each round is held against the times of the same round, because machines drift.
    """

    workers: int
    mix: str
    demands: Sequence[Demand]
    rounds: Sequence[Round]
    # Of so many processes, by the mix of reference.
    contention: float = 1.0

    @property
    def grown(self) -> float:
        """How many times what the kinds alone say a request took: the median of the rounds."""
        pairs = zip(self.demands, self.rounds, strict=True)
        return statistics.median(sum(one.demand().values()) / demand.total for demand, one in pairs)

    @property
    def predicted(self) -> list[float]:
        """Others leave another part of the machine to each round."""
        pairs = zip(self.demands, self.rounds, strict=True)
        return [most(demand.scaled(self.contention), self.workers, one.free_cores) for demand, one in pairs]

    @property
    def measured(self) -> list[float]:
        return [one.figures.rate for one in self.rounds]

    @property
    def error(self) -> float:
        """Of the prediction, as both are told: medians of the rounds."""
        return statistics.median(self.predicted) / statistics.median(self.measured) - 1


def contending(seen: Sequence[Seen]) -> list[Seen]:
    """The same with the contention that the mix of reference shows of each number of processes."""
    grown = {one.workers: one.grown for one in seen if one.mix == REFERENCE}
    return [replace(one, contention=grown[one.workers]) for one in seen]


def contention_of(seen: Sequence[Seen]) -> list[float]:
    """For one, two, … processes."""
    return [round(one.contention, 2) for one in seen if one.mix == REFERENCE]


def times_of(alone: Mapping[str, Sequence[Round]]) -> Kinds:
    """The median of the rounds, of each kind and group of processes."""
    return Kinds(**{kind: _median(rounds) for kind, rounds in alone.items()})


def _median(rounds: Sequence[Round]) -> Demand:
    names = [one.name for one in fields(Demand)]
    return Demand(**{name: round(statistics.median(r.demand()[name] for r in rounds), 1) for name in names})


def lines(
    alone: Mapping[str, Sequence[Round]],
    times: Kinds,
    weights: Mapping[str, int],
    seen: Sequence[Seen],
    rounds: int,
    seconds: int,
) -> Iterator[str]:
    yield "# What each kind of request takes, and what that predicts"
    yield ""
    yield f"Made by `make bench BENCH=times`: medians of {rounds} rounds of {seconds} s each."
    yield ""
    yield from table(("measured on", ""), about().items())
    yield ""
    yield "## Microseconds of a processor that a request takes"
    yield ""
    yield f"One process of taskapi, {CONNECTIONS} connections, through nginx with TLS."
    yield ""
    names = [one.name for one in fields(Demand)]
    yield from table(("", *names, "requests/s"), (_kind_row(kind, alone[kind], times) for kind in alone))
    yield ""
    yield (
        "*interpreter* is the threads of the process that run Python, *server* the one that speaks HTTP. "
        "*client* is wrk, which has the same cores: it counts in the predictions below, and in no plan."
    )
    yield ""
    yield "## Memory"
    yield ""
    yield from table(("of a", "bytes"), ((name, f"{value:,}") for name, value in weights.items()))
    yield from _predictions(seen)


def _predictions(seen: Sequence[Seen]) -> Iterator[str]:
    yield ""
    yield "## Predicted and measured"
    yield ""
    yield (
        "The prediction is the smaller of processes / interpreter and cores / everything (the utilisation "
        "law), from the kinds alone by one process in the same round; cores are those of the machine without "
        "what others took meanwhile. All is taken as many times as it was with the mix of reference "
        f"({REFERENCE}), which shows what contention adds for each number of processes; so that mix is "
        "fitted, and the others are predicted."
    )
    yield ""
    columns = (
        *("processes", "mix", "predicted requests/s", "measured", "error"),
        *("contention", "µs of the kinds alone", "µs measured", "cores left to us", "of them busy"),
    )
    yield from table(columns, (_seen_row(one) for one in seen))
    yield ""
    told = [abs(one.error) for one in seen if one.mix != REFERENCE]
    within = sum(error <= GOAL for error in told)
    yield (
        "*µs* is the processor time of a request, of everybody together: where cores are left, somebody "
        "waited for something else."
    )
    yield ""
    yield f"The goal is {GOAL:.0%}: {within} of {len(told)} are within it, the worst is {max(told):.0%} off."


def _kind_row(kind: str, rounds: Sequence[Round], times: Kinds) -> tuple[str, ...]:
    demand = getattr(times, kind)
    rate = statistics.median(one.figures.rate for one in rounds)
    return kind, *(f"{getattr(demand, one.name):,.1f}" for one in fields(Demand)), f"{rate:,.0f}"


def _seen_row(one: Seen) -> tuple[str, ...]:
    return (
        str(one.workers),
        one.mix,
        f"{statistics.median(one.predicted):,.0f}",
        f"{statistics.median(one.measured):,.0f}",
        "fitted" if one.mix == REFERENCE else f"{one.error:+.0%}",
        f"{one.contention:.2f}",
        f"{statistics.median(each.total for each in one.demands):,.0f}",
        f"{statistics.median(sum(each.demand().values()) for each in one.rounds):,.0f}",
        f"{statistics.median(each.free_cores for each in one.rounds):.2f}",
        f"{statistics.median(each.busy / each.free_cores for each in one.rounds):.0%}",
    )

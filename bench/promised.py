"""What is promised of the speed, beside what a run found: bench/report.md, in one page.

python -m bench.promised        writes it anew from bench/whole.json and bench/storms.json
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from bench import names
from bench.load import Figures
from bench.names import (
    BARE,
    BEFORE,
    BY_HAND,
    DIRECT,
    FAST,
    FAST_FRONT,
    FAST_TWO,
    FAST_TWO_FRONT,
    FILE,
    FRONT,
    KEYED,
    LIGHT,
    LIGHT_FRONT,
    LIGHT_TWO_FRONT,
    READERS,
    USERS,
)
from bench.report import table
from bench.storming import cold, memory, overload
from bench.storming.seen import is_client_the_limit

# What bench/whole.json and bench/storms.json hold.
Raw = Mapping[str, Any]

_OF_THE_RUN = "[the whole service under load](whole.md), [storms](storms.md)"
_FLAMES = (
    "[an answer from memory](plots/flame-hit.svg), [one that is made](plots/flame-miss.svg), "
    "[a new task](plots/flame-write.svg)"
)


@dataclass(frozen=True)
class Promise:
    """A figure and its goal, which is the least of it or the most; None: the run could not see it."""

    what: str
    found: float | None
    goal: float
    is_least: bool = False
    # How a figure is written.
    form: str = "{:,.0f}"
    # What else is told of the figure.
    more: str = ""

    @property
    def is_reached(self) -> bool:
        if self.found is None:
            return False
        return self.found >= self.goal if self.is_least else self.found <= self.goal

    @property
    def row(self) -> tuple[str, ...]:
        found = "not seen" if self.found is None else self.form.format(self.found)
        goal = f"{'≥' if self.is_least else '≤'} {self.form.format(self.goal)}" if self.goal else "none"
        said = "reached" if self.is_reached else "**not reached**"
        return self.what, f"{found}{f' ({self.more})' if self.more else ''}", goal, said


def promises(whole: Raw, storms: Raw) -> list[Promise]:
    """All that is promised, as this run found it."""
    return [
        *_readers(whole["long"][READERS]),
        *_users(whole["long"][USERS]),
        *_answers(whole["rounds"]),
        *_crowd(whole),
        *_new_tasks(whole["rounds"]),
        *_memory(storms["memory"]),
        *_cold(storms["cold"]),
        *(one for what, rounds in storms["overload"].items() for one in _overload(what, rounds)),
    ]


def _readers(long: Raw) -> Iterator[Promise]:
    figures = Figures(**long["figures"])
    what = f"5,000 readers through nginx, {figures.seconds:.0f} s"
    yield Promise(f"{what}: requests/s", figures.rate, 9000, is_least=True)
    yield from _in_time(what, long)


def _users(long: Raw) -> Iterator[Promise]:
    yield from _in_time(f"5,000 users through nginx, {long['figures']['seconds']:.0f} s", long)


def _in_time(what: str, long: Raw) -> Iterator[Promise]:
    busy = f"{long['busy']:.2f} cores were busy"
    yield Promise(f"{what}: p99", long["figures"]["p99"], 20, form="{:,.1f} ms", more=busy)
    connecting = f"{long['failed_connecting']:,} while 4,500 connected"
    failed = long["failed_connecting"] + long["failed_after"]
    yield Promise(f"{what}: failed", failed, 0, more=connecting)
    stale = long["stale"] if long["read_back"] else None
    yield Promise(f"{what}: stale", stale, 0, more=f"of {long['read_back']:,} read back")


def _answers(rounds: Raw) -> Iterator[Promise]:
    hits, misses = rounds[names.HITS], rounds[names.MISSES]
    what = "a list of 20, from memory"
    spread = _spread(_ratios(hits, FRONT, FILE), "{:.0%}")
    yield _share(f"{what}, of a file through the same nginx", _ratio(hits, FRONT, FILE), 0.4, spread)
    yield _beside(f"{what}, beside bare Flask, both without nginx", hits, BARE, 2.5)
    what = "a list that is made"
    spread = _spread(_ratios(misses, DIRECT, BY_HAND), "{:.0%}")
    yield _share(f"{what}, of psycopg by hand in bare Flask", _ratio(misses, DIRECT, BY_HAND), 0.6, spread)
    yield _beside(f"{what}, beside FastAPI and SQLAlchemy", misses, FAST, 2.5, FAST_TWO)
    yield _beside(f"{what}, beside “before” as sketched", misses, BEFORE, 2.5)


def _crowd(whole: Raw) -> Iterator[Promise]:
    rounds = whole["rounds"][names.CROWD]
    what = "a crowd of 16 through nginx, which has been there for long"
    for peer, two, direct, said, goal in (
        (FAST_FRONT, FAST_TWO_FRONT, FAST, "FastAPI and SQLAlchemy", 10.0),
        (LIGHT_FRONT, LIGHT_TWO_FRONT, LIGHT, "Litestar and asyncpg", 4.0),
    ):
        spread = _spread(_ratios(rounds, FRONT, peer), "{:.2f}")
        more = f"{spread}; {_ratio(rounds, DIRECT, direct):.2f} where neither has nginx"
        of_two = f"{_ratio(rounds, FRONT, two):.2f} beside two processes of it"
        yield _times(
            f"{what}, beside {said} through the same", _ratio(rounds, FRONT, peer), goal, f"{more}; {of_two}"
        )


def _new_tasks(rounds: Raw) -> Iterator[Promise]:
    on_postgresql, on_sqlite = rounds[names.WRITES], rounds[names.ON_SQLITE]
    what = "new tasks with an Idempotency-Key"
    for engine, loads, goal in (("PostgreSQL", on_postgresql, 1500), ("SQLite", on_sqlite, 700)):
        spread = _spread(_rates(loads, KEYED), "{:,.0f}")
        rate = _rate(loads, KEYED)
        yield Promise(f"{what}, on {engine}: requests/s", rate, goal, is_least=True, more=spread)
    yield _beside("new tasks without one, beside FastAPI and SQLAlchemy", on_postgresql, FAST, 1.5, FAST_TWO)


def _memory(found: Raw) -> Iterator[Promise]:
    after = f"after {found['seconds']} s of {memory.READERS:,} readers; promised after 600 s"
    what = "the process that answers"
    yield Promise(what, found["worker"], memory.GOAL_MB, form="{:,.0f} MB", more=after)
    answered = f"{found['answered']:,} of them were answered"
    what = f"more for {memory.IDLE:,} connections"
    yield Promise(what, found["idle"], memory.IDLE_GOAL_MB, form="{:,.0f} MB", more=answered)


def _cold(starts: Raw) -> Iterator[Promise]:
    for what, rounds in starts.items():
        said = f"the first answer after a start under load, Redis {what}"
        until = _longest([one["until_answered"] for one in rounds])
        yield Promise(said, until, cold.GOAL_SECONDS, form="{:.2f} s")


def _overload(kind: str, rounds: Sequence[Raw]) -> Iterator[Promise]:
    what = f"{overload.TIMES} times too many {kind} on one core"
    goodput = median(one["in_time"] / one["peak"] for one in rounds)
    is_late = any(is_client_the_limit(one["late_ms"], one["busy"]) for one in rounds)
    late = "the client itself came late" if is_late else ""
    yield _share(f"{what}: answered within 1 s, of the peak", goodput, overload.GOODPUT_GOAL, late)
    lost = median(one["failed"] + one["refused_without_word"] for one in rounds)
    told = f"{median(one['refused'] for one in rounds):.1%} were so refused"
    said = f"{what}: neither answered nor refused by 503 with Retry-After"
    yield Promise(said, lost, 0, form="{:.1%}", more=told)
    # Where nobody was refused there is nothing to be seen of it.
    times = [one["refused_p99"] for one in rounds if one["refused"] + one["refused_without_word"]]
    p99 = median(times) if times else None
    yield Promise(f"{what}: refusals, p99", p99, overload.REFUSAL_GOAL_MS, form="{:,.0f} ms")
    until = _longest([one["until_normal"] for one in rounds])
    yield Promise(f"{what}: normal again after", until, overload.NORMAL_GOAL_SECONDS, form="{:.1f} s")


def _share(what: str, found: float, goal: float, more: str = "") -> Promise:
    return Promise(what, found, goal, is_least=True, form="{:.1%}", more=more)


def _times(what: str, found: float, goal: float, more: str = "") -> Promise:
    return Promise(what, found, goal, is_least=True, form="{:.2f} times", more=more)


def _beside(what: str, loads: Raw, peer: str, goal: float, two: str | None = None) -> Promise:
    """One process of ours beside one of another; `two` of it are told of as well."""
    more = _spread(_ratios(loads, DIRECT, peer), "{:.2f}")
    if two is not None:
        more += f"; {_ratio(loads, DIRECT, two):.2f} beside two processes of it"
    return _times(what, _ratio(loads, DIRECT, peer), goal, more)


def _spread(found: Sequence[float], form: str) -> str:
    return f"{form.format(min(found))} to {form.format(max(found))}"


def _rates(loads: Raw, name: str) -> list[float]:
    return [Figures(**one).rate for one in loads[name]]


def _rate(loads: Raw, name: str) -> float:
    return median(_rates(loads, name))


def _ratios(loads: Raw, ours: str, theirs: str) -> list[float]:
    """Those within each round."""
    pairs = zip(_rates(loads, ours), _rates(loads, theirs), strict=True)
    return [one / other if other else float("inf") for one, other in pairs]


def _ratio(loads: Raw, ours: str, theirs: str) -> float:
    return median(_ratios(loads, ours, theirs))


def _longest(seconds: Sequence[float | None]) -> float | None:
    """None where one of them took longer than was watched."""
    known = [one for one in seconds if one is not None]
    return max(known) if len(known) == len(seconds) else None


def write(folder: Path) -> None:
    """The report, from what the folder has of the whole and of storms."""
    whole, storms = (orjson.loads((folder / name).read_bytes()) for name in ("whole.json", "storms.json"))
    found = promises(whole, storms)
    raw = {
        "about": whole["about"],
        "promises": [asdict(one) | {"is_reached": one.is_reached} for one in found],
    }
    folder.joinpath("report.json").write_bytes(orjson.dumps(raw, option=orjson.OPT_INDENT_2) + b"\n")
    text = "\n".join(_lines(whole, storms, found)) + "\n"
    folder.joinpath("report.md").write_text(text, encoding="utf-8")


def _lines(whole: Raw, storms: Raw, found: Sequence[Promise]) -> Iterator[str]:
    rounds, of_storms = len(whole["rounds"][names.HITS][FRONT]), len(storms["log_ins"])
    yield from ("# How fast it is, beside what is promised", "")
    yield "Made by `make bench`."
    yield f"Rounds of the whole service's loads: {rounds}, of {whole['seconds']} s each."
    yield f"Rounds of storms: {of_storms}."
    yield "The promises are for two cores, which also run the load, PostgreSQL, Redis and nginx."
    yield "A ratio is the median of those within each round; brackets have the least and the most of them."
    yield "What has none was seen once. Latencies of 5,000 are those of the 500 who come last."
    yield ""
    yield from table(("measured on", ""), whole["about"].items())
    if storms["about"]["commit"] != whole["about"]["commit"]:
        yield f"\n**Storms are of another commit: {storms['about']['commit']}.**"
    yield ""
    yield from table(("promise", "found", "goal", ""), (one.row for one in found))
    yield ""
    yield f"{sum(one.is_reached for one in found)} of {len(found)} are reached; what stands in the way of the"
    yield "others is in [docs/performance.md](../docs/performance.md)."
    yield ""
    yield f"All that was measured in the same run: {_OF_THE_RUN}."
    yield f"Where Python's time goes, by `make bench BENCH=flames`: {_FLAMES}."


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

"""The report of the whole service under load: bench/whole.md, and every round's figures for programs."""

import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from bench import on_sqlite, plots
from bench.crowd import EACH, PEOPLE
from bench.load import CONNECTIONS, Figures
from bench.names import CROWD, HITS
from bench.report import table
from bench.steady import Steady
from bench.thousands import Long

_NOTES = f"""\
{PEOPLE:,} people with {EACH} tasks each. `taskapi serve` is one process with its defaults but for
`TASKAPI_LIMITS=off`, with metrics on, over PostgreSQL and Redis; nginx is ours, with TLS. wrk sends from one
thread over {CONNECTIONS} connections, or as many as are named, on the same two cores, so a server never has
the machine for itself. The references are in bench/peers: each the way its own documentation teaches it, over
tables of the same tasks; *psycopg by hand* checks no token and keeps no history, epoch or key, and is the
least that could answer; its threads and bare Flask's are bound to a processor as ours are. What pgbench took
is its average. *The crowd* is drawn by Zipf's law, for lists (40 %), filtered lists (15), a task
(25), statistics (10) and oneself (10); what is never stale has to be made anew after each change. A crowd is
there for long: before it is measured all is asked for once that is in memory then (bench/steady.py), of all
who keep answers, and each system has it for some seconds; taskapi, which is measured with
nginx and without, twice as long in all; so are FastAPI and Litestar, through an nginx like ours. It sends no
Accept-Encoding, so that all send the same bytes; the crowds of 5,000, which no reference has, take what
browsers take. Everybody is known: what the first request by a token costs is not in these figures. What the
references answer for statistics is less than what taskapi does. New tasks are of people drawn at random; on
SQLite they are {on_sqlite.PEOPLE}, there is no Redis, and "before" begins without tasks. *Failed* are answers
that were no success, or none; requests/s count the others. Latencies of the crowds of 5,000 are those of 500
who come when the other 4,500 have been there for a while, who come in five groups: 5,000 handshakes at one
moment are a storm, and no crowd. Before that they were there once already, for a third of the time, of which
nothing is told. What *failed while 4,500 connect* was told to come back (503) before the 500
came, as taskapi counts it; all else that failed is counted as *after that*. MB are of 10⁶ bytes."""

Rounds = dict[str, dict[str, list[Figures]]]


@dataclass(frozen=True)
class Whole:
    """What was found: of each load and server all rounds, of so many seconds each, and the long loads."""

    seconds: int
    rounds: Rounds
    # Of taskapi's reads the share that was answered from memory, by load.
    from_memory: Mapping[str, float]
    crowd: Steady
    long: Mapping[str, Long]


def write(folder: Path, found: Whole, told: Mapping[str, str]) -> None:
    raw = {"about": told, **asdict(found)}
    folder.joinpath("whole.json").write_bytes(orjson.dumps(raw, option=orjson.OPT_INDENT_2) + b"\n")
    folder.joinpath("whole.md").write_text("\n".join(_lines(found, told)) + "\n", encoding="utf-8")


def _lines(found: Whole, told: Mapping[str, str]) -> Iterator[str]:
    rounds = len(next(iter(found.rounds[HITS].values())))
    made = f"{rounds} rounds, {found.seconds} s of each load in each round, in turn"
    yield from (
        "# The whole service, under load",
        "",
        f"Made by `make bench BENCH=whole`, or by `make bench`: {made}.",
    )
    yield from ("", _NOTES, "")
    yield from table(("measured on", ""), told.items())
    for what, loads in found.rounds.items():
        yield from _section(what, loads)
        if what in found.from_memory:
            yield f"\n{found.from_memory[what]:.1%} of taskapi's reads were answered from memory."
        if what == CROWD:
            yield from _about_crowd(found.crowd)
    yield "\n## By 5,000 connections, through nginx\n"
    head = (
        *("", "requests/s", "p50 ms", "p99 ms", "failed while 4,500 connect", "failed after that"),
        *("from memory", "cores busy", "read back, stale", "MB of the process that answers"),
    )
    yield from table(head, (_long_row(name, one) for name, one in found.long.items()))


def _section(what: str, loads: Mapping[str, Sequence[Figures]]) -> Iterator[str]:
    title = f"{what[0].upper()}{what[1:]}"
    ours = next(iter(loads))
    yield f"\n## {title}\n"
    head = ("", "requests/s: median", "least to most", "p50 ms", "p99 ms", "failed", f"{ours} is")
    yield from table(head, (_row(name, rounds, loads[ours]) for name, rounds in loads.items()))
    if what in plots.OF_WHOLE:
        yield f"\n![{title}](plots/{plots.OF_WHOLE[what]}.svg)"


def _about_crowd(found: Steady) -> Iterator[str]:
    yield "\nMeasured when all was asked for once that is in memory after a long time of the same load, and"
    yield f"{found.warm} s of that load for each of them, with the same tokens."
    yield f"{found.from_memory:.1%} of taskapi's reads were answered from memory meanwhile. In its first"
    yield f"{found.cold_seconds} s, when nothing was, there were {found.cold:,.0f} requests/s through nginx."


def _row(name: str, found: Sequence[Figures], ours: Sequence[Figures]) -> tuple[str, ...]:
    rates = sorted(one.rate for one in found)
    ratio = statistics.median(
        one.rate / other.rate if other.rate else float("inf") for one, other in zip(ours, found, strict=True)
    )
    failed = sum(one.failed for one in found) / max(sum(one.requests for one in found), 1)
    return (
        name,
        f"{statistics.median(rates):,.0f}",
        f"{rates[0]:,.0f} to {rates[-1]:,.0f}",
        f"{statistics.median(one.p50 for one in found):.1f}",
        f"{statistics.median(one.p99 for one in found):.1f}",
        f"{failed:.1%}" if failed else "none",
        "" if found is ours else f"{ratio:.2f} times as fast",
    )


def _long_row(name: str, one: Long) -> tuple[str, ...]:
    figures = one.figures
    return (
        name,
        f"{figures.rate:,.0f}",
        f"{figures.p50:.1f}",
        f"{figures.p99:.1f}",
        f"{one.failed_connecting:,}" if one.failed_connecting else "none",
        f"{one.failed_after:,}" if one.failed_after else "none",
        f"{one.hits:.1%}",
        f"{one.busy:.2f} of {os.cpu_count()}",
        f"{one.read_back}, {one.stale}",
        f"{one.resident:.0f}",
    )

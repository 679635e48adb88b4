"""The report of the storms: each figure beside its goal, reached or not."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeVar

import orjson

from bench.crowd import EACH, PEOPLE
from bench.open_loop import PATIENCE_SECONDS
from bench.report import table
from bench.storming import burst, cold, logins, memory, overload
from bench.storming.burst import Burst
from bench.storming.cold import ColdStart
from bench.storming.logins import LogIns
from bench.storming.memory import Memory
from bench.storming.overload import Overload
from bench.storming.seen import Seen, is_client_the_limit
from bench.storming.sent import READERS

_NOTES = f"""\
{PEOPLE:,} people with {EACH} tasks each; PostgreSQL, Redis, `taskapi serve` as one process with its
defaults but for `TASKAPI_LIMITS=off`, nginx with TLS, and the load, all on the same two cores. The load of
storms is *open*: each request is due at a moment fixed beforehand, and its latency is counted from that
moment (bench/open_loop.py), so that waiting is seen; a request without an answer is given up after
{PATIENCE_SECONDS:.0f} s. *Readers* are {READERS} people drawn by Zipf's law who ask for lists, filtered
lists, a task, statistics and themselves, and change nothing: all they ask for is in memory once everything
is warm. Rates are shares of the *peak*, what a closed loop (wrk, 16 connections) got of the same just
before. *Normal again* is when p99 stays below twice what it was before, nothing fails, and as many come
from memory, seen in halves of a second. *Client late* is how late the client came to 99 of 100 requests at
most: what is much more than a millisecond is its own waiting for a processor. Figures are the median of the
rounds, with the least and the most."""


@dataclass
class Storms:
    """What was found in all rounds."""

    memory: Memory
    bursts: list[Burst] = field(default_factory=list)
    cold: dict[str, list[ColdStart]] = field(default_factory=dict)
    log_ins: list[LogIns] = field(default_factory=list)
    # Resident MB of the process that answers.
    before_log_ins: float = 0.0
    after_log_ins: float = 0.0
    # Cores that others took just before each storm, while nothing was asked of the service.
    others: list[float] = field(default_factory=list)
    overload: dict[str, list[Overload]] = field(default_factory=dict)


Row = tuple[str, ...]
Round = TypeVar("Round")


def write(folder: Path, found: Storms, told: Mapping[str, str]) -> None:
    taken = _spread(found.others, lambda one: one, ".1f")
    told = {
        **told,
        "others": f"{taken} of the cores were taken just before each storm; 0.0 is a quiet machine",
    }
    raw = {"about": told, **asdict(found)}
    folder.joinpath("storms.json").write_bytes(orjson.dumps(raw, option=orjson.OPT_INDENT_2) + b"\n")
    folder.joinpath("storms.md").write_text("\n".join(_lines(found, told)) + "\n", encoding="utf-8")


def _lines(found: Storms, told: Mapping[str, str]) -> Iterator[str]:
    made = f"or by `make bench`: {_rounds(found.log_ins)}"
    yield from ("# Storms", "", f"Made by `make bench BENCH=storms`, {made}.", "", _NOTES, "")
    yield from table(("measured on", ""), told.items())
    yield from _bursts(found.bursts)
    yield from _cold(found.cold)
    yield from _log_ins(found.log_ins)
    for what, rounds in found.overload.items():
        yield from _overload(what, rounds)
    yield from _memory(found)


def _bursts(bursts: Sequence[Burst]) -> Iterator[str]:
    for share in sorted({one.share for one in bursts}):
        rounds = [one for one in bursts if one.share == share]
        yield f"\n## A burst: {burst.TIMES} times {share:.0%} of the peak, {burst.DURING_SECONDS} s\n"
        yield f"Through nginx; {_rounds(rounds)}. The peak was {rounds[0].peak:,.0f} requests/s.\n"
        yield from table(
            (
                "",
                "offered/s",
                "answered/s",
                "in 1 s",
                "refused/s",
                "failed/s",
                "p50 ms",
                "p99 ms",
                "from memory",
            ),
            [
                _phase("before", [one.before for one in rounds]),
                _phase("during", [one.during for one in rounds]),
                _phase(f"the {rounds[0].watched:.0f} s after", [one.after for one in rounds]),
            ],
        )
        yield f"\nNormal again after {_seconds([one.until_normal for one in rounds], rounds[0].watched)}."
        yield f"Client late: {_spread(rounds, lambda one: one.late_ms, '.1f')} ms."
    yield from _about_client(bursts)
    yield "\n![Answers a second and p99 through a burst](plots/burst.svg)"


def _phase(name: str, rounds: Sequence[Seen]) -> Row:
    return (
        name,
        f"{median(one.offered for one in rounds):,.0f}",
        _spread(rounds, lambda one: one.good, ",.0f"),
        _spread(rounds, lambda one: one.in_time, ",.0f"),
        _spread(rounds, lambda one: one.refused, ",.0f"),
        _spread(rounds, lambda one: one.failed, ",.0f"),
        _spread(rounds, lambda one: one.p50, ",.1f"),
        _spread(rounds, lambda one: one.p99, ",.1f"),
        _spread(rounds, lambda one: one.hits, ".1%"),
    )


def _cold(starts: Mapping[str, Sequence[ColdStart]]) -> Iterator[str]:
    yield "\n## A cold start, under the load of readers\n"
    yield "taskapi is killed (SIGKILL) and started anew; seconds are from the start of the process on.\n"
    head = (
        "what Redis had",
        f"first good answer, s (goal {cold.GOAL_SECONDS})",
        "normal again",
        "from memory after the first answer",
        "offered/s",
        "p99 ms before",
        "failed meanwhile",
    )
    yield from table(
        head,
        [
            (
                f"{what} ({_rounds(rounds)})",
                _seconds([one.until_answered for one in rounds], rounds[0].watched, precisely=True),
                f"after {_seconds([one.until_normal for one in rounds], rounds[0].watched)}",
                _spread(rounds, lambda one: one.hits, ".1%"),
                f"{median(one.before.offered for one in rounds):,.0f}",
                _spread(rounds, lambda one: one.before.p99, ".1f"),
                _spread(rounds, lambda one: float(one.failed), ",.0f"),
            )
            for what, rounds in starts.items()
        ],
    )


def _log_ins(rounds: Sequence[LogIns]) -> Iterator[str]:
    yield f"\n## A storm of log-ins: {logins.OFFERED} different people a second, 5 s\n"
    yield f"Through nginx, beside readers; {_rounds(rounds)}.\n"
    rows = [
        ("log-ins/s", _spread(rounds, lambda one: one.log_ins.good, ".0f")),
        ("log-ins: p50 ms", _spread(rounds, lambda one: one.log_ins.p50, ",.0f")),
        ("log-ins: p99 ms", _spread(rounds, lambda one: one.log_ins.p99, ",.0f")),
        ("refused/s (503, “come back”)", _spread(rounds, lambda one: one.log_ins.refused, ".0f")),
        ("refusals with Retry-After", _spread(rounds, lambda one: one.told_when, ".0%")),
        ("refusals: p99 ms", _spread(rounds, lambda one: one.refused_p99, ",.0f")),
        ("log-ins failed otherwise/s", _spread(rounds, lambda one: one.log_ins.failed, ".0f")),
        ("readers/s", _spread(rounds, lambda one: one.before.offered, ",.0f")),
        ("readers: p99 ms before", _spread(rounds, lambda one: one.before.p99, ",.1f")),
        ("readers: p99 ms during", _spread(rounds, lambda one: one.during.p99, ",.1f")),
        ("readers failed/s during", _spread(rounds, _lost, ",.0f")),
        ("readers from memory during", _spread(rounds, lambda one: one.during.hits, ".1%")),
        ("client late, ms", _spread(rounds, lambda one: one.late_ms, ".1f")),
    ]
    yield from table(("", "median, least to most"), rows)


def _lost(one: LogIns) -> float:
    return one.during.failed + one.during.refused


def _overload(what: str, rounds: Sequence[Overload]) -> Iterator[str]:
    yield f"\n## Overload by {what}: {overload.TIMES} times the peak, {overload.DURING_SECONDS} s\n"
    yield f"Directly to taskapi, whose processes have one core, beside all others; {_rounds(rounds)}.\n"
    least, most, normal = overload.GOODPUT_GOAL, overload.REFUSAL_GOAL_MS, overload.NORMAL_GOAL_SECONDS
    rows = [
        ("peak, requests/s", _spread(rounds, lambda one: one.peak, ",.0f"), ""),
        ("offered, requests/s", _spread(rounds, lambda one: one.offered, ",.0f"), ""),
        (
            "good answers, of peak",
            _spread(rounds, lambda one: one.goodput / one.peak, ".0%"),
            f"≥ {least:.0%}",
        ),
        ("of them within 1 s, of peak", _spread(rounds, lambda one: one.in_time / one.peak, ".0%"), ""),
        ("good answers: p99 ms", _spread(rounds, lambda one: one.p99, ",.0f"), ""),
        (
            "refused by 503 with Retry-After",
            _spread(rounds, lambda one: one.refused, ".1%"),
            "all of the rest",
        ),
        ("refused without it", _spread(rounds, lambda one: one.refused_without_word, ".1%"), "none"),
        ("refusals: p99 ms", _spread(rounds, lambda one: one.refused_p99, ",.0f"), f"≤ {most}"),
        ("no answer, or another failure", _spread(rounds, lambda one: one.failed, ".1%"), "none"),
        ("normal again", _seconds([one.until_normal for one in rounds], rounds[0].watched), f"{normal} s"),
        ("from memory before", _spread(rounds, lambda one: one.before.hits, ".1%"), ""),
        ("p99 ms before, at half the peak", _spread(rounds, lambda one: one.before.p99, ",.0f"), ""),
        ("client late, ms", _spread(rounds, lambda one: one.late_ms, ",.1f"), ""),
        ("client, of a processor", _spread(rounds, lambda one: one.busy, ".0%"), ""),
    ]
    yield from table(("", "median, least to most", "goal"), rows)
    yield from _about_client(rounds)
    if what == "misses":
        yield "\n![What was offered, answered and refused](plots/overload.svg)"


def _about_client(rounds: Sequence[Burst] | Sequence[Overload]) -> Iterator[str]:
    if any(is_client_the_limit(one.late_ms, one.busy) for one in rounds):
        yield "\n**The client came late to its own plan** in a round at least: latencies are partly its own."


def _memory(storms: Storms) -> Iterator[str]:
    found = storms.memory
    yield f"\n## Memory, after {found.seconds} s of readers\n"
    yield f"MB of 10⁶ bytes; the readers are {memory.READERS:,} connections through nginx, who think 0 to 1 s"
    yield "and change something 1 time in 100:"
    yield f"{found.load.rate:,.0f} requests/s. The promise is {memory.GOAL_MB} MB after ten minutes.\n"
    someone = "none" if found.newcomer is None else f"{found.newcomer:.2f} s"
    rows = [
        ("the process that answers, at the start", f"{found.fresh:.0f}", ""),
        ("the same after the readers", f"{found.worker:.0f}", f"≤ {memory.GOAL_MB}"),
        ("all its processes, what is shared once (PSS)", f"{found.together:.0f}", ""),
        (f"more with {memory.IDLE:,} silent connections", f"{found.idle:.0f}", f"≤ {memory.IDLE_GOAL_MB}"),
        ("of these, answered once", f"{found.answered:,}", f"{memory.IDLE:,}"),
        ("an answer for somebody new meanwhile", someone, "at once"),
        ("the process that answers, after the bursts", f"{storms.before_log_ins:.0f}", ""),
        ("the same after the log-ins", f"{storms.after_log_ins:.0f}", ""),
    ]
    yield from table(("", "found", "goal"), rows)


def _rounds(rounds: Sequence[object]) -> str:
    return "1 round" if len(rounds) == 1 else f"{len(rounds)} rounds"


def _spread(rounds: Sequence[Round], figure: Callable[[Round], float], form: str) -> str:
    """The median of the rounds, with the least and the most where they differ."""
    found = sorted(figure(one) for one in rounds)
    middle, least, most = (format(one, form) for one in (median(found), found[0], found[-1]))
    return middle if least == most else f"{middle} ({least} to {most})"


def _seconds(found: Sequence[float | None], watched: float, *, precisely: bool = False) -> str:
    """Seconds, where some rounds may not have come to an end."""
    form = ".2f" if precisely else ".1f"
    reached = [one for one in found if one is not None]
    if not reached:
        return f"more than {watched:.0f} s"
    said = f"{_spread(reached, lambda one: one, form)} s"
    missing = len(found) - len(reached)
    return (
        said if not missing else f"{said}, and more than {watched:.0f} s in {missing} of {len(found)} rounds"
    )

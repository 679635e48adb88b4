"""The report of a run: tables for people, and every round's figures for programs."""

import os
import platform
import re
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from statistics import median

import orjson

from bench.load import CONNECTIONS, Figures
from bench.measured import REFERENCES
from bench.servers import nginx_program
from tests.servers import wheel_programs

_ROOT = Path(__file__).parent.parent
_PACKAGES = (
    *(
        "taskapi",
        "flask",
        "granian",
        "gunicorn",
        "sqlalchemy",
        "psycopg",
        "redis",
        "hiredis",
        "pydantic",
        "orjson",
    ),
    *("flask-sqlalchemy", "fastapi", "uvicorn", "uvloop", "httptools", "litestar", "asyncpg", "msgspec"),
)
# What is measured, and what measures it.
_MEASURED = ("src", ":!src/taskapi/data", "bench/*.py", "bench/*.lua")
# How the programs beside are asked for their versions, and what of the answer tells it.
_PROGRAMS = {
    "PostgreSQL": ((str(wheel_programs() / "postgres"), "--version"), r"\) ([\d.]+)"),
    "Redis": (("redis-server", "--version"), r"v=([\d.]+)"),
    "nginx": ((str(nginx_program()), "-v"), r"nginx/([\d.]+)"),
    "wrk": (("wrk", "-v"), r"wrk (\S+)"),
}

_NOTES = f"""\
*taskapi* is `taskapi serve` with its defaults but for `TASKAPI_LIMITS=off`: one process. *Bare Flask* is a
route that returns the very same bytes, from the same server with the same settings. *Before* is what the
specification starts from, as its sketches have it (`bench/peers/before.py`): Flask-SQLAlchemy entities,
no index on the owner, a list without pages, `gunicorn -w 4`; on the same engine, with the same tasks. Before
any load all answers were seen to be alike, field for field. wrk sends from one thread over {CONNECTIONS}
connections on the same machine, so the times are those of a server that is never idle. *Failed* are answers
that were no success, or none; requests/s count the others. Machines differ and drift: take the ratios."""


@dataclass(frozen=True)
class Run:
    """The figures of every round, by engine and load; `others` is how many processes wanted a core before."""

    seconds: int
    others: float
    engines: Mapping[str, Mapping[str, Sequence[Figures]]]


def write(folder: Path, run: Run) -> None:
    told = about() | {"busy before": f"{run.others:.1f} processes wanted a core; 0.0 is a quiet machine"}
    raw = {
        "about": told,
        "seconds": run.seconds,
        "connections": CONNECTIONS,
        "engines": {
            engine: {name: [asdict(one) for one in rounds] for name, rounds in loads.items()}
            for engine, loads in run.engines.items()
        },
    }
    folder.joinpath("served.json").write_bytes(orjson.dumps(raw, option=orjson.OPT_INDENT_2) + b"\n")
    folder.joinpath("served.md").write_text("\n".join(_lines(run, told)) + "\n", encoding="utf-8")


def _lines(run: Run, about: Mapping[str, str]) -> Iterator[str]:
    rounds = len(next(iter(next(iter(run.engines.values())).values())))
    yield "# How fast it is as it is served"
    yield ""
    made = f"{rounds} rounds, {run.seconds} s of each load in each round, in turn"
    yield f"Made by `make bench BENCH=served`: {made}."
    yield ""
    yield _NOTES
    yield ""
    yield from table(("measured on", ""), about.items())
    for engine, loads in run.engines.items():
        yield f"\n## {engine}\n"
        yield from table(
            ("what", "requests/s: median", "least to most", "p50 ms", "p99 ms", "failed"),
            (_row(name, rounds) for name, rounds in loads.items()),
        )
        yield ""
        yield from table(
            ("taskapi", "beside", "times as fast: median", "least to most"),
            (_beside(loads, ours, theirs) for ours, names in REFERENCES.items() for theirs in names),
        )


def _row(name: str, rounds: Sequence[Figures]) -> tuple[str, ...]:
    rates = sorted(one.rate for one in rounds)
    failed = sum(one.failed for one in rounds) / max(sum(one.requests for one in rounds), 1)
    return (
        name if name not in REFERENCES else f"**{name}**",
        f"{median(rates):,.0f}",
        f"{rates[0]:,.0f} to {rates[-1]:,.0f}",
        f"{median(one.p50 for one in rounds):.1f}",
        f"{median(one.p99 for one in rounds):.1f}",
        f"{failed:.1%}" if failed else "none",
    )


def _beside(loads: Mapping[str, Sequence[Figures]], ours: str, theirs: str) -> tuple[str, ...]:
    ratios = sorted(
        one.rate / other.rate if other.rate else float("inf")
        for one, other in zip(loads[ours], loads[theirs], strict=True)
    )
    return ours, theirs, f"{median(ratios):,.2f}", f"{ratios[0]:,.2f} to {ratios[-1]:,.2f}"


def table(head: Sequence[str], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"


def about() -> dict[str, str]:
    """What the figures hold for."""
    installed = {one.name.lower(): one.version for one in distributions()}
    packages = ", ".join(f"{name} {installed[name]}" for name in _PACKAGES if name in installed)
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory()}",
        "system": f"{platform.system()} {platform.release()}",
        "software": f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}",
        "programs": ", ".join(f"{name} {_version(*asked)}" for name, asked in _PROGRAMS.items()),
        "commit": _commit(),
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def _version(command: Sequence[str], pattern: str) -> str:
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    match = re.search(pattern, found.stdout + found.stderr)
    return "unknown" if match is None else match[1]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown")


def _memory() -> str:
    total = Path("/proc/meminfo").read_text(encoding="utf-8").split()[1]
    return f"{int(total) >> 20} GiB"


def _commit() -> str:
    """The commit, and whether what is measured differs from it."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    return f"{commit} with changes" if _git("status", "--porcelain", *_MEASURED) else commit


def _git(*arguments: str) -> str:
    found = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else "unknown"

"""Measures taskapi as it is served, under load by wrk, beside its references from the same rounds.

    make bench BENCH=served                     over SQLite, in some four minutes
    make bench BENCH="served --postgresql"      over PostgreSQL as well

Each round puts every load once, in turn; a figure is the median of its rounds, and a ratio the median of
the ratios within each round, because machines drift. Writes bench/served.md and bench/served.json.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import rivals, servers
from bench.alike import require_alike, require_miss
from bench.load import Figures, put, require_wrk
from bench.measured import MISS
from bench.pages import Pages
from bench.report import Run, write

Rounds = dict[str, list[Figures]]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        "python -m bench served", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--postgresql", action="store_true", help="over PostgreSQL as well, from its wheel")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each load in each round (2)")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, help="folder of the report")
    chosen = parser.parse_args(arguments)
    require_wrk()
    others = os.getloadavg()[0]
    if others > 0.5:
        _say(
            f"Others use this machine ({others:.1f} processes want a core): figures will be low and uneven.\n"
        )
    engines = {"SQLite": _over_sqlite(chosen.rounds, chosen.seconds)}
    if chosen.postgresql:
        engines["PostgreSQL"] = _over_postgresql(chosen.rounds, chosen.seconds)
    write(chosen.into, Run(chosen.seconds, others, engines))
    print(f"\nThe report is in {chosen.into / 'served.md'}.")


def _over_sqlite(rounds: int, seconds: int) -> Rounds:
    with tempfile.TemporaryDirectory(prefix="taskapi-bench-") as folder:
        return _measured("SQLite", Path(folder), None, rounds, seconds)


def _over_postgresql(rounds: int, seconds: int) -> Rounds:
    with tempfile.TemporaryDirectory(prefix="taskapi-bench-") as folder, servers.postgresql() as url:
        return _measured("PostgreSQL", Path(folder), url, rounds, seconds)


def _measured(engine: str, folder: Path, postgresql: str | None, rounds: int, seconds: int) -> Rounds:
    _say(f"\n{engine}: making {rivals.PEOPLE} people with {rivals.EACH} tasks each")
    with rivals.running(folder, postgresql) as running:
        require_alike(running.loads)
        _say(", pages")
        # One share more, for what warms everything up.
        pages = Pages(running, rounds + 1)
        require_miss(running.loads[MISS], pages.first)
        _say(", warming up")
        _round(running, pages, 1, aloud=False)
        found: Rounds = {name: [] for name in running.loads}
        for number in range(1, rounds + 1):
            _say(f"\n{engine}, round {number} of {rounds} (requests/s)\n")
            for name, figures in _round(running, pages, seconds).items():
                found[name].append(figures)
    return found


def _round(running: rivals.Rivals, pages: Pages, seconds: int, aloud: bool = True) -> dict[str, Figures]:
    """Every load once."""
    found = {}
    for name, load in running.loads.items():
        good_for = pages.deal() if name == MISS else None
        found[name] = figures = put(load, seconds)
        if good_for is not None and figures.requests > good_for:
            raise RuntimeError(f"{figures.requests} requests came round again after {good_for} pages")
        if aloud:
            _say(f"  {name:45} {figures.rate:9,.0f}\n")
    return found


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()

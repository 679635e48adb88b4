"""The whole service under the load of 2,000 people, beside what would be picked in its place, in one run.

    make bench BENCH=whole          in some eleven minutes

PostgreSQL, Redis, taskapi and nginx as they are deployed, and the load, all on this machine. Each round puts
every load once, in turn; a figure is the median of its rounds, and a ratio the median of the ratios within
each round, because machines drift. Writes bench/whole.md and bench/whole.json.
"""

import argparse
import os
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import orjson

from bench import plots, whole_report
from bench.agreeing import require_agreement
from bench.bare_statement import by_pgbench
from bench.counted import Counted, counted
from bench.crowd import NEW, PEOPLE, Crowd
from bench.house import PAGE, House, running
from bench.load import Load, put, require_wrk
from bench.names import (
    BARE,
    CROWD,
    DIRECT,
    FILE,
    FILE_DIRECT,
    FRONT,
    HITS,
    KEYED,
    MISSES,
    ON_SQLITE,
    PGBENCH,
    WRITES,
)
from bench.on_sqlite import on_sqlite
from bench.report import about
from bench.steady import BETWEEN_SECONDS, holds, steady
from bench.thousands import by_thousands
from bench.whole_report import Rounds, Whole
from taskapi.tokens import ACCESS_SECONDS

# So many pages are dealt to each of those that are asked for misses, in each round.
_SHARE = 8000
# In which everybody has asked once.
_KNOWN_SECONDS = 4
# Loads of a round that are not the crowd's, and one more for what is between them.
_LOADS = 24
_TASKS = "/api/v1/tasks"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        "python -m bench whole", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each load in each round (2)")
    parser.add_argument("--warm", type=int, default=8, help="seconds that each has the crowd before (8)")
    parser.add_argument("--long", type=int, default=60, help="seconds of the loads by 5,000 (60)")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, help="folder of the report")
    chosen = parser.parse_args(arguments)
    if not holds(chosen.rounds, chosen.seconds, chosen.warm) or not _hold(chosen.rounds, chosen.seconds):
        parser.error("tokens would end before their loads do: have less of them")
    require_wrk()
    others = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="taskapi-bench-") as folder:
        print(f"starting everything, with {PEOPLE:,} people", flush=True)
        with running(Path(folder)) as house:
            require_agreement(house)
            rounds, from_memory = _rounds(house, chosen.rounds, chosen.seconds)
            rounds[CROWD], crowd = steady(house, chosen.rounds, chosen.seconds, chosen.warm)
            long = dict(by_thousands(house, chosen.long))
    with tempfile.TemporaryDirectory(prefix="taskapi-bench-") as folder:
        rounds[ON_SQLITE] = on_sqlite(Path(folder), chosen.rounds, chosen.seconds)
    told = about() | {"busy before": f"{others:.1f} processes wanted a core; 0.0 is a quiet machine"}
    whole_report.write(chosen.into, Whole(chosen.seconds, rounds, from_memory, crowd, long), told)
    plots.draw(chosen.into)
    print(chosen.into.joinpath("whole.md").read_text(encoding="utf-8"))


def _hold(rounds: int, seconds: int) -> bool:
    """Whether all rounds are over before the tokens are."""
    return (rounds + 1) * _LOADS * (seconds + BETWEEN_SECONDS) < ACCESS_SECONDS


def _rounds(house: House, rounds: int, seconds: int) -> tuple[Rounds, dict[str, float]]:
    """Every round's figures, and the share of taskapi's reads that were answered from memory, by load."""
    found: Rounds = {}
    seen: dict[str, Counted] = {}
    pages, ours = _pages(house.crowd), house.crowd.tokens()
    _make_known(house, ours)
    for number in range(rounds + 1):
        # The first round warms everything up.
        loads = _loads(house, ours, pages[number * _SHARE : (number + 1) * _SHARE])
        for what, load in loads:
            kept = found.setdefault(what, {name: [] for name in load})
            # Not always in the same order: what one leaves behind falls on whoever is next.
            for name, one in _turned(load, number):
                before = counted(house.metrics)
                figures = put(one, seconds if number else 1)
                if what == MISSES and figures.requests > _SHARE:
                    raise RuntimeError(f"{figures.requests} requests came round again after {_SHARE} pages")
                if number:
                    kept[name].append(figures)
                    seen[what] = seen.get(what, Counted()) + counted(house.metrics) - before
        bare = by_pgbench(house.database, house.folder, seconds if number else 1)
        if number and bare is not None:
            found[MISSES].setdefault(PGBENCH, []).append(bare)
        print(f"round {number} of {rounds}", flush=True)
    return found, {what: one.from_memory for what, one in seen.items() if one.reads}


def _turned(loads: Mapping[str, Load], number: int) -> list[tuple[str, Load]]:
    """The loads, beginning with another one each time."""
    pairs = list(loads.items())
    first = number % len(pairs)
    return [*pairs[first:], *pairs[:first]]


def _pages(crowd: Crowd) -> list[tuple[int, int]]:
    """Whose list, and how long: each once, in a random order."""
    drawn = [(person, length) for person in range(len(crowd.members)) for length in range(15, 41)]
    random.Random(1).shuffle(drawn)
    return drawn


def _make_known(house: House, tokens: Sequence[str]) -> None:
    """Have everybody ask once: a token comes for the first time once in ten minutes, and not in every other
    request, as it would in some rounds of seconds.
    """
    each = house.folder / "each once"
    each.write_text("".join(f"/api/v1/me\t{token}\n" for token in tokens))
    put(Load("never_again", house.taskapi, file=each), _KNOWN_SECONDS)


def _loads(
    house: House, ours: Sequence[str], pages: Sequence[tuple[int, int]]
) -> Iterator[tuple[str, dict[str, Load]]]:
    """All that is put in a round."""
    theirs = house.crowd.peers_tokens
    first = {"Authorization": f"Bearer {ours[0]}"}
    yield (
        HITS,
        {
            FRONT: Load("same", house.front + PAGE, first),
            DIRECT: Load("same", house.taskapi + PAGE, first),
            FILE: Load("same", house.file_through_front + PAGE),
            FILE_DIRECT: Load("same", house.file + PAGE),
            BARE: Load("same", f"{house.bare}/list"),
        },
    )
    files = {name: house.folder / f"pages of {name}" for name in (DIRECT, "peers")}
    for name, tokens in ((DIRECT, ours), ("peers", theirs)):
        lines = [f"{_TASKS}?limit={length}\t{tokens[person]}\n" for person, length in pages]
        files[name].write_text("".join(lines))
    peers = house.peers.items()
    yield (
        MISSES,
        {DIRECT: Load("never_again", house.taskapi, file=files[DIRECT])}
        | {name: Load("never_again", url, file=files["peers"]) for name, url in peers},
    )
    new = house.folder / "new"
    new.write_bytes(orjson.dumps(NEW))
    ours_file = str(house.crowd.written(house.folder / "people of ours", ours))
    their_file = str(house.crowd.written(house.folder / "people of theirs", theirs))
    yield (
        WRITES,
        {
            DIRECT: Load("create_by_many", f"{house.taskapi}{_TASKS}", file=new, words=(ours_file,)),
            KEYED: Load("create_by_many", f"{house.taskapi}{_TASKS}", file=new, words=(ours_file, "keys")),
        }
        | {
            name: Load("create_by_many", f"{url}{_TASKS}", file=new, words=(their_file,))
            for name, url in peers
        },
    )

"""How long each kind of request takes of each processor, and whether that predicts what several processes do.

    make bench BENCH=times          in some four minutes

The service as it is deployed, through nginx with TLS. With one process: answers from memory, lists that have
to be made, and new tasks, each alone; what counts is the time that each group of processes was on a
processor. Then mixes of the three with one, two and three processes, beside what the model of `taskapi plan`
(src/taskapi/planning/model.py) says of them. Writes src/taskapi/data/service_times.json, which the plan is
made from, and bench/times.md.
"""

import argparse
import random
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import httpx
import orjson
import psycopg
from redis import Redis
from sqlalchemy import text

from bench import predicted
from bench.crowd import NEW, PEOPLE
from bench.house import PAGE, House, running
from bench.load import Load, put, require_wrk
from bench.predicted import CONNECTIONS, REFERENCE, Round, Seen, contending, contention_of, times_of
from bench.processors import Watched, memory
from bench.report import about
from taskapi.planning.model import Kinds, Mix

WORKERS = (1, 2, 3)
MIXES = {
    "95 % of reads hit, 1 % writes": Mix.of(0.99, 0.95),
    REFERENCE: Mix.of(0.95, 0.8),
    "50 % of reads hit, 20 % writes": Mix.of(0.8, 0.5),
}
_GIVEN = Path(__file__).parents[1] / "src" / "taskapi" / "data" / "service_times.json"
# Whose lists are in memory. They change nothing, or it would have to be made anew.
_READERS = 20
# Of each round, for a mix and for misses alone; a list is asked for once.
_PAGES, _PAGES_ALONE = 3000, 7500
# Nobody has more than 40 tasks: longer ones have the same, and are other lists.
_LENGTHS = range(12, 48)


class Loads:
    """What is put on a house. Lists that nobody asked for are dealt until none are left."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.tokens = house.crowd.tokens()
        self._pages = [
            f"/api/v1/tasks?limit={length}\t{token}\n"
            for length in _LENGTHS
            for token in self.tokens[_READERS:]
        ]
        random.Random(1).shuffle(self._pages)
        (house.folder / "new").write_bytes(orjson.dumps(NEW))
        self._write("hits", [f"{PAGE}\t{token}\n" for token in self.tokens[:_READERS]])
        self._write("writers", [f"{token}\t\n" for token in self.tokens[_READERS:]])

    def known(self) -> Load:
        """Everybody asks for something."""
        lines = [f"/api/v1/tasks?limit=1\t{token}\n" for token in self.tokens]
        return self._load("never_again", "", self._write("known", lines))

    def kinds(self) -> Iterator[tuple[str, Load]]:
        """Each kind alone."""
        reader = {"Authorization": f"Bearer {self.tokens[0]}"}
        yield "hit", Load("same", self._house.front + PAGE, reader, connections=CONNECTIONS)
        yield "miss", self._load("never_again", "", self._dealt(_PAGES_ALONE))
        writers = str(self._house.folder / "writers")
        yield "write", self._load("create_by_many", "/api/v1/tasks", self._house.folder / "new", writers)

    def mixed(self, mix: Mix) -> Load:
        folder = self._house.folder
        shares = (f"{mix.hit:.6f}", f"{mix.miss:.6f}")
        words = (str(self._dealt()), str(folder / "new"), str(folder / "writers"), *shares)
        return self._load("mixed", "", folder / "hits", *words)

    def _load(self, model: str, path: str, file: Path, *words: str) -> Load:
        return Load(model, self._house.front + path, file=file, words=words, connections=CONNECTIONS)

    def _dealt(self, number: int = _PAGES) -> Path:
        if len(self._pages) < number:
            raise RuntimeError("no lists are left that nobody has asked for; put fewer rounds")
        dealt, self._pages = self._pages[:number], self._pages[number:]
        return self._write("pages", dealt)

    def _write(self, name: str, lines: Sequence[str]) -> Path:
        path = self._house.folder / name
        path.write_text("".join(lines))
        return path


@dataclass
class Home:
    """A house, and what was found of it: each kind alone, and the mixes, by their names."""

    house: House
    workers: int
    watched: Watched
    loads: Loads
    alone: dict[str, list[Round]] = field(default_factory=dict)
    mixed: dict[str, list[Round]] = field(default_factory=dict)

    def forget(self) -> None:
        self.alone.clear()
        self.mixed.clear()

    def seen(self, alone: Mapping[str, Sequence[Round]]) -> Iterator[Seen]:
        """Beside the kinds as they were in the same rounds."""
        count = len(next(iter(alone.values())))
        times = [
            times_of({kind: [rounds[place]] for kind, rounds in alone.items()}) for place in range(count)
        ]
        for name, mix in MIXES.items():
            yield Seen(self.workers, name, [one.mixed(mix) for one in times], self.mixed[name])


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        "python -m bench times", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="of each load (3)")
    parser.add_argument("--seconds", type=int, default=3, help="of each load in each round (3)")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, help="folder of the report")
    parser.add_argument("--times", type=Path, default=_GIVEN, help="file of the service times")
    chosen = parser.parse_args(arguments)
    require_wrk()
    with ExitStack() as opened:
        homes = [_home(opened, workers) for workers in WORKERS]
        for home in homes:
            # Everybody asks once, so that no signature is to be verified in what is measured.
            put(home.loads.known(), 5)
        for number in range(chosen.rounds + 1):
            print(f"round {number} of {chosen.rounds}", flush=True)
            _turn(homes, chosen.seconds if number else 1)
            if not number:
                # The first round warms everything up.
                for home in homes:
                    home.forget()
        weights = _weights(homes[0])
    alone, times = homes[0].alone, times_of(homes[0].alone)
    seen = contending([one for home in homes for one in home.seen(alone)])
    chosen.times.write_bytes(_file(times, weights, contention_of(seen), _highest(homes)))
    report = chosen.into / "times.md"
    lines = predicted.lines(homes[0].alone, times, weights, seen, chosen.rounds, chosen.seconds)
    report.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(report.read_text(encoding="utf-8"))


def _home(opened: ExitStack, workers: int) -> "Home":
    """A house with so many processes. Statistics and dead rows of its filling are not left to the load."""
    print(f"starting {workers} processes, with {PEOPLE:,} people", flush=True)
    folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="taskapi-bench-")))
    house = opened.enter_context(running(folder, workers, peers=False))
    url = house.crowd.parts.settings.database_url
    with psycopg.connect(url.get_secret_value() if url else "", autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        backend = connection.info.backend_pid
        return Home(house, workers, Watched.of(folder / "home", backend), Loads(house))


def _turn(homes: Sequence["Home"], seconds: int) -> None:
    """Each kind alone by one process, and each mix by every number of processes."""
    for kind, load in homes[0].loads.kinds():
        one = _round(load, homes[0].watched, seconds)
        if kind == "miss" and one.figures.requests > _PAGES_ALONE:
            raise RuntimeError(f"lists came round again after {_PAGES_ALONE}")
        homes[0].alone.setdefault(kind, []).append(one)
    for name, mix in MIXES.items():
        for home in homes:
            one = _round(home.loads.mixed(mix), home.watched, seconds)
            if one.figures.requests * mix.miss > _PAGES * 1.1:
                raise RuntimeError(f"lists of {name} came round again after {_PAGES}")
            home.mixed.setdefault(name, []).append(one)


def _round(load: Load, watched: Watched, seconds: int) -> Round:
    with watched.watching() as spent:
        figures = put(load, seconds)
    if figures.failed:
        raise RuntimeError(f"{figures.failed} of {figures.requests} requests of {load.model} failed")
    return Round(figures, spent)


def _highest(homes: Sequence["Home"]) -> float:
    """Requests a second."""
    rounds = [*chain.from_iterable(chain(*(one.alone.values(), one.mixed.values())) for one in homes)]
    return max(each.figures.rate for found in rounds for each in found)


def _weights(home: Home) -> dict[str, int]:
    """Memory in bytes, after all that load."""
    house, watched = home.house, home.watched
    told = httpx.get(house.metrics).text.splitlines()
    cached = sum(float(one.rpartition(" ")[2]) for one in told if one.startswith("taskapi_cache_bytes"))
    processes = sum(memory(one, "Pss") for one in watched.taskapi)
    backends = [memory(one, "Private_Clean", "Private_Dirty") for one in watched.backends]
    with house.crowd.parts.database.reader() as session:
        database = int(session.value(text("SELECT pg_database_size(current_database())")))
    url = house.crowd.parts.settings.redis_url
    if url is None:
        raise RuntimeError("this house has no Redis")
    with Redis.from_url(url.get_secret_value()) as redis:
        told_of: dict[str, int] = redis.info("memory")
        kept = max(int(redis.dbsize()), 1)
    return {
        "process": int(processes - cached),
        "connection": int(statistics.mean(backends)),
        "answer": int(told_of["used_memory_dataset"] / kept),
        "person": database // PEOPLE,
    }


def _file(times: Kinds, weights: Mapping[str, int], contention: list[float], rate: float) -> bytes:
    told = about()
    return (
        orjson.dumps(
            {
                "machine": told["machine"],
                "commit": told["commit"],
                "date": told["day"],
                "microseconds": times,
                "bytes": weights,
                "contention": contention,
                "measured_up_to": {"workers": max(WORKERS), "rate": round(rate)},
                "estimated": [],
            },
            option=orjson.OPT_INDENT_2,
        )
        + b"\n"
    )

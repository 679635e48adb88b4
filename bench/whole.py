"""The whole service under the load of 2,000 people, beside what would be picked in its place, in one run.

    make bench BENCH=whole          in some nine minutes

PostgreSQL, Redis, taskapi and nginx as they are deployed, and the load, all on this machine. Each round puts
every load once, in turn; a figure is the median of its rounds, and a ratio the median of the ratios within
each round, because machines drift. Writes bench/whole.md and bench/whole.json.
"""

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import httpx
import orjson

from bench import plots
from bench.agreeing import require_agreement
from bench.bare_statement import by_pgbench
from bench.crowd import EACH, PEOPLE, Crowd
from bench.house import BEFORE, BY_HAND, PAGE, House, running
from bench.load import CONNECTIONS, Figures, Load, put, require_wrk
from bench.report import about, table

PGBENCH = "our statement by pgbench"
FRONT, DIRECT = "taskapi through nginx", "taskapi"
FILE, FILE_DIRECT, BARE = "a file through nginx", "a file by nginx itself", "the bytes by bare Flask"
HITS, MISSES, WRITES, CROWD = (
    "a list of 20, from memory",
    "a list of 15 to 40, never asked for before",
    "a new task",
    "the crowd, 1 change in 100",
)
# So many pages are dealt to each of those that are asked for misses, in each round.
_SHARE = 4000
_NEW = {"title": "Pay rent", "labels": ["home"], "priority": "high"}

_NOTES = f"""\
{PEOPLE:,} people with {EACH} tasks each. `taskapi serve` is one process with its defaults but for
`TASKAPI_LIMITS=off`, with metrics on, over PostgreSQL and Redis; nginx is ours, with TLS. wrk sends from one
thread over {CONNECTIONS} connections, or as many as are named, on the same two cores, so a server never has
the machine for itself. The references are in bench/peers: each the way its own documentation teaches it, over
tables of the same tasks; *psycopg by hand* checks no token and keeps no history, epoch or key, and is the
least that could answer. *The crowd* is drawn by Zipf's law, for lists (40 %), filtered lists (15), a task
(25), statistics (10) and oneself (10); what is never stale has to be made anew after each change, so it takes
a while until most is in memory. What the references answer for statistics is less than what taskapi does.
New tasks are of people drawn at random. *Failed* are answers that were no success, or none; requests/s count
the others. Latencies of the crowds of 5,000 are those of 500 who come when the other 4,500 have been there
for a while: 5,000 handshakes at one moment are a storm, and no crowd."""

Rounds = dict[str, dict[str, list[Figures]]]


# Of 5,000 connections those that come first, and those whose latencies count.
_FIRST, _LAST = 4500, 500


@dataclass
class Long:
    """A load of a minute by thousands of connections, and what was seen meanwhile."""

    figures: Figures
    # Of reads, those answered from memory; of the machine's cores, those that were busy.
    hits: float
    busy: float
    # What somebody read back at once after changing it, and how often that was older.
    read_back: int
    stale: int


@dataclass
class Watch:
    """Somebody who changes a task of theirs through nginx again and again, and reads it back in every way."""

    read_back: int = 0
    stale: int = 0
    failed: list[str] = field(default_factory=list)

    @contextmanager
    def watching(self, house: House, token: str, task_id: str) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(house, token, task_id, stop))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _watch(self, house: House, token: str, task_id: str, stop: threading.Event) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=house.front, headers=headers, verify=False, timeout=30) as client:  # noqa: S501
            number = 0
            while not stop.wait(0.1):
                number += 1
                title = f"Version {number}"
                path = f"/api/v1/tasks/{task_id}"
                changed = client.patch(path, json={"title": title})
                one = client.get(path)
                listed = client.get("/api/v1/tasks?limit=50")
                if any(answer.status_code != 200 for answer in (changed, one, listed)):
                    self.failed.append(f"{changed.status_code} {one.status_code} {listed.status_code}")
                    continue
                titles = [task["title"] for task in listed.json()["items"] if task["id"] == task_id]
                self.read_back += 2
                self.stale += (one.json()["title"] != title) + (titles != [title])


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        "python -m bench whole", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each load in each round (2)")
    parser.add_argument("--long", type=int, default=60, help="seconds of the loads by 5,000 (60)")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, help="folder of the report")
    chosen = parser.parse_args(arguments)
    require_wrk()
    others = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="taskapi-bench-") as folder:
        print(f"starting everything, with {PEOPLE:,} people", flush=True)
        with running(Path(folder)) as house:
            require_agreement(house)
            rounds = _rounds(house, chosen.rounds, chosen.seconds)
            long = dict(_long(house, chosen.long))
    lines = _report(rounds, long, chosen, others)
    chosen.into.joinpath("whole.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    raw = {
        "about": about(),
        "rounds": {
            what: {name: [asdict(one) for one in found] for name, found in loads.items()}
            for what, loads in rounds.items()
        },
        "long": {name: asdict(one) for name, one in long.items()},
    }
    chosen.into.joinpath("whole.json").write_bytes(orjson.dumps(raw, option=orjson.OPT_INDENT_2) + b"\n")
    plots.draw(chosen.into)
    print("\n".join(lines))


def _rounds(house: House, rounds: int, seconds: int) -> Rounds:
    found: Rounds = {}
    pages = _pages(house.crowd)
    for number in range(rounds + 1):
        # The first round warms everything up.
        loads = _loads(house, pages[number * _SHARE : (number + 1) * _SHARE])
        for what, load in loads:
            for name, one in load.items():
                figures = put(one, seconds if number else 1)
                if what == MISSES and figures.requests > _SHARE:
                    raise RuntimeError(f"{figures.requests} requests came round again after {_SHARE} pages")
                if number:
                    found.setdefault(what, {}).setdefault(name, []).append(figures)
        bare = by_pgbench(house.database, house.folder, seconds if number else 1)
        if number and bare is not None:
            found[MISSES].setdefault(PGBENCH, []).append(bare)
        print(f"round {number} of {rounds}", flush=True)
    return found


def _pages(crowd: Crowd) -> list[tuple[int, int]]:
    """Whose list, and how long: each once, in a random order."""
    drawn = [(person, length) for person in range(len(crowd.members)) for length in range(15, 41)]
    random.Random(1).shuffle(drawn)
    return drawn


def _loads(house: House, pages: Sequence[tuple[int, int]]) -> Iterator[tuple[str, dict[str, Load]]]:
    """All that is put in a round, with tokens that hold."""
    ours, theirs = house.crowd.tokens(), house.crowd.peers_tokens
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
        lines = [f"/api/v1/tasks?limit={length}\t{tokens[person]}\n" for person, length in pages]
        files[name].write_text("".join(lines))
    peers = house.peers.items()
    yield (
        MISSES,
        {DIRECT: Load("never_again", house.taskapi, file=files[DIRECT])}
        | {name: Load("never_again", url, file=files["peers"]) for name, url in peers},
    )
    new = house.folder / "new"
    new.write_bytes(orjson.dumps(_NEW))
    ours_file, their_file = _people(house, ours, "ours"), _people(house, theirs, "theirs")
    yield (
        WRITES,
        {DIRECT: Load("create_by_many", f"{house.taskapi}/api/v1/tasks", file=new, words=(str(ours_file),))}
        | {
            name: Load("create_by_many", f"{url}/api/v1/tasks", file=new, words=(str(their_file),))
            for name, url in peers
        },
    )
    yield (
        CROWD,
        {FRONT: Load("crowd", house.front, file=ours_file, words=("0.01",))}
        | {DIRECT: Load("crowd", house.taskapi, file=ours_file, words=("0.01",))}
        | {
            name: Load("crowd", url, file=their_file, words=("0.01",))
            for name, url in peers
            if name not in {BEFORE, BY_HAND}
        },
    )


def _people(house: House, tokens: Sequence[str], name: str) -> Path:
    """The model's file, without one who is for another load."""
    path = house.folder / f"people of {name}"
    pairs = zip(tokens, house.crowd.members, strict=True)
    path.write_text("".join(f"{token}\t{one.tasks[0]}\n" for token, one in [*pairs][:-1]))
    return path


def _long(house: House, seconds: int) -> Iterator[tuple[str, Long]]:
    for name, words in (
        ("5,000 readers: think 0 to 1 s, 1 change in 100", ("0.01", "0", "1000")),
        ("5,000 users: think 2 to 8 s, 1 change in 10", ("0.1", "2000", "8000")),
    ):
        tokens = house.crowd.tokens()
        load = Load(
            "thinking_crowd",
            house.front,
            file=_people(house, tokens, "ours"),
            words=words,
        )
        print(name, flush=True)
        put(_of(load, _FIRST + _LAST), max(seconds // 3, 1))
        watch = Watch()
        with watch.watching(house, tokens[-1], house.crowd.members[-1].tasks[0]):
            hits, busy = _hits(house), _busy()
            began = time.monotonic()
            figures = _by_a_crowd(load, seconds)
            took = time.monotonic() - began
            hits, busy = [now - then for now, then in zip(_hits(house), hits, strict=True)], _busy() - busy
        if watch.failed:
            print("failed:", watch.failed[:3])
        yield name, Long(figures, hits[0] / max(sum(hits), 1), busy / took, watch.read_back, watch.stale)


def _by_a_crowd(load: Load, seconds: int) -> Figures:
    """What comes of a load by 5,000; its latencies are those of the last of them.

    These come when the others have been there for a while: 5,000 who connect at the same moment are no crowd,
    but a storm of handshakes.
    """
    before = max(seconds // 4, 1)
    with ThreadPoolExecutor(1) as pool:
        others = pool.submit(put, _of(load, _FIRST), before + seconds + 1)
        time.sleep(before)
        last = put(_of(load, _LAST), seconds)
        first = others.result()
    rate = first.requests / first.seconds
    return replace(
        last, requests=last.requests + round(rate * last.seconds), failed=last.failed + first.failed
    )


def _of(load: Load, connections: int) -> Load:
    return replace(load, words=(*load.words, str(connections)), connections=connections)


def _hits(house: House) -> list[float]:
    """Reads answered from memory, made, and never kept, as the metrics tell."""
    told = httpx.get(house.metrics).text.splitlines()
    name = 'taskapi_cache_answers_total{outcome="%s"} '
    return [
        sum(float(line.rpartition(" ")[2]) for line in told if line.startswith(name % outcome))
        for outcome in ("hit", "miss", "bypass")
    ]


def _busy() -> float:
    """Seconds that the machine's processors were busy (proc(5), stat)."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return sum(int(one) for place, one in enumerate(fields[:8]) if place not in {3, 4}) / os.sysconf(
        "SC_CLK_TCK"
    )


def _report(rounds: Rounds, long: Mapping[str, Long], chosen: argparse.Namespace, others: float) -> list[str]:
    lines = [
        "# The whole service, under load",
        "",
        f"Made by `make bench BENCH=whole`: {chosen.rounds} rounds, ",
    ]
    lines[-1] += f"{chosen.seconds} s of each load in each round, in turn."
    lines += ["", _NOTES, ""]
    told = about() | {"busy before": f"{others:.1f} processes wanted a core; 0.0 is a quiet machine"}
    lines += table(("measured on", ""), told.items())
    for what, loads in rounds.items():
        ours = next(iter(loads))
        lines += ["", f"## {what[0].upper()}{what[1:]}", ""]
        head = ("", "requests/s: median", "least to most", "p50 ms", "p99 ms", "failed", f"{ours} is")
        lines += table(head, (_row(name, found, loads[ours]) for name, found in loads.items()))
        if what in plots.OF_WHOLE:
            lines += ["", f"![{what[0].upper()}{what[1:]}](plots/{plots.OF_WHOLE[what]}.svg)"]
    lines += ["", "## By 5,000 connections, through nginx", ""]
    seen = ("", "requests/s", "p50 ms", "p99 ms", "failed", "from memory", "cores busy", "read back, stale")
    lines += table(seen, (_long_row(name, one) for name, one in long.items()))
    return lines


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
        f"{figures.failed:,}" if figures.failed else "none",
        f"{one.hits:.1%}",
        f"{one.busy:.2f} of {os.cpu_count()}",
        f"{one.read_back}, {one.stale}",
    )

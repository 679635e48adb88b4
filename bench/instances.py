"""What it costs a hit in memory that there may be other instances: the channel, and what arrives on it.

    make bench BENCH=instances

Hits of one process over SQLite, which knows of every write by itself, beside one over PostgreSQL and Redis,
which hears of others: alone, while others' epochs arrive, and while as many messages are published that are
not for it, since publishing takes its part of the machine. All are put once in each round, in an order of its
own, because machines drift; and because they are uneven as well, what counts is the time that the processes
of a server were on a processor for, by hit. Then transactions that leave a job, in one process, with a thread
that rings for workers and without. Writes bench/instances.md.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from redis import Redis

from bench import servers
from bench.load import MODELS, Load, put, require_wrk
from bench.report import about, table
from taskapi import epochs, schema
from taskapi.broker import celery_of, rings
from taskapi.jobs import enqueue
from taskapi.keys import new_secret_key, new_signing_key
from taskapi.parts import assemble
from taskapi.ringing import Ringer
from taskapi.settings import load_settings
from tests.chaos.instances import redis_server
from tests.servers import command

PER_SECOND = 1000
WRITES = 500
SILENT, RUNG = "nobody rings", "rung for"
ALONE, QUIET, OTHERS, ARRIVING = (
    "one process, SQLite",
    "PostgreSQL and Redis",
    f"{PER_SECOND} messages/s for somebody else",
    f"{PER_SECOND} epochs/s arriving",
)


@dataclass(frozen=True)
class Served:
    """Hits of one server, and the processes that answer them."""

    hits: Load
    processes: list[int]

    def processor_seconds(self) -> float:
        """What they have taken so far, in the kernel and outside of it (proc(5), stat, fields 14 and 15)."""
        ticks = 0
        for process in self.processes:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        "python -m bench instances", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--seconds", type=int, default=1, help="of each load in each round (1)")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, help="folder of the report")
    chosen = parser.parse_args(arguments)
    require_wrk()
    rates: dict[str, list[float]] = {name: [] for name in (ALONE, QUIET, OTHERS, ARRIVING)}
    costs: dict[str, list[float]] = {name: [] for name in rates}
    with _served() as (alone, several, redis_url, channel):
        for number in range(chosen.rounds + 1):
            kinds = [
                (ALONE, alone, None),
                (QUIET, several, None),
                (OTHERS, several, "somebody:else"),
                (ARRIVING, several, channel),
            ]
            # No kind is always the first, nor always after the same one.
            random.Random(number).shuffle(kinds)
            for name, load, told in kinds:
                with nullcontext() if told is None else _published(redis_url, told):
                    before = load.processor_seconds()
                    figures = put(load.hits, chosen.seconds)
                    spent = load.processor_seconds() - before
                # The first round warms everything up.
                if number:
                    rates[name].append(figures.rate)
                    costs[name].append(spent / figures.requests * 1_000_000)
        told_of = _rung(chosen.rounds)
    text = "\n".join(_report(rates, costs, chosen.seconds, told_of))
    (chosen.into / "instances.md").write_text(text)
    print(text)


def _rung(rounds: int) -> dict[str, list[float]]:
    """Microseconds of a processor that a transaction takes which leaves a job, rung for and not.

    All of this process: with the thread that rings, and without PostgreSQL and Redis.
    """
    keys = {"TASKAPI_SIGNING_KEY": new_signing_key(), "TASKAPI_SECRET_KEY": new_secret_key()}
    costs: dict[str, list[float]] = {SILENT: [], RUNG: []}
    stop = threading.Event()
    with (
        tempfile.TemporaryDirectory(prefix="taskapi-bench-") as folder,
        servers.postgresql() as url,
        redis_server() as redis,
    ):
        settings = load_settings(TASKAPI_HOME=folder, DATABASE_URL=url, REDIS_URL=redis.url, **keys)
        parts = assemble(settings)
        schema.migrate(parts.database)
        ringer = Ringer(rings(celery_of(settings, parts.keys)))
        ringing = threading.Thread(target=ringer.work, args=(stop,))
        ringing.start()
        for number in range(rounds + 1):
            ways: list[tuple[str, Callable[[], None]]] = [(SILENT, lambda: None), (RUNG, ringer.ring)]
            random.Random(number).shuffle(ways)
            for name, ring in ways:
                parts.database.ring = ring
                began = time.process_time()
                for _ in range(WRITES):
                    with parts.database.writer() as session:
                        enqueue(session, "mail.verify_email", {"email_key": "ann@example.com"}, "bench")
                        epochs.move(session, "s:bench")
                if number:
                    costs[name].append((time.process_time() - began) / WRITES * 1_000_000)
        stop.set()
        ringing.join()
        parts.database.close()
    return costs


@contextmanager
def _served() -> Iterator[tuple[Served, Served, str, str]]:
    """The two loads, the Redis and the name of the channel in it."""
    keys = {"TASKAPI_SIGNING_KEY": new_signing_key(), "TASKAPI_SECRET_KEY": new_secret_key()}
    with (
        tempfile.TemporaryDirectory(prefix="taskapi-bench-") as folder,
        servers.postgresql() as database,
        redis_server() as redis,
    ):
        command("migrate", home=Path(folder) / "migrate", DATABASE_URL=database)
        with (
            servers.taskapi(Path(folder) / "alone", None) as alone,
            servers.taskapi(Path(folder) / "several", database, REDIS_URL=redis.url, **keys) as several,
            redis.client() as client,
        ):
            loads = (
                Served(hits_of(alone), processes_of(Path(folder) / "alone")),
                Served(hits_of(several), processes_of(Path(folder) / "several")),
            )
            channel = client.pubsub_channels("taskapi:*")[0].decode()
            yield *loads, redis.url, channel


def processes_of(home: Path) -> list[int]:
    """Those that were started with this home."""
    told = f"TASKAPI_HOME={home}\0".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        # Others' are not to be read, and some are gone by now.
        with suppress(OSError):
            if told in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def hits_of(url: str, wants_hits: bool = True) -> Load:
    """The list of somebody's twenty tasks; where hits are wanted it is in memory."""
    account = {"email": "ann@example.com", "password": "a long pass phrase"}
    with httpx.Client(base_url=f"{url}/api/v1") as client:
        client.post("/auth/register", json=account).raise_for_status()
        token = client.post("/auth/login", json=account).raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        for number in range(20):
            client.post("/tasks", json={"title": f"Task {number}"}, headers=headers).raise_for_status()
        while wants_hits and client.get("/tasks?limit=20", headers=headers).headers["X-Cache"] != "hit":
            time.sleep(0.1)
    return Load("same", f"{url}/api/v1/tasks?limit=20", headers)


@contextmanager
def _published(redis_url: str, channel: str) -> Iterator[None]:
    publisher = [sys.executable, "-m", "bench.instances", redis_url, channel]
    process = subprocess.Popen(publisher, cwd=MODELS.parents[1])
    time.sleep(0.5)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def publish(redis_url: str, channel: str) -> None:
    """Epochs of people this process does not know, ten a hundredth of a second, until it is ended."""
    with Redis.from_url(redis_url) as redis:
        number, due = 0, time.monotonic()
        while True:
            with redis.pipeline(transaction=False) as together:
                for _ in range(10):
                    number += 1
                    together.publish(channel, f"s:00000000-0000-7000-8000-{number:012d} {number}")
                together.execute()
            due += 10 / PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))


def _report(
    rates: dict[str, list[float]],
    costs: dict[str, list[float]],
    seconds: int,
    told_of: dict[str, list[float]],
) -> Iterator[str]:
    yield "# What other instances cost a hit"
    yield ""
    yield "\n".join(f"- {name}: {value}" for name, value in about().items())
    yield f"- {len(rates[ALONE])} rounds of {seconds} s each; rates and ratios are medians of their rounds"
    yield ""
    rows = []
    for name, reference in ((ALONE, None), (QUIET, ALONE), (OTHERS, QUIET), (ARRIVING, OTHERS)):
        cost = f"{statistics.median(costs[name]):.1f}"
        times = "" if reference is None else f"{_ratio(costs, name, reference):.3f} times {reference}"
        rows.append((name, f"{statistics.median(rates[name]):,.0f}", cost, times))
    yield from table(("hits", "requests/s", "µs of a processor each", "which is"), rows)
    yield ""
    times = f"{_ratio(told_of, RUNG, SILENT):.3f} times {SILENT}"
    found = [(name, f"{statistics.median(told_of[name]):.0f}") for name in (SILENT, RUNG)]
    writes = [(*row, said) for row, said in zip(found, ("", times), strict=True)]
    yield from table(
        (f"transactions that leave a job, {WRITES} a round", "µs of a processor each", "which is"), writes
    )
    yield ""


def _ratio(rates: dict[str, list[float]], name: str, reference: str) -> float:
    return statistics.median(one / other for one, other in zip(rates[name], rates[reference], strict=True))


if __name__ == "__main__":
    publish(*sys.argv[1:])

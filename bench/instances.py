"""What it costs a hit in memory that there may be other instances: the channel, and what arrives on it.

    make bench BENCH=instances

Hits of one process over SQLite, which knows of every write by itself, beside one over PostgreSQL and Redis,
which hears of others: alone, while others' epochs arrive, and while as many messages are published that are
not for it, since publishing takes its part of the machine. All are put once in each round, in an order of its
own, because machines drift. Writes bench/instances.md.
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import httpx
from redis import Redis

from bench import servers
from bench.load import MODELS, Load, put, require_wrk
from bench.report import about, table
from taskapi.keys import new_secret_key, new_signing_key
from tests.chaos.instances import redis_server
from tests.servers import command

PER_SECOND = 1000
ALONE, QUIET, OTHERS, ARRIVING = (
    "one process, SQLite",
    "PostgreSQL and Redis",
    f"{PER_SECOND} messages/s for somebody else",
    f"{PER_SECOND} epochs/s arriving",
)


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
                    figures = put(load, chosen.seconds)
                # The first round warms everything up.
                if number:
                    rates[name].append(figures.rate)
    text = "\n".join(_report(rates, chosen.seconds))
    (chosen.into / "instances.md").write_text(text)
    print(text)


@contextmanager
def _served() -> Iterator[tuple[Load, Load, str, str]]:
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
            loads = _hits(alone), _hits(several)
            channel = client.pubsub_channels("taskapi:*")[0].decode()
            yield *loads, redis.url, channel


def _hits(url: str) -> Load:
    """The list of somebody's twenty tasks."""
    account = {"email": "ann@example.com", "password": "a long pass phrase"}
    with httpx.Client(base_url=f"{url}/api/v1") as client:
        client.post("/auth/register", json=account).raise_for_status()
        token = client.post("/auth/login", json=account).raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        for number in range(20):
            client.post("/tasks", json={"title": f"Task {number}"}, headers=headers).raise_for_status()
        while client.get("/tasks?limit=20", headers=headers).headers["X-Cache"] != "hit":
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


def _report(rates: dict[str, list[float]], seconds: int) -> Iterator[str]:
    yield "# What other instances cost a hit"
    yield ""
    yield "\n".join(f"- {name}: {value}" for name, value in about().items())
    yield f"- {len(rates[ALONE])} rounds of {seconds} s each; rates and ratios are medians of their rounds"
    yield ""
    rows = []
    for name, reference in ((ALONE, None), (QUIET, ALONE), (OTHERS, QUIET), (ARRIVING, OTHERS)):
        ratio = "" if reference is None else f"{_ratio(rates, name, reference):.3f} of {reference}"
        rows.append((name, f"{statistics.median(rates[name]):,.0f}", ratio))
    yield from table(("hits", "requests/s", "ratio"), rows)
    yield ""


def _ratio(rates: dict[str, list[float]], name: str, reference: str) -> float:
    return statistics.median(one / other for one, other in zip(rates[name], rates[reference], strict=True))


if __name__ == "__main__":
    publish(*sys.argv[1:])

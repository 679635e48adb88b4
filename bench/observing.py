"""What it costs a request to be counted, timed, traced and logged.

    make bench BENCH=observing

The service as it is in production, with a log of JSON, asked for its metrics each second, beside one that
does none of it (bench/unobserved.py); the list of twenty tasks from memory, and made anew. Both are put in
each round, in an order of its own; what counts is the time on a processor, as machines are uneven. Writes
bench/observing.md.
"""

import argparse
import random
import statistics
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx

from bench import servers
from bench.instances import Served, hits_of, processes_of
from bench.load import put, require_wrk
from bench.report import about, table
from tests.servers import free_port

SEEN, UNSEEN = "observed", "not observed"
KINDS = {"from memory": "64", "made anew": "0"}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        "python -m bench observing", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--seconds", type=int, default=1, help="of each load in each round (1)")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, help="folder of the report")
    chosen = parser.parse_args(arguments)
    require_wrk()
    costs: dict[tuple[str, str], list[float]] = {}
    rates: dict[tuple[str, str], list[float]] = {}
    with _served() as loads:
        for number in range(chosen.rounds + 1):
            turns = list(loads.items())
            # None is always the first, nor always after the same one.
            random.Random(number).shuffle(turns)
            for name, load in turns:
                before = load.processor_seconds()
                figures = put(load.hits, chosen.seconds)
                spent = load.processor_seconds() - before
                # The first round warms everything up.
                if number:
                    costs.setdefault(name, []).append(spent / figures.requests * 1e6)
                    rates.setdefault(name, []).append(figures.rate)
    text = "\n".join(_report(costs, rates, chosen.seconds))
    (chosen.into / "observing.md").write_text(text)
    print(text)


@contextmanager
def _served() -> Iterator[dict[tuple[str, str], Served]]:
    """The loads by what is asked and whether it is observed; of each its own server."""
    with tempfile.TemporaryDirectory(prefix="taskapi-bench-") as folder, ExitStack() as opened:
        loads = {}
        for number, (kind, megabytes) in enumerate(KINDS.items()):
            for module, name in (("taskapi", SEEN), ("bench.unobserved", UNSEEN)):
                home = Path(folder) / f"{module}-{number}"
                settings = {
                    "TASKAPI_CACHE_MB": megabytes,
                    "TASKAPI_ENV": "production",
                    "TASKAPI_PUBLIC_URL": "http://127.0.0.1",
                }
                if name == SEEN:
                    settings["TASKAPI_METRICS_PORT"] = str(port := free_port())
                    opened.enter_context(_asked(port))
                url = opened.enter_context(servers.taskapi(home, None, module=module, **settings))
                load = hits_of(url, wants_hits=megabytes != "0")
                loads[kind, name] = Served(load, processes_of(home))
        yield loads


@contextmanager
def _asked(port: int) -> Iterator[None]:
    """As by Prometheus, but more often."""
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(1.0):
            with suppress(httpx.TransportError):
                httpx.get(f"http://127.0.0.1:{port}/metrics")

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _report(
    costs: dict[tuple[str, str], list[float]], rates: dict[tuple[str, str], list[float]], seconds: int
) -> Iterator[str]:
    yield "# What it costs to be counted, timed, traced and logged"
    yield ""
    yield "\n".join(f"- {name}: {value}" for name, value in about().items())
    rounds = len(next(iter(costs.values())))
    yield f"- {rounds} rounds of {seconds} s each; rates and ratios are medians of their rounds"
    yield ""
    rows = []
    for kind in KINDS:
        pairs = zip(costs[kind, SEEN], costs[kind, UNSEEN], strict=True)
        ratio = statistics.median(one / other for one, other in pairs)
        for name, said in ((UNSEEN, ""), (SEEN, f"{ratio:.3f} times {UNSEEN}")):
            rate = f"{statistics.median(rates[kind, name]):,.0f}"
            rows.append((kind, name, rate, f"{statistics.median(costs[kind, name]):.1f}", said))
    columns = ("a list of twenty tasks", "", "requests/s", "µs of a processor each", "which is")
    yield from table(columns, rows)
    yield ""

"""What storms do to the service: bursts, starts under load, log-ins by many, more than it can do, and memory.

    make bench BENCH=storms         in some six minutes

PostgreSQL, Redis, taskapi and nginx as they are deployed, and the load, all on this machine. Each storm comes
in several rounds, and a figure is told with the least and the most of them. Writes bench/storms.md,
bench/storms.json, and the pictures in bench/plots.
"""

import argparse
import resource
import tempfile
from collections.abc import Sequence
from itertools import count, islice
from pathlib import Path

from redis import Redis

from bench import plots
from bench.house import House, running
from bench.load import Load, put, require_wrk
from bench.open_loop import opened
from bench.report import about
from bench.storming import report, sent
from bench.storming.burst import burst
from bench.storming.cold import cold_start
from bench.storming.logins import storm
from bench.storming.memory import READERS, Memory, memory
from bench.storming.overload import Overload, overload
from bench.storming.report import Storms
from bench.storming.service import Service, cores_taken, resident_mb

# Through nginx, and directly to taskapi: as many as may wait at a time.
_CONNECTIONS, _CONNECTIONS_DIRECT = 1000, 4000
# Of what a closed loop got: a burst that the house can bear five times, and one it cannot.
_SMALL, _LARGE = 0.15, 0.5
_STEADY = 0.15
_PROBE_SECONDS, _WARMING = 2, 600
_QUIET_SECONDS = 0.5
_SMALL_WATCHED, _LARGE_WATCHED, _START_WATCHED = 4, 8, 6


class _Run:
    """The storms in turn, over one house."""

    def __init__(self, house: House, rounds: int) -> None:
        self._house, self._rounds = house, rounds
        self._service = Service(house.folder / "home")
        redis = house.crowd.parts.settings.redis_url
        self._redis = "" if redis is None else redis.get_secret_value()
        self._addresses = iter(sent.addresses(house.crowd))
        self._pages = sent.pages()
        self._others: list[float] = []
        self._files = (house.folder / f"people {number}" for number in count())

    def all(self, seconds: int) -> Storms:
        try:
            found = Storms(self._memory(seconds), others=self._others)
            # What is in memory is so by token: these are all there are from now on.
            self._tokens = self._house.crowd.tokens()
            readers = sent.Readers(self._house.crowd, self._tokens)
            self._through_front(found, readers)
            with self._service.on_one_core():
                found.overload = {"misses": self._by_misses(), "hits": self._by_hits(readers)}
            return found
        finally:
            self._service.stop()

    def _begin(self, what: str) -> None:
        self._others.append(cores_taken(_QUIET_SECONDS))
        _say(f"{what} (others take {self._others[-1]:.1f} cores)")

    def _memory(self, seconds: int) -> Memory:
        self._begin(f"memory, in {seconds} s of readers")
        people = self._people(self._house.crowd.tokens(), len(self._house.crowd.members))
        words = ("0.01", "0", "1000")
        load = Load("thinking_crowd", self._house.front, file=people, words=words, connections=READERS)
        return memory(self._service, self._house.taskapi, load, seconds)

    def _through_front(self, found: Storms, readers: sent.Readers) -> None:
        with opened(self._house.front, _CONNECTIONS) as client:
            peak = self._peak_of_readers(self._house.front, readers)
            self._begin(f"bursts; the closed loop got {peak:,.0f} requests/s")
            for _ in range(self._rounds):
                found.bursts.append(burst(client, readers, peak, _SMALL, _SMALL_WATCHED))
            found.bursts.append(burst(client, readers, peak, _LARGE, _LARGE_WATCHED))
            self._begin("log-ins")
            found.before_log_ins = resident_mb(self._service.worker)
            for _ in range(self._rounds):
                found.log_ins.append(storm(client, readers, _STEADY * peak, self._addresses))
            found.after_log_ins = resident_mb(self._service.worker)
            for what in ("kept", "flushed"):
                self._begin(f"cold starts, with what is in Redis {what}")
                found.cold[what] = []
                for _ in range(self._rounds):
                    if what == "flushed":
                        # It begins with all that is asked for in memory.
                        client.fire(readers.each_once(rate=_WARMING))
                        self._flush()
                    found.cold[what].append(
                        cold_start(client, readers.shots, _STEADY * peak, _START_WATCHED, self._service)
                    )

    def _by_misses(self) -> list[Overload]:
        self._begin("overload by misses, on one core")
        found = []
        with opened(self._house.taskapi, _CONNECTIONS_DIRECT) as client:
            # The service has to get to know those who ask.
            self._peak_of_misses()
            for _ in range(self._rounds):
                peak = self._peak_of_misses()
                found.append(
                    overload(client, lambda phases: sent.misses(self._pages, self._tokens, phases), peak)
                )
        return found

    def _by_hits(self, readers: sent.Readers) -> list[Overload]:
        self._begin("overload by hits, on one core")
        peak = self._peak_of_readers(self._house.taskapi, readers)
        with opened(self._house.taskapi, _CONNECTIONS_DIRECT) as client:
            return [overload(client, readers.shots, peak)]

    def _peak_of_misses(self) -> float:
        path = next(self._files)
        lines = (f"{where}\t{self._tokens[person]}\n" for person, where in islice(self._pages, sent.SHARE))
        path.write_text("".join(lines))
        return put(Load("never_again", self._house.taskapi, file=path), _PROBE_SECONDS).rate

    def _peak_of_readers(self, url: str, readers: sent.Readers) -> float:
        """What a closed loop gets, once all that the readers ask for is in memory."""
        with opened(url, 16, patience=60) as client:
            client.fire(readers.each_once(rate=_WARMING))
        load = Load("crowd", url, file=self._people(self._tokens, sent.READERS), words=("0",))
        return put(load, _PROBE_SECONDS).rate

    def _people(self, tokens: Sequence[str], most: int) -> Path:
        path = next(self._files)
        pairs = list(zip(tokens, self._house.crowd.members, strict=True))[:most]
        path.write_text("".join(f"{token}\t{one.tasks[0]}\n" for token, one in pairs))
        return path

    def _flush(self) -> None:
        with Redis.from_url(self._redis) as redis:
            redis.flushall()


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        "python -m bench storms", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--memory", type=int, default=120, help="seconds of readers before it is weighed (120)"
    )
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, help="folder of the report")
    chosen = parser.parse_args(arguments)
    require_wrk()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Thousands of connections, also of the processes that are started here.
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="taskapi-bench-") as folder:
        _say("starting everything")
        with running(Path(folder), peers=False) as house:
            found = _Run(house, chosen.rounds).all(chosen.memory)
    report.write(chosen.into, found, about())
    plots.draw(chosen.into)
    print(chosen.into.joinpath("storms.md").read_text(encoding="utf-8"))


def _say(what: str) -> None:
    print(what, flush=True)

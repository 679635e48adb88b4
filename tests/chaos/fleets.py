"""All that runs where there are several instances: APIs, workers and schedulers, each of them mortal."""

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import Server, clean_environment, free_port

_ROOT = Path(__file__).parents[2]
KINDS = ("serve", "worker", "scheduler")
EACH = 2
# Longer than a loaded machine keeps anybody waiting; what a killed worker had in hand waits as long.
LEASE_MILLISECONDS = 4000


class Fleet:
    """Two of each kind; who is killed is started again, as a supervisor does."""

    def __init__(self, home: Path, environment: dict[str, str], schedulers: int = EACH) -> None:
        home.mkdir(exist_ok=True)
        self._each = {"serve": EACH, "worker": EACH, "scheduler": schedulers}
        self._home = home
        self._environment = {
            "TASKAPI_LIMITS": "off",
            "CRASH_AFTER": "0",
            "LEASE_MILLISECONDS": str(LEASE_MILLISECONDS),
            **environment,
        }
        self.ports = [free_port() for _ in range(EACH)]
        self._processes: dict[tuple[str, int], subprocess.Popen[str]] = {}
        for kind in KINDS:
            for number in range(self._each[kind]):
                self._start(kind, number)

    def wait_until_ready(self) -> None:
        for number, port in enumerate(self.ports):
            Server(self._processes["serve", number], port, self._log("serve", number)).wait_until_ready()

    def kill(self, kind: str, chance: random.Random) -> None:
        """SIGKILL for one of a kind, or for one of its children; then it is started anew."""
        number = chance.randrange(self._each[kind])
        process = self._processes[kind, number]
        process.kill()
        process.wait()
        self._start(kind, number)

    def is_whole(self) -> bool:
        """Whether none of them ended by itself."""
        return all(process.poll() is None for process in self._processes.values())

    def stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log(self, kind: str) -> str:
        return "".join(self._log(kind, number).read_text() for number in range(self._each[kind]))

    def _start(self, kind: str, number: int) -> None:
        options = ["--port", str(self.ports[number])] if kind == "serve" else []
        with self._log(kind, number).open("a") as output:
            self._processes[kind, number] = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.mailing_server", kind, *options],
                env=clean_environment(TASKAPI_HOME=str(self.home_of(kind, number)), **self._environment),
                cwd=_ROOT,
                stdout=output,
                stderr=output,
                text=True,
            )

    def home_of(self, kind: str, number: int) -> Path:
        return self._home / f"{kind}{number}"

    def _log(self, kind: str, number: int) -> Path:
        return self._home / f"{kind}{number}.log"


@contextmanager
def fleet(home: Path, environment: dict[str, str], schedulers: int = EACH) -> Iterator[Fleet]:
    made = Fleet(home, environment, schedulers)
    try:
        made.wait_until_ready()
        yield made
    finally:
        made.stop()

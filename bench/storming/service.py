"""The processes of taskapi within the house: killed and started anew, held to a core, and weighed."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.instances import processes_of

_ROOT = Path(__file__).parents[2]


class Service:
    """The `taskapi serve` with this home, by whomever it was started."""

    def __init__(self, home: Path) -> None:
        self._home, self._log = home, home.with_suffix(".again.log")
        self._ours: subprocess.Popen[bytes] | None = None
        supervisor = self._supervisor()
        # As it was started: the same port, the same settings.
        self._command = _words(supervisor, "cmdline")
        self._environment: Mapping[str, str] = dict(
            word.split("=", 1) for word in _words(supervisor, "environ") if "=" in word
        )

    @property
    def processes(self) -> list[int]:
        return processes_of(self._home)

    @property
    def worker(self) -> int:
        """The process that answers."""
        return max(self.processes, key=resident_mb)

    def _supervisor(self) -> int:
        found = self.processes
        return next(one for one in found if _parent(one) not in found)

    def start_anew(self) -> float:
        """Kill it as the kernel does when memory is short, and start it; the moment of that."""
        old = self._supervisor()
        os.kill(old, signal.SIGKILL)
        if self._ours is not None:
            self._ours.wait()
        while any(_is_alive(one) for one in self.processes):
            time.sleep(0.005)
        with self._log.open("w") as output:
            moment = time.perf_counter()
            self._ours = subprocess.Popen(
                self._command, cwd=_ROOT, env=self._environment, stdout=output, stderr=output
            )
        return moment

    def require_running(self) -> None:
        if self._ours is not None and self._ours.poll() is not None:
            raise RuntimeError(f"taskapi did not start again:\n{self._log.read_text()}")

    def stop(self) -> None:
        """End what was started here; the house ends its own."""
        if self._ours is not None:
            self._ours.terminate()
            self._ours.wait(timeout=30)

    @contextmanager
    def on_one_core(self) -> Iterator[None]:
        """Its processes have the last core, and not for themselves."""
        everywhere = os.sched_getaffinity(0)
        self._held_to({max(everywhere)})
        try:
            yield
        finally:
            self._held_to(everywhere)

    def _held_to(self, cores: set[int]) -> None:
        for process in self.processes:
            for thread in Path(f"/proc/{process}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)


def cores_taken(seconds: float) -> float:
    """How many cores are busy meanwhile, on average (proc(5), stat)."""
    before = _busy_seconds()
    time.sleep(seconds)
    return (_busy_seconds() - before) / seconds


def _busy_seconds() -> float:
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    # Without those that were idle, or waited for a disk.
    ticks = sum(int(one) for place, one in enumerate(fields[:8]) if place not in {3, 4})
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_mb(process: int) -> float:
    """Its resident memory in MB of 10⁶ bytes (proc(5), smaps_rollup)."""
    return _rollup(process, "Rss:")


def proportional_mb(processes: Sequence[int]) -> float:
    """Memory in MB of 10⁶ bytes, of which what several share is divided among them (PSS)."""
    return sum(_rollup(one, "Pss:") for one in processes)


def _rollup(process: int, name: str) -> float:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(name))


def _words(process: int, name: str) -> list[str]:
    return Path(f"/proc/{process}/{name}").read_bytes().decode().rstrip("\0").split("\0")


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[1])


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False

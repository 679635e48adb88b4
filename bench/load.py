"""Load by wrk, for some seconds, as one of the models says."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MODELS = Path(__file__).parent / "models"
# Twice as many as are worked on at a time.
CONNECTIONS = 16


@dataclass(frozen=True)
class Load:
    """What is sent: a model of bench/models, and what it is given."""

    model: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    # What the model is given behind the file.
    words: Sequence[str] = ()
    connections: int = CONNECTIONS


@dataclass(frozen=True)
class Figures:
    """What wrk found in one round; times in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int

    @property
    def rate(self) -> float:
        """Requests a second that were answered as they should be."""
        return max(self.requests - self.failed, 0) / self.seconds


def require_wrk() -> None:
    """End with one line and code 2 where wrk is missing."""
    if shutil.which("wrk") is None:
        print("bench: wrk is not installed; install Debian's package: apt-get install wrk", file=sys.stderr)
        sys.exit(2)


def put(load: Load, seconds: int) -> Figures:
    """Put a load on a server from one thread, and see what comes of it."""
    headers = [word for name, value in load.headers.items() for word in ("-H", f"{name}: {value}")]
    given = ["--", str(load.file), *load.words] if load.file else []
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s", "--timeout", "10s", *headers]
    found = subprocess.run(
        [*command, "-s", f"{load.model}.lua", load.url, *given],
        cwd=MODELS,
        capture_output=True,
        text=True,
        check=True,
    )
    figures = json.loads(found.stdout.splitlines()[-1])
    return Figures(
        requests=figures["requests"],
        seconds=figures["duration"] / 1e6,
        p50=figures["p50"] / 1e3,
        p99=figures["p99"] / 1e3,
        failed=figures["failed"],
    )

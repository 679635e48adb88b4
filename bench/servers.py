"""The processes that are measured, each on a loopback port of its own until its block ends."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg

from tests.deploy.fronts import programs
from tests.servers import clean_environment, free_port, start_postgres

READY_SECONDS = 60
_ROOT = Path(__file__).parent.parent


@contextmanager
def taskapi(home: Path, database: str | None, *, module: str = "taskapi", **others: str) -> Iterator[str]:
    """`taskapi serve` as anybody starts it, or another module in its place, without limits; its URL."""
    port = free_port()
    settings = {"TASKAPI_HOME": str(home), "TASKAPI_LIMITS": "off", **others}
    if database is not None:
        settings["DATABASE_URL"] = database
    command = [sys.executable, "-m", module, "serve", "--port", str(port)]
    with _running(command, home.parent / f"{home.name}.log", port, settings) as url:
        yield url


@contextmanager
def bare(folder: Path) -> Iterator[str]:
    """Bare Flask routes that return the bytes in a folder; their URL."""
    port = free_port()
    command = [sys.executable, "-m", "bench.peers.bare", str(port), str(folder)]
    with _running(command, folder / "bare.log", port, {}) as url:
        yield url


@contextmanager
def before(folder: Path, database: str, secret: str) -> Iterator[str]:
    """The specification's "before", by its own command; its URL."""
    port = free_port()
    factory = f"bench.peers.before:create_app({database!r}, {secret!r})"
    command = [sys.executable, "-m", "gunicorn", "-w", "4", "-b", f"127.0.0.1:{port}", factory]
    with _running(command, folder / "before.log", port, {}) as url:
        yield url


@contextmanager
def started(arguments: Sequence[str], folder: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """Python with these arguments, of which one may be `{port}`; its URL."""
    port = free_port()
    command = [sys.executable, *(one.format(port=port) for one in arguments)]
    log = folder / f"{port}.log"
    with _running(command, log, port, settings) as url:
        yield url


@contextmanager
def postgresql() -> Iterator[str]:
    """PostgreSQL from its wheel, which writes to the disk before it says so; the URL of a database."""
    server = start_postgres(None, "-c fsync=on -c shared_buffers=256MB")
    try:
        yield server.url()
    finally:
        server.stop()


def nginx_program() -> Path:
    """The machine's own, as people have it; the wheel's is made to be small."""
    found = programs()
    return found.get("of Debian", found["from the wheel"])


def new_database(url: str, name: str) -> str:
    """One more empty database on that server; its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{url.rpartition('/')[0]}/{name}"


@contextmanager
def _running(command: list[str], log: Path, port: int, settings: Mapping[str, str]) -> Iterator[str]:
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=_ROOT, env=clean_environment(**settings), stdout=output, stderr=output
        )
    try:
        wait_until_it_answers(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_it_answers(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{log.stem} did not start:\n{log.read_text()}")

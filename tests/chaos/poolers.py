"""pgbouncer in transaction mode: each version that is installed, and what each is set to."""

import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.servers import SERVER_USER, Postgres, free_port

# From this version on it knows prepared statements.
KNOWS_PREPARED = (1, 21)


@dataclass(frozen=True)
class Program:
    """A pgbouncer, and its version."""

    path: str
    version: tuple[int, int]

    @property
    def knows_prepared(self) -> bool:
        return self.version >= KNOWS_PREPARED

    @property
    def settings(self) -> dict[str, str]:
        """What the service has to be told where it is in front."""
        return {} if self.knows_prepared else {"TASKAPI_PREPARED_STATEMENTS": "false"}


def _programs() -> list[Program]:
    """The first of each kind: one that knows prepared statements, and one that does not."""
    found: dict[bool, Program] = {}
    for folder in ("/usr/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"):
        path = shutil.which("pgbouncer", path=folder)
        if path is not None:
            told = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
            number = re.search(r"(\d+)\.(\d+)", told)
            assert number is not None, told
            program = Program(path, (int(number[1]), int(number[2])))
            found.setdefault(program.knows_prepared, program)
    return list(found.values())


def _cases() -> list[object]:
    """Each kind of program once, as parameters; a kind that is missing is skipped loudly."""
    found = {program.knows_prepared: program for program in _programs()}
    missing = pytest.mark.skip(reason="SKIPPED LOUDLY: no such pgbouncer is installed")
    return [
        pytest.param(found.get(knows), id=name, marks=() if knows in found else missing)
        for knows, name in ((False, "without prepared statements"), (True, "with prepared statements"))
    ]


EACH_PROGRAM = _cases()


@dataclass
class Pgbouncer:
    """A pooler in front of a server, with fewer connections to it than it lets in."""

    program: Program
    postgres: Postgres
    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        configuration = self.folder / "pgbouncer.ini"
        configuration.write_text(
            f"[databases]\n* = host=127.0.0.1 port={self.postgres.port} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            "auth_type = any\npool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 200\n"
            + ("max_prepared_statements = 200\n" if self.program.knows_prepared else "")
        )
        self.process = subprocess.Popen(
            [self.program.path, "-q", str(configuration)], stderr=subprocess.DEVNULL, user=SERVER_USER
        )
        for _ in range(100):
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("pgbouncer did not start")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()


@contextmanager
def pgbouncer_before(postgres: Postgres, program: Program) -> Iterator[Pgbouncer]:
    with tempfile.TemporaryDirectory(prefix="taskapi-pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        pooler = Pgbouncer(program, postgres, Path(folder), free_port())
        pooler.start()
        yield pooler
        pooler.kill()

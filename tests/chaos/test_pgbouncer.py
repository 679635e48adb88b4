"""The same code behind pgbouncer in transaction mode, where two statements may meet two servers."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.chaos.load import Load, logged_in
from tests.servers import SERVER_USER, Postgres, Server, free_port, running, start_postgres

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="SKIPPED LOUDLY: pgbouncer is not installed")


@dataclass
class Pgbouncer:
    """A pooler in front of a server, with fewer connections to it than it lets in."""

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
        )
        self.process = subprocess.Popen(
            [str(PROGRAM), "-q", str(configuration)], stderr=subprocess.DEVNULL, user=SERVER_USER
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


@pytest.fixture(scope="module")
def pgbouncer() -> Iterator[Pgbouncer]:
    postgres = start_postgres()
    with tempfile.TemporaryDirectory(prefix="taskapi-pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        pooler = Pgbouncer(postgres, Path(folder), free_port())
        pooler.start()
        yield pooler
        pooler.kill()
    postgres.stop()


@pytest.fixture
def server(pgbouncer: Pgbouncer, home: Path) -> Iterator[Server]:
    settings = {"TASKAPI_LIMITS": "off", "TASKAPI_CACHE_MB": "0", "TASKAPI_PREPARED_STATEMENTS": "false"}
    with running(home, DATABASE_URL=pgbouncer.url, **settings) as started:
        yield started


def _nothing(pgbouncer: Pgbouncer) -> None:
    """Only the load, over fewer connections than threads."""
    time.sleep(2)


@pytest.mark.parametrize("happening", [_nothing, Pgbouncer.restart])
def test_reads_see_nothing_of_it_and_each_write_is_done_once(
    pgbouncer: Pgbouncer, server: Server, happening: Callable[[Pgbouncer], None]
) -> None:
    with Load(server) as load:
        happening(pgbouncer)
    assert set(load.reads) == {200}, load.reads
    assert set(load.writes) <= {201, 503}, load.writes
    if happening is _nothing:
        assert load.writes[503] == 0
    found = load.all_titles()
    assert load.titles <= set(found)


def test_a_key_in_use_is_known_behind_it_too(server: Server) -> None:
    headers = logged_in(server) | {"Idempotency-Key": "one"}
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=20) as client:
        answers = [client.post("/tasks", json={"title": "One"}) for _ in range(10)]
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.text for answer in answers}) == 1
        assert len(client.get("/tasks?q=One").json()["items"]) == 1

"""Servers that follow a primary, and what may happen to them."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.servers import SERVER_USER, Postgres, free_port


def standby_of(primary: Postgres, name: str = "standby") -> Postgres:
    """A copy of a server that follows it under this name."""
    folder = Path(tempfile.mkdtemp(prefix="taskapi-standby-"))
    if SERVER_USER is not None:
        shutil.chown(folder, SERVER_USER)
    base_backup(primary, folder, name)
    standby = Postgres(primary.programs, folder, free_port())
    standby.control("start", "-w", "-o", standby.flags)
    return standby


def base_backup(primary: Postgres, folder: Path, name: str) -> None:
    """Copy a server into a folder, so that the copy follows it once it is started."""
    subprocess.run(
        [
            *(str(primary.programs / "pg_basebackup"), "-d", source_of(primary, name)),
            *("-D", str(folder / "data"), "-R", "-X", "stream", "-c", "fast", "--no-sync"),
        ],
        check=True,
        capture_output=True,
        user=SERVER_USER,
    )


def source_of(primary: Postgres, name: str) -> str:
    return f"host=127.0.0.1 port={primary.port} user=postgres application_name={name}"


def follow(standby: Postgres, primary: Postgres, name: str) -> None:
    """Have a standby follow another primary from now on."""
    configure(standby, "primary_conninfo", source_of(primary, name))


def configure(server: Postgres, setting: str, value: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET {setting} = '{value}'")
        connection.execute("SELECT pg_reload_conf()")


def make_synchronous(primary: Postgres, names: str) -> None:
    """Have commits wait for these standbys, in the syntax of synchronous_standby_names."""
    configure(primary, "synchronous_standby_names", names)
    wait_for(primary, "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')")


def wait_for(server: Postgres, question: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for _ in range(200):
            row = connection.execute(question).fetchone()
            if row and row[0]:
                return
            time.sleep(0.05)
    raise AssertionError(question)


def _processes(server: Postgres) -> list[int]:
    """The postmaster and its children."""
    master = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    children = subprocess.run(
        ["pgrep", "-P", str(master)], capture_output=True, text=True, check=False
    ).stdout.split()
    return [master, *map(int, children)]


@contextmanager
def frozen(server: Postgres) -> Iterator[None]:
    """Nothing of a server runs, as on a machine whose disk hangs; its connections stay open."""
    stopped = _processes(server)
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


@contextmanager
def replay_paused(standby: Postgres) -> Iterator[None]:
    """It receives all and shows none of it."""
    with psycopg.connect(standby.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
        try:
            yield
        finally:
            connection.execute("SELECT pg_wal_replay_resume()")

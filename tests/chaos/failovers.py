"""A primary and two standbys that take its place in turn, as Patroni would have them."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from tests.chaos.standbys import base_backup, configure, follow, standby_of, wait_for
from tests.servers import Postgres, start_postgres

_NAMES = ("north", "east", "west")
_NOWHERE = "host=127.0.0.1 port=1"


class Cluster:
    """Three servers, one of which is the primary."""

    def __init__(self) -> None:
        self.primary = start_postgres()
        self._names = {self.primary.port: _NAMES[0]}
        self.standbys: list[Postgres] = []
        for name in _NAMES[1:]:
            self.standbys.append(standby_of(self.primary, name))
            self._names[self.standbys[-1].port] = name

    @property
    def servers(self) -> list[Postgres]:
        return [self.primary, *self.standbys]

    @property
    def url(self) -> str:
        """The address of whichever is the primary, known by all its servers."""
        hosts = "&".join(f"host=127.0.0.1:{server.port}" for server in self.servers)
        return f"postgresql://postgres@/postgres?{hosts}&target_session_attrs=read-write"

    @property
    def all_urls(self) -> str:
        return ",".join(server.url() for server in self.servers)

    def be_synchronous(self) -> None:
        """Commits wait for any one standby, whoever is the primary."""
        for server in self.servers:
            configure(server, "synchronous_standby_names", f"ANY 1 ({', '.join(_NAMES)})")
        wait_for(self.primary, "SELECT count(*) = 2 FROM pg_stat_replication WHERE sync_state = 'quorum'")

    def cut_off(self) -> None:
        """The standbys receive nothing more of the primary."""
        for standby in self.standbys:
            configure(standby, "primary_conninfo", _NOWHERE)

    def fail_over(self) -> None:
        """The primary dies, and the standby that has received most takes its place."""
        old = self.primary
        old.control("stop", "-m", "immediate", "-w")
        self.primary = max(self.standbys, key=_received)
        self.standbys.remove(self.primary)
        self.primary.control("promote", "-w")
        for standby in self.standbys:
            follow(standby, self.primary, self._names[standby.port])
        self._rejoin(old)

    def _rejoin(self, server: Postgres) -> None:
        """Start a server anew as a copy of the primary."""
        shutil.rmtree(server.folder / "data")
        for _ in range(100):
            # A primary that waits for a standby may not be ready for a copy yet.
            with suppress(subprocess.CalledProcessError):
                base_backup(self.primary, server.folder, self._names[server.port])
                break
            time.sleep(0.2)
        server.control("start", "-w", "-o", server.flags)
        self.standbys.append(server)

    def stop(self) -> None:
        for server in self.servers:
            with suppress(subprocess.CalledProcessError):
                server.stop()


def _received(standby: Postgres) -> int:
    with psycopg.connect(standby.url(), autocommit=True) as connection:
        row = connection.execute("SELECT (pg_last_wal_receive_lsn() - '0/0')::bigint").fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    try:
        yield made
    finally:
        made.stop()

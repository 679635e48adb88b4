"""Where a server is: asked again and again, and what it means where it does not say."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psycopg

from taskapi.engines import direct_connection
from taskapi.overdue import Overdue
from taskapi.replicas import PROBE_SECONDS, Probe
from tests.servers import free_port
from tests.test_serving import wait_until


@contextmanager
def _probing(url: str) -> Iterator[Probe]:
    stop = threading.Event()
    sqlalchemy_url = url.replace("postgresql:", "postgresql+psycopg:", 1)
    probe = Probe(partial(direct_connection, sqlalchemy_url), Overdue(1.0))
    thread = threading.Thread(target=probe.watch, args=(stop,))
    thread.start()
    try:
        yield probe
    finally:
        stop.set()
        thread.join()


def test_a_primary_says_where_it_is_and_its_log_grows(new_database: Callable[[], str]) -> None:
    url = new_database()
    with _probing(url) as probe:
        assert not probe.is_away, "nobody has asked yet"
        wait_until(lambda: probe.position is not None)
        first = probe.position
        assert first is not None
        assert (first.is_standby, first.timeline) == (False, 1)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE grown AS SELECT generate_series(1, 1000)")
        wait_until(lambda: probe.position is not None and probe.position.log > first.log)
        assert not probe.is_away


def test_where_nobody_listens_the_server_is_away() -> None:
    with _probing(f"postgresql://postgres@127.0.0.1:{free_port()}/postgres") as probe:
        wait_until(lambda: probe.is_away)
        assert probe.position is None


def test_a_server_that_may_not_say_where_it_is_is_not_taken_to_be_away(
    new_database: Callable[[], str],
) -> None:
    url = new_database()
    role = f"quiet_{url.rpartition('/')[2]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
        connection.execute("REVOKE EXECUTE ON FUNCTION pg_current_wal_flush_lsn() FROM PUBLIC")
    with _probing(url.replace("postgres@", f"{role}@")) as probe:
        time.sleep(4 * PROBE_SECONDS)
        assert (probe.position, probe.is_away) == (None, False)

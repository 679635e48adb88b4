"""PostgreSQL goes away for a moment under load: reads wait for it, and no write is lost or doubled."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.chaos.load import Load, logged_in
from tests.servers import Postgres, Server, running, start_postgres


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    server = start_postgres()
    yield server
    server.stop()


@pytest.fixture
def server(postgres: Postgres, home: Path) -> Iterator[Server]:
    with running(home, DATABASE_URL=postgres.url(), TASKAPI_LIMITS="off", TASKAPI_CACHE_MB="0") as started:
        yield started


def _restart(postgres: Postgres) -> None:
    postgres.control("restart", "-m", "fast", "-w", "-o", postgres.flags)


def _crash(postgres: Postgres) -> None:
    postgres.control("restart", "-m", "immediate", "-w", "-o", postgres.flags)


def _terminate_all(postgres: Postgres) -> None:
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'taskapi'"
    for _ in range(5):
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute(others)
        time.sleep(0.2)


def _connections(postgres: Postgres) -> int:
    with psycopg.connect(postgres.url()) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'taskapi'"
        ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("happening", [_restart, _crash, _terminate_all])
def test_reads_see_nothing_of_it_and_each_write_is_done_once(
    postgres: Postgres, server: Server, happening: Callable[[Postgres], None]
) -> None:
    with Load(server) as load:
        connections = _connections(postgres)
        happening(postgres)
        took = load.seconds_until_written()
    print(  # noqa: T201 - seen with -s
        f"\n{happening.__name__}: {connections} connections, {load.writes[503]} writes refused,"
        f" 20 made {took:.1f} s after, {load.reads[200]} reads"
    )
    assert set(load.reads) == {200}, load.reads
    assert set(load.writes) <= {201, 503}, load.writes
    assert load.writes[503] <= connections
    found = load.all_titles()
    assert len(found) == len(set(found))
    assert load.titles <= set(found)


def test_who_asks_a_database_that_stays_away_is_refused_at_once_and_livez_is_answered(
    postgres: Postgres, server: Server
) -> None:
    headers = logged_in(server)
    postgres.control("stop", "-m", "immediate", "-w")
    with httpx.Client(base_url=server.url, headers=headers, timeout=20) as client:
        # The first one waits for as long as we are patient.
        first = client.get("/api/v1/tasks")
        assert first.status_code == 503
        assert int(first.headers["Retry-After"]) >= 1
        began = time.monotonic()
        answers = [client.get("/api/v1/tasks").status_code for _ in range(20)]
        assert answers == [503] * 20
        # One that waited would take 5 seconds: these are 20 of them.
        assert time.monotonic() - began < 50
        assert client.get("/livez").status_code == 200
    postgres.control("start", "-w", "-o", postgres.flags)

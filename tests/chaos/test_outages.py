"""PostgreSQL goes away for a moment under load: reads wait for it, and no write is lost or doubled."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import httpx
import psycopg
import pytest

from tests.people import PASSWORD
from tests.servers import Postgres, Server, running, start_postgres

READERS, WRITERS = 6, 2
# Each thread of the server may have a connection that it loses in the middle of a write.
MOST_FAILED_WRITES = 30


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    server = start_postgres()
    yield server
    server.stop()


@pytest.fixture
def server(postgres: Postgres, home: Path) -> Iterator[Server]:
    with running(home, DATABASE_URL=postgres.url(), TASKAPI_LIMITS="off", TASKAPI_CACHE_MB="0") as started:
        yield started


def _logged_in(server: Server) -> dict[str, str]:
    account = {"email": "ann@example.test", "password": PASSWORD}
    with httpx.Client(base_url=f"{server.url}/api/v1") as client:
        assert client.post("/auth/register", json=account).status_code == 202
        token = client.post("/auth/login", json=account).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


class Load:
    """Readers and writers that go on until told to stop, and what they were answered."""

    def __init__(self, server: Server) -> None:
        self.reads: Counter[int] = Counter()
        self.writes: Counter[int] = Counter()
        self.titles: set[str] = set()
        self._base = f"{server.url}/api/v1"
        self._headers = _logged_in(server)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._read) for _ in range(READERS)]
        self._threads += [threading.Thread(target=self._write, args=(one,)) for one in range(WRITERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(1)
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def all_titles(self) -> list[str]:
        with httpx.Client(base_url=self._base, headers=self._headers) as client:
            found: list[str] = []
            cursor = ""
            while True:
                page = client.get(f"/tasks?limit=200{cursor}").json()
                found += [task["title"] for task in page["items"]]
                if page["next_cursor"] is None:
                    return found
                cursor = f"&cursor={page['next_cursor']}"

    def _read(self) -> None:
        with httpx.Client(base_url=self._base, headers=self._headers, timeout=20) as client:
            while not self._stop.is_set():
                self.reads[client.get("/tasks?limit=5").status_code] += 1

    def _write(self, writer: int) -> None:
        number = 0
        with httpx.Client(base_url=self._base, headers=self._headers, timeout=20) as client:
            while not self._stop.is_set():
                title = f"{writer}.{number}"
                key = {"Idempotency-Key": title}
                for _ in range(40):
                    status = client.post("/tasks", json={"title": title}, headers=key).status_code
                    self.writes[status] += 1
                    if status == 201:
                        self.titles.add(title)
                        break
                    time.sleep(0.25)
                number += 1


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


@pytest.mark.parametrize("happening", [_restart, _crash, _terminate_all])
def test_reads_see_nothing_of_it_and_each_write_is_done_once(
    postgres: Postgres, server: Server, happening: Callable[[Postgres], None]
) -> None:
    with Load(server) as load:
        happening(postgres)
    assert set(load.reads) == {200}, load.reads
    assert set(load.writes) <= {201, 503}, load.writes
    assert load.writes[503] <= MOST_FAILED_WRITES
    found = load.all_titles()
    assert len(found) == len(set(found))
    assert load.titles <= set(found)


def test_who_asks_a_database_that_stays_away_is_refused_at_once_and_livez_is_answered(
    postgres: Postgres, server: Server
) -> None:
    headers = _logged_in(server)
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

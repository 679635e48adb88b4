"""What is behind the service freezes or is slow without a word: nobody waits for good, and /livez answers."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from taskapi.admission import Places
from taskapi.errors import Busy
from tests.chaos.load import Load, logged_in
from tests.chaos.roles import as_role, set_up
from tests.servers import Postgres, Server, command, running, start_postgres

MOST_FAILED_WRITES = 30
_CHUNK = 65536


class Freezer:
    """In front of a server: connections that were frozen stay open, and nothing passes; later ones pass."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._passing: set[threading.Event] = set()
        self._open: list[socket.socket] = [self._listening]
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> int:
        """Freeze all connections that there are; how many."""
        frozen = list(self._passing)
        for one in frozen:
            one.clear()
        self._passing.clear()
        return len(frozen)

    def close(self) -> None:
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._behind))
            self._open += [near, far]
            passing = threading.Event()
            passing.set()
            self._passing.add(passing)
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, target, passing), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, passing: threading.Event) -> None:
    try:
        while data := source.recv(_CHUNK):
            passing.wait()
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server with the roles of deploy/postgres: their time-outs end what a frozen connection holds."""
    started = start_postgres()
    set_up(started)
    home = tmp_path_factory.mktemp("owner") / "home"
    done = command("migrate", "--grant", "taskapi", home=home, DATABASE_URL=as_role(started, "taskapi_owner"))
    assert done.returncode == 0, done.stderr
    yield started
    started.stop()


@pytest.fixture
def freezer(postgres: Postgres) -> Iterator[Freezer]:
    made = Freezer(postgres.port)
    yield made
    made.close()


@pytest.fixture
def server(freezer: Freezer, home: Path) -> Iterator[Server]:
    url = f"postgresql://taskapi:service@127.0.0.1:{freezer.port}/taskapi"
    with running(home, DATABASE_URL=url, TASKAPI_LIMITS="off", TASKAPI_CACHE_MB="0") as started:
        yield started


def test_reads_outlive_connections_that_froze_and_each_write_is_done_once(
    freezer: Freezer, server: Server
) -> None:
    with Load(server) as load:
        assert freezer.freeze() > 0
        _wait_until_writing_goes_on(load)
    assert set(load.reads) == {200}, load.reads
    # 409 is said to who comes again while the transaction of the first try is held by a frozen connection.
    assert set(load.writes) <= {201, 409, 503}, load.writes
    assert load.writes[503] <= MOST_FAILED_WRITES
    found = load.all_titles()
    assert len(found) == len(set(found))
    assert load.titles <= set(found)


def _wait_until_writing_goes_on(load: Load) -> None:
    before = load.writes[201]
    for _ in range(300):
        if load.writes[201] > before + 20:
            return
        time.sleep(0.1)
    raise AssertionError("nobody could write any more")


@contextmanager
def _every_task_is_held(postgres: Postgres) -> Iterator[None]:
    """Every statement on tasks waits for a lock, as behind somebody's careless maintenance."""
    with psycopg.connect(postgres.url("taskapi")) as holder:
        holder.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        yield
        holder.rollback()


def test_when_every_statement_hangs_the_rest_are_refused_and_livez_is_answered(
    postgres: Postgres, server: Server
) -> None:
    headers = logged_in(server)
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        assert client.get("/api/v1/tasks").status_code == 200
        with _every_task_is_held(postgres), ThreadPoolExecutor(40) as crowd:
            asked = [crowd.submit(client.get, "/api/v1/tasks") for _ in range(40)]
            time.sleep(0.5)
            assert client.get("/livez").status_code == 200
            answers = [one.result() for one in asked]
        assert {answer.status_code for answer in answers} == {503}
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
        assert client.get("/api/v1/tasks").status_code == 200
    assert _in_use(postgres) == 0


def _in_use(postgres: Postgres) -> int:
    """How many connections of the service are in the middle of something, once it had time to end it."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'taskapi' AND state <> 'idle'"
    found = -1
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        for _ in range(100):
            row = connection.execute(asked).fetchone()
            found = int(row[0]) if row else -1
            if found == 0:
                break
            time.sleep(0.1)
    return found


def _abort(server: Server, token: str, number: int) -> None:
    """Ask for something and hang up at once: before the request is whole, or before the answer is there."""
    body = b'{"title": "Nobody waits for this"}'
    request = (
        f"{'POST' if number % 2 else 'GET'} /api/v1/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body) if number % 2 else 0}\r\n\r\n"
    ).encode() + (body if number % 2 else b"")
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(request[: len(request) - number % 40])
        if number % 3 == 0:
            # Not the polite end of a connection but its reset.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize("requests", [400, pytest.param(10_000, marks=pytest.mark.prove)])
def test_requests_that_were_given_up_keep_no_connection(
    postgres: Postgres, server: Server, requests: int
) -> None:
    headers = logged_in(server)
    with ThreadPoolExecutor(8) as crowd:
        for _ in crowd.map(lambda number: _abort(server, headers["Authorization"], number), range(requests)):
            pass
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        assert client.get("/api/v1/tasks?limit=1").status_code == 200
        with ThreadPoolExecutor(14) as crowd:
            statuses = {
                one.status_code for one in crowd.map(lambda _: client.get("/api/v1/tasks"), range(60))
            }
    assert statuses == {200}
    assert _in_use(postgres) == 0


def test_a_thread_never_waits_for_itself_and_gives_its_place_back() -> None:
    places = Places(1)
    for _ in range(3):
        places.enter()
        places.enter()
        places.leave()
        places.leave()
    places.enter()
    with ThreadPoolExecutor(1) as other:
        with pytest.raises(Busy):
            other.submit(places.enter).result()
        places.leave()
        other.submit(places.enter).result()

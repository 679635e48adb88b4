"""Two replicas behind three instances: what they lack nobody misses, and without the primary they answer."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from taskapi.schema import METADATA
from tests.chaos.histories import History, client_of
from tests.chaos.instances import instances, redis_server
from tests.chaos.load import logged_in
from tests.chaos.standbys import frozen, replay_paused, standby_of, wait_for
from tests.chaos.wire import Wire
from tests.servers import Postgres, Server, start_postgres


@dataclass(frozen=True)
class Replicated:
    primary: Postgres
    replicas: list[Postgres]
    servers: list[Server]
    # Each instance's way to the Redis.
    wires: list[Wire]
    home: Path

    def clients(self, opened: ExitStack, headers: dict[str, str]) -> list[httpx.Client]:
        return [opened.enter_context(client_of(server, headers)) for server in self.servers]

    def read_from(self) -> Counter[str]:
        """How many reads each kind of database answered so far; what came from memory is none."""
        found: Counter[str] = Counter()
        for log in self.home.glob("*/logs/app.log"):
            for line in log.read_text().splitlines():
                source = json.loads(line).get("taskapi.read_from")
                if source is not None:
                    found[source] += 1
        return found

    def wait_until_following(self) -> None:
        for _ in range(300):
            if all(_health(server).get("replicas") == "connected" for server in self.servers):
                return
            time.sleep(0.1)
        raise AssertionError([_health(server) for server in self.servers])


def _health(server: Server) -> dict[str, str]:
    found: dict[str, str] = httpx.get(f"{server.url}/health", timeout=10).json()
    return found


@pytest.fixture(scope="module")
def replicated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicated]:
    home = tmp_path_factory.mktemp("replicated")
    with ExitStack() as opened:
        primary = start_postgres()
        opened.callback(primary.stop)
        replicas = [standby_of(primary, name) for name in ("one", "two")]
        for replica in replicas:
            opened.callback(replica.stop)
        redis = opened.enter_context(redis_server())
        urls = ",".join(replica.url() for replica in replicas)
        settings = {"DATABASE_REPLICA_URLS": urls}
        wires = [opened.enter_context(Wire(redis.port)) for _ in range(3)]
        ways = [wire.url for wire in wires]
        servers = opened.enter_context(instances(home, primary.url(), ways, **settings))
        yield Replicated(primary, replicas, servers, wires, home)


@pytest.fixture
def clients(replicated: Replicated) -> Iterator[list[httpx.Client]]:
    """Somebody's connections to each instance, once all replicas follow."""
    replicated.wait_until_following()
    with ExitStack() as opened:
        yield replicated.clients(opened, logged_in(replicated.servers[0]))


def _write_and_read(clients: list[httpx.Client], pairs: int) -> None:
    """Write on one instance; there, and with its token everywhere, it is seen."""
    for number in range(pairs):
        writer = clients[number % len(clients)]
        title = f"{pairs}.{number}"
        made = writer.post("/tasks", json={"title": title})
        assert made.status_code == 201
        seen = {"Consistency-Token": made.headers["Consistency-Token"]}
        for reader in clients:
            first = reader.get("/tasks?limit=1", headers=seen).json()["items"][0]
            assert first["title"] == title
        again = writer.get(f"/tasks/{made.json()['id']}")
        assert (again.status_code, again.json()["title"]) == (200, title)


def _one_paused(replicated: Replicated) -> None:
    with replay_paused(replicated.replicas[0]):
        time.sleep(2)


def _both_paused(replicated: Replicated) -> None:
    with replay_paused(replicated.replicas[0]), replay_paused(replicated.replicas[1]):
        time.sleep(2)


def _one_frozen(replicated: Replicated) -> None:
    with frozen(replicated.replicas[1]):
        time.sleep(2)


def _one_killed(replicated: Replicated) -> None:
    _restart(replicated.replicas[0])


def _primary_killed(replicated: Replicated) -> None:
    _restart(replicated.primary)


def _restart(server: Postgres) -> None:
    server.control("stop", "-m", "immediate", "-w")
    time.sleep(1)
    server.control("start", "-w", "-o", server.flags)
    time.sleep(1)


_HAPPENINGS = [_one_paused, _both_paused, _one_frozen, _one_killed, _primary_killed]


def _live_through(replicated: Replicated, seed: int) -> Counter[str]:
    """What a history of all happenings was answered, in which nobody may see what is too old."""
    replicated.wait_until_following()
    with History(replicated.servers, scopes=2, seed=seed) as history:
        time.sleep(1)
        for happening in _HAPPENINGS:
            happening(replicated)
    assert history.seen.faults == []
    assert set(history.seen.statuses) <= {"read 200", "read 503", "write 200", "write 503"}
    # Reads may be refused to who has seen what no replica has got, and to nobody else.
    assert history.seen.statuses["read 503"] <= 0.02 * history.seen.statuses["read 200"]
    return history.seen.statuses


def test_nobody_sees_what_is_too_old_whatever_becomes_of_the_servers(replicated: Replicated) -> None:
    _live_through(replicated, seed=1)


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_nobody_sees_what_is_too_old_in_a_hundred_thousand_calls(replicated: Replicated) -> None:
    found: Counter[str] = Counter()
    before = replicated.read_from()
    while found.total() < 100_000:
        found += _live_through(replicated, seed=found.total())
    sources = replicated.read_from() - before
    print(f"\n{dict(found)}; {dict(sources)}")  # noqa: T201 - a proof prints its figures
    assert sources["replica"] >= 0.6 * sources.total()


def test_replicas_answer_what_is_not_in_memory_and_everybody_sees_what_was_written(
    replicated: Replicated, clients: list[httpx.Client]
) -> None:
    before = replicated.read_from()
    _write_and_read(clients, 60)
    found = replicated.read_from() - before
    assert found["replica"] >= 0.6 * found.total()


def test_a_replica_that_shows_nothing_new_is_passed_over(
    replicated: Replicated, clients: list[httpx.Client]
) -> None:
    with replay_paused(replicated.replicas[0]):
        before = replicated.read_from()
        _write_and_read(clients, 60)
        found = replicated.read_from() - before
        # The other one answers.
        assert found["replica"] >= 0.6 * found.total()
        with replay_paused(replicated.replicas[1]):
            _write_and_read(clients, 30)


def test_a_token_is_held_against_replicas_also_where_its_message_is_late(
    replicated: Replicated, clients: list[httpx.Client]
) -> None:
    def write(number: int) -> dict[str, str]:
        made = clients[0].post("/tasks", json={"title": str(number)})
        return {"Consistency-Token": made.headers["Consistency-Token"]}

    replicated.wires[1].delay = 0.4
    try:
        for number in range(1, 9, 2):
            # What both the other instance and the replicas know is told.
            clients[1].get("/tasks", headers=write(number))
            for replica in replicated.replicas:
                wait_for(replica, f"SELECT count(*) > 0 FROM tasks WHERE title = '{number}'")  # noqa: S608 - a number
            with replay_paused(replicated.replicas[0]), replay_paused(replicated.replicas[1]):
                # A list that nobody has asked for, so that nothing in memory tells that it is too old.
                found = clients[1].get(f"/tasks?limit={number}", headers=write(number + 1))
                assert found.json()["items"][0]["title"] == str(number + 1)
    finally:
        replicated.wires[1].delay = 0.0


def test_a_frozen_replica_fails_nobody(replicated: Replicated, clients: list[httpx.Client]) -> None:
    with frozen(replicated.replicas[1]):
        _write_and_read(clients, 60)


def test_replicas_that_are_gone_fail_nobody(replicated: Replicated, clients: list[httpx.Client]) -> None:
    for replica in replicated.replicas:
        replica.control("stop", "-m", "immediate", "-w")
    _write_and_read(clients, 30)
    for replica in replicated.replicas:
        replica.control("start", "-w", "-o", replica.flags)


def test_no_statement_of_a_request_that_may_write_meets_a_replica(
    replicated: Replicated, clients: list[httpx.Client]
) -> None:
    for replica in replicated.replicas:
        with psycopg.connect(replica.url(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET log_statement = 'all'")
            connection.execute("SELECT pg_reload_conf()")
            wait_for(replica, "SELECT current_setting('log_statement') = 'all'")
    logs = [replica.folder / "log" for replica in replicated.replicas]
    time.sleep(0.3)
    begins = [log.stat().st_size for log in logs]
    task = clients[0].post("/tasks", json={"title": "Written"}, headers={"Idempotency-Key": "k"}).json()
    for number, client in enumerate(clients):
        changed = client.patch(
            f"/tasks/{task['id']}", json={"title": str(number)}, headers={"Idempotency-Key": f"k{number}"}
        )
        assert changed.status_code == 200
        made = {"op": "create", "data": {"title": "One of many"}}
        assert client.post("/tasks/bulk", json={"operations": [made]}).status_code == 200
    assert clients[0].delete(f"/tasks/{task['id']}").status_code == 204
    assert clients[0].post("/auth/logout").status_code == 204
    assert _tables_asked(logs, begins) == set()
    # Which the logs would have told.
    again = logged_in(replicated.servers[1])
    for number in range(1, 100):
        url = f"{replicated.servers[0].url}/api/v1/tasks?limit={number}"
        assert httpx.get(url, headers=again).status_code == 200
        if {"epochs", "tasks"} <= _tables_asked(logs, begins):
            return
    raise AssertionError("the logs do not tell what is asked")


def _tables_asked(logs: list[Path], begins: list[int]) -> set[str]:
    """The tables of ours that the statements in these logs name, from these places on."""
    told = "".join(log.read_text()[begin:] for log, begin in zip(logs, begins, strict=True))
    named = set(re.findall(r"(?:FROM|JOIN|INTO|UPDATE) (\w+)", told))
    return named & set(METADATA.tables)


def test_without_the_primary_reads_go_on_and_say_so(
    replicated: Replicated, clients: list[httpx.Client]
) -> None:
    made = clients[0].post("/tasks", json={"title": "The last"})
    seen = {"Consistency-Token": made.headers["Consistency-Token"]}
    for replica in replicated.replicas:
        wait_for(replica, "SELECT count(*) > 0 FROM tasks WHERE title = 'The last'")
    replicated.primary.control("stop", "-m", "immediate", "-w")
    try:
        for path in ("tasks", "tasks?count=true", "stats", "me", "projects", "labels", "auth/sessions"):
            for client in clients:
                answer = client.get(f"/{path}", headers=seen)
                told = (answer.status_code, answer.headers.get("X-Consistency"))
                assert told == (200, "replica"), (path, answer.text)
        assert clients[0].get("/tasks").json()["items"][0]["title"] == "The last"
        health, ready = (httpx.get(f"{replicated.servers[0].url}/{name}") for name in ("health", "readyz"))
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        assert ready.status_code == 200
        refused = clients[0].post("/tasks", json={"title": "Not now"})
        assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    finally:
        replicated.primary.control("start", "-w", "-o", replicated.primary.flags)
    _until_from_the_primary(clients)


def test_a_primary_that_only_lost_its_connections_is_not_stood_in_for(
    replicated: Replicated, clients: list[httpx.Client]
) -> None:
    mine = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'taskapi'"
    with psycopg.connect(replicated.primary.url(), autocommit=True) as connection:
        for number in range(20):
            if number % 5 == 0:
                connection.execute(mine)
            for client in clients:
                answer = client.get(f"/tasks?limit={number + 1}")
                assert (answer.status_code, answer.headers.get("X-Consistency")) == (200, None)
            time.sleep(0.05)


def test_what_no_replica_has_got_is_refused_to_who_has_seen_it_while_the_primary_is_away(
    replicated: Replicated, clients: list[httpx.Client]
) -> None:
    with ExitStack() as during:
        for replica in replicated.replicas:
            during.enter_context(replay_paused(replica))
        # Whoever asks knows the account: it was made before.
        made = clients[0].post("/tasks", json={"title": "Seen by its writer alone"})
        replicated.primary.control("stop", "-m", "immediate", "-w")
        try:
            time.sleep(1)
            older = clients[1].get("/tasks")
            assert (older.status_code, older.headers["X-Consistency"]) == (200, "replica")
            assert older.json()["items"] == []
            refused = clients[1].get(
                "/tasks", headers={"Consistency-Token": made.headers["Consistency-Token"]}
            )
            assert (refused.status_code, refused.json()["code"]) == (503, "replica_behind")
        finally:
            replicated.primary.control("start", "-w", "-o", replicated.primary.flags)
    _until_from_the_primary(clients)


def _until_from_the_primary(clients: list[httpx.Client]) -> None:
    for _ in range(100):
        if all("X-Consistency" not in client.get("/tasks").headers for client in clients):
            return
        time.sleep(0.05)
    raise AssertionError("the primary is back and nobody noticed")

"""SIGKILL under load: what was acknowledged is there afterwards, and nothing is left that holds the lock."""

import os
import random
import select
import signal
import threading
from pathlib import Path

import httpx
import pytest

from tests.chaos.writers import Found, Writer, compared, integrity, prepared
from tests.people import PASSWORD, Person
from tests.servers import Server, free_port, running, start_server

WRITERS = 8


def killed_rounds(home: Path, rounds: int) -> Found:
    """Kill under load and start again, on the same home and port; the sum of all comparisons."""
    (person,) = prepared(home, 1)
    chance = random.Random(rounds)
    port = free_port()
    writers: list[Writer] = []
    unknown = lost = acknowledged = 0
    server = start_server(home, port=port, TASKAPI_LIMITS="off")
    try:
        for _ in range(rounds):
            server.wait_until_ready()
            writers = written_until_killed(server, person, chance)
            server = start_server(home, port=port, TASKAPI_LIMITS="off")
            server.wait_until_ready()
            found = compared(home, writers)
            acknowledged += found.acknowledged
            unknown += found.unknown
            lost += found.lost
            assert integrity(home) == "ok"
            require_served(server, person, writers)
    finally:
        server.kill()
    return Found(acknowledged, unknown, lost)


def written_until_killed(server: Server, person: Person, chance: random.Random) -> list[Writer]:
    """What eight writers had been told when the server was killed, after a random number of their writes."""
    stop = threading.Event()
    token = token_of(server, person)
    writers = [Writer(server.port, token, chance.randrange(1 << 30), stop) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    moment = chance.randrange(5, 120)
    while sum(len(writer.statuses) for writer in writers) < moment:
        assert server.process.poll() is None
        stop.wait(0.001 * chance.random())
    server.kill()
    for writer in writers:
        writer.join()
        assert writer.broken is not None, "the server was killed and still answers"
        assert writer.refusals == []
    return writers


def token_of(server: Server, person: Person) -> str:
    credentials = {"email": person.email, "password": PASSWORD}
    answer = httpx.post(f"{server.url}/api/v1/auth/login", json=credentials)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def require_served(server: Server, person: Person, writers: list[Writer]) -> None:
    """The newest acknowledged task of each writer, as the new process answers it."""
    headers = {"Authorization": f"Bearer {token_of(server, person)}"}
    with httpx.Client(base_url=f"{server.url}/api/v1/tasks/", headers=headers) as client:
        for writer in writers:
            pending = writer.pending[0] if writer.pending else None
            for task_id, known in list(writer.tasks.items())[-1:]:
                if task_id != pending:
                    assert client.get(task_id).status_code == (404 if known.trashed else 200)


def test_no_acknowledged_write_is_lost_when_the_process_is_killed(home: Path) -> None:
    found = killed_rounds(home, 5)
    assert found.lost == 0
    assert found.acknowledged > 50


@pytest.mark.prove
def test_two_hundred_kills_lose_nothing(home: Path) -> None:
    found = killed_rounds(home, 200)
    print(  # noqa: T201 - a proof prints its figures
        f"\n200 kills under {WRITERS} writers: {found.acknowledged} acknowledged,"
        f" {found.unknown} unknown, {found.lost} lost"
    )
    assert found.lost == 0


def worker_of(server: Server) -> int:
    supervisor = server.process.pid
    (worker,) = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return int(worker)


def test_a_killed_supervisor_takes_its_worker_with_it(home: Path) -> None:
    with running(home) as server:
        worker = worker_of(server)
        ended = os.pidfd_open(worker)
        server.kill()
        require_gone(ended)
        os.close(ended)
        again = start_server(home, port=server.port)
        try:
            again.wait_until_ready()
        finally:
            again.kill()


def require_gone(descriptor: int) -> None:
    """A pidfd becomes readable when its process has ended."""
    ready, _, _ = select.select([descriptor], [], [], 10)
    assert ready, "the worker outlived its supervisor"


def test_a_killed_worker_ends_the_service_with_an_error(home: Path) -> None:
    with running(home) as server:
        os.kill(worker_of(server), signal.SIGKILL)
        assert server.process.wait(timeout=30) != 0
        again = start_server(home, port=server.port)
        try:
            again.wait_until_ready()
        finally:
            again.kill()

"""Exports whose maker is killed again and again: one file, whole, of one moment, and little memory."""

import hashlib
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.chaos.mailing_server import CRASH_NEVER
from tests.conftest import ENGINES
from tests.servers import Server, clean_environment, command, free_port

ROOT = Path(__file__).parents[2]
PASSWORD = "try-taskapi-today"


class Mortal:
    """A server that is killed and started again on the same port."""

    def __init__(self, home: Path, **settings: str) -> None:
        self._home, self._settings, self._port = home, settings, free_port()
        self.server = self._started()

    def die(self) -> None:
        self.server.kill()
        self.server = self._started()

    @property
    def kibibytes(self) -> int:
        """What it holds in memory, with its worker process."""
        listed = subprocess.run(
            [
                "ps",
                "-o",
                "rss=",
                "--pid",
                str(self.server.process.pid),
                "--ppid",
                str(self.server.process.pid),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        return sum(map(int, listed.stdout.split()))

    def _started(self) -> Server:
        log = self._home / "server.log"
        with log.open("a") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.mailing_server", "serve", "--port", str(self._port)],
                env=clean_environment(
                    TASKAPI_HOME=str(self._home),
                    TASKAPI_LIMITS="off",
                    LEASE_MILLISECONDS="3000",
                    **CRASH_NEVER,
                    **self._settings,
                ),
                cwd=ROOT,
                stdout=output,
                stderr=output,
                text=True,
            )
        server = Server(process, self._port, log)
        server.wait_until_ready()
        return server


@contextmanager
def _seeded(home: Path, tasks: int, **settings: str) -> Iterator[tuple[Mortal, httpx.Client]]:
    """A server with somebody who has so many tasks, and calls as them."""
    home.mkdir(exist_ok=True)
    if "DATABASE_URL" in settings:
        assert command("migrate", home=home, **settings).returncode == 0
    made = command("seed", "--users", "1", "--tasks", str(tasks), "--yes", home=home, **settings)
    assert made.returncode == 0, made.stderr
    mortal = Mortal(home, **settings)
    try:
        with _as(mortal, _address(home, settings)) as client:
            yield mortal, client
    finally:
        mortal.server.process.send_signal(signal.SIGTERM)
        mortal.server.process.wait(40)


def _address(home: Path, settings: dict[str, str]) -> str:
    users = orjson.loads(command("users", "list", "--json", home=home, **settings).stdout)
    return str(users[0]["email"])


def _as(mortal: Mortal, email: str) -> httpx.Client:
    login = {"email": email, "password": PASSWORD}
    granted = httpx.post(f"{mortal.server.url}/api/v1/auth/login", json=login, timeout=30).json()
    return httpx.Client(
        base_url=mortal.server.url, headers={"Authorization": f"Bearer {granted['access_token']}"}, timeout=60
    )


def _waited(client: httpx.Client, export_id: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    for _ in range(6000):
        found: dict[str, Any] = client.get(f"/api/v1/exports/{export_id}").json()
        if until(found):
            return found
        time.sleep(0.05)
    raise AssertionError(f"it never came so far: {found}")


def _killed_at(client: httpx.Client, mortal: Mortal, kills: int) -> dict[str, Any]:
    """An export whose maker was killed at so many points of it, once it is there."""
    export_id = client.post("/api/v1/exports", json={"format": "json"}).json()["id"]
    for number in range(1, kills + 1):
        share = number / (kills + 1)
        began = client.get(f"/api/v1/exports/{export_id}").json()["progress"]["done"]

        def is_there(now: dict[str, Any], share: float = share, before: int = began) -> bool:
            done, total = now["progress"]["done"], now["progress"]["total"]
            return now["status"] == "done" or bool(total and done != before and done >= total * share)

        _waited(client, export_id, is_there)
        mortal.die()
    return _waited(client, export_id, lambda now: now["status"] == "done")


def _checked(client: httpx.Client, home: Path, made: dict[str, Any], tasks: int) -> None:
    """The file is the one there is, whole, and every task is in it once."""
    digest, size, ids = hashlib.sha256(), 0, Counter[bytes]()
    with client.stream("GET", made["url"], headers={"Authorization": ""}) as answer:
        assert answer.status_code == 200
        line = b""
        for part in answer.iter_bytes():
            digest.update(part)
            size += len(part)
            *lines, line = (line + part).split(b"\n")
            ids.update(one[7:43] for one in lines if one.startswith(b'{"id":"'))
    assert (size, digest.hexdigest()) == (made["size"], made["sha256"])
    assert line == b""
    assert made["progress"] == {"done": tasks, "total": tasks}
    assert (len(ids), set(ids.values())) == (tasks, {1})
    assert [path.name for path in (home / "files" / "exports").iterdir()] == [f"{made['id']}.json"]
    assert list((home / "scratch").iterdir()) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_an_export_whose_maker_is_killed_ends_with_one_file(
    engine: str, new_database: Callable[[], str], tmp_path: Path
) -> None:
    settings = {} if engine == "sqlite" else {"DATABASE_URL": new_database()}
    # Told after each page, so that there are points to be killed at.
    settings["EXPORT_TOLD_SECONDS"] = "0"
    home = tmp_path / "home"
    with _seeded(home, 20_000, **settings) as (mortal, client):
        made = _killed_at(client, mortal, 3)
        _checked(client, home, made, 20_000)


@pytest.mark.prove
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_million_tasks_leave_through_ten_deaths_in_little_memory(
    engine: str, new_database: Callable[[], str], tmp_path: Path
) -> None:
    settings = {} if engine == "sqlite" else {"DATABASE_URL": new_database()}
    home, tasks = tmp_path / "home", 1_000_000
    with _seeded(home, tasks, **settings) as (mortal, client):
        before, began = mortal.kibibytes, time.monotonic()
        peak, over = [before], threading.Event()

        def watch() -> None:
            while not over.wait(0.2):
                peak[0] = max(peak[0], mortal.kibibytes)

        watching = threading.Thread(target=watch)
        watching.start()
        export_id = client.post("/api/v1/exports", json={"format": "json"}).json()["id"]
        first = _waited(client, export_id, lambda now: now["status"] == "done")
        took = time.monotonic() - began
        _checked(client, home, first, tasks)
        over.set()
        watching.join()
        grown = (peak[0] - before) / 1024
        print(f"\n{engine}: {first['size'] >> 20} MiB in {took:.0f} s, memory + {grown:.0f} MiB")  # noqa: T201
        assert grown <= 50
        client.delete(f"/api/v1/exports/{export_id}")
        _waited_for_files(home)
        made = _killed_at(client, mortal, 10)
        _checked(client, home, made, tasks)
        # Nothing was written meanwhile: the same tasks make the same file.
        assert made["sha256"] == first["sha256"]


def _waited_for_files(home: Path) -> None:
    for _ in range(600):
        if not list((home / "files" / "exports").iterdir()):
            return
        time.sleep(0.1)
    raise AssertionError("the file of an export that was deleted is still there")

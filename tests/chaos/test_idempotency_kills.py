"""SIGKILL at each point of a request under an Idempotency-Key: one effect per key, and one answer."""

import http.client
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import orjson
import pytest

from taskapi import create_app, schema
from taskapi.parts import Parts
from taskapi.settings import load_settings
from tests.chaos.crashing_server import POINTS
from tests.conftest import ENGINES
from tests.people import Person, make_person
from tests.servers import Server, clean_environment, free_port

# A key that has no answer after this long is stuck.
STUCK_SECONDS = 30


@dataclass
class Crowd:
    """Threads that all send the same request under the same key, again and again until each has an answer."""

    port: int
    person: Person
    threads: int
    token: str = ""
    token_until: float = 0.0
    answers: dict[str, set[tuple[int, bytes, str | None]]] = field(default_factory=dict)
    stuck: list[str] = field(default_factory=list)

    def carry_out(self, key: str) -> None:
        self.answers[key] = set()
        if time.monotonic() > self.token_until:
            # Renewed in time: a token lives ten minutes, and a thousand keys take longer.
            self.token = self.person.another_session().grant.access_token
            self.token_until = time.monotonic() + 240
        crowd = [threading.Thread(target=self._until_answered, args=(key,)) for _ in range(self.threads)]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()

    def _until_answered(self, key: str) -> None:
        began = time.monotonic()
        while time.monotonic() - began < STUCK_SECONDS:
            try:
                status, body, etag = self._send(key)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
                continue
            if status == 409:
                time.sleep(0.01)
                continue
            self.answers[key].add((status, body, etag))
            return
        self.stuck.append(key)

    def _send(self, key: str) -> tuple[int, bytes, str | None]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=STUCK_SECONDS)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            body = orjson.dumps({"title": key})
            connection.request("POST", "/api/v1/tasks", body, headers | {"Idempotency-Key": key})
            answer = connection.getresponse()
            # Raises IncompleteRead where the body was cut off.
            return answer.status, answer.read(), answer.headers["ETag"]
        finally:
            connection.close()


class Revived:
    """A server with a death planted, started again each time it has died, until told to stop."""

    def __init__(
        self, home: Path, environment: dict[str, str], chance: random.Random, keys_a_life: int
    ) -> None:
        self.port = free_port()
        self.deaths: list[str] = []
        self._home, self._environment, self._chance = home, environment, chance
        self._keys_a_life = keys_a_life
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        points = iter(POINTS * 1000)
        while not self._stop.is_set():
            point = next(points)
            server = self._start(point)
            while server.process.poll() is None and not self._stop.wait(0.01):
                pass
            if server.process.poll() is None:
                server.stop()
            else:
                self.deaths.append(point)

    def _start(self, point: str) -> Server:
        # Each key passes these three points once, and the others as often as it is sent.
        is_once = point in {"after claim", "before commit", "after commit"}
        most = self._keys_a_life if is_once else 4 * self._keys_a_life
        planted = {"CRASH_POINT": point, "CRASH_AFTER": str(self._chance.randrange(most))}
        log = self._home.parent / f"{self._home.name}.{self.port}.log"
        command = [sys.executable, "-m", "tests.chaos.crashing_server", "serve", "--port", str(self.port)]
        settings = {"TASKAPI_HOME": str(self._home), "TASKAPI_LIMITS": "off", **self._environment}
        with log.open("a") as output:
            process = subprocess.Popen(
                command,
                env=clean_environment(**settings, **planted),
                cwd=Path(__file__).parent.parent.parent,
                stdout=output,
                stderr=output,
                text=True,
            )
        return Server(process, self.port, log)


def prepared(home: Path, environment: dict[str, str]) -> tuple[Person, Parts]:
    app = create_app(load_settings(TASKAPI_HOME=home, **environment))
    parts: Parts = app.extensions["taskapi"]
    schema.migrate(parts.database)
    return make_person(app), parts


def carried_out(
    home: Path, environment: dict[str, str], keys: int, threads: int, keys_a_life: int = 3
) -> str:
    """Keys carried out by a crowd on a server that keeps dying; what was found, after all was checked."""
    home.mkdir()
    person, parts = prepared(home, environment)
    names: list[str] = []
    with Revived(home, environment, random.Random(keys), keys_a_life) as revived:
        crowd = Crowd(revived.port, person, threads)
        while len(names) < keys or (set(revived.deaths) < set(POINTS) and len(names) < 10 * keys):
            names.append(f"key {len(names)}")
            crowd.carry_out(names[-1])
    assert crowd.stuck == []
    for key, answers in crowd.answers.items():
        assert len(answers) == 1, f"{key} was answered in {len(answers)} ways"
        assert {status for status, _, _ in answers} == {201}
    rows = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
        page = person.api.get("/tasks", query_string=query).json
        rows += [task["title"] for task in page["items"]]
        cursor = page["next_cursor"]
    parts.database.close()
    assert sorted(rows) == sorted(names), "one row for each key, and no other"
    assert set(revived.deaths) == set(POINTS), "every point was died at"
    return f"{len(names)} keys, {threads} threads each, {len(revived.deaths)} deaths: {len(rows)} rows"


@pytest.fixture(params=ENGINES)
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "sqlite":
        return {}
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return {"DATABASE_URL": new_database()}


def test_a_key_has_one_effect_whenever_the_server_dies(home: Path, environment: dict[str, str]) -> None:
    carried_out(home, environment, keys=12, threads=6)


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_a_thousand_keys_have_one_effect_each(home: Path, environment: dict[str, str]) -> None:
    found = carried_out(home, environment, keys=1000, threads=50, keys_a_life=40)
    engine = "PostgreSQL" if environment else "SQLite"
    print(f"\n{engine}: {found}")  # noqa: T201 - a proof prints its figures

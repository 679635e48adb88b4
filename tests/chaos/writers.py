"""Writers that remember what they were told is done, and the comparison of that with the database."""

import http.client
import random
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from taskapi import create_app, schema
from taskapi.settings import load_settings
from tests.people import Person, make_person


@dataclass(frozen=True)
class Known:
    """A task as an answer described it."""

    title: str
    version: int
    trashed: bool


@dataclass(frozen=True)
class Found:
    """What a comparison came to; an `unknown` write was sent and never answered."""

    acknowledged: int
    unknown: int
    lost: int


def prepared(home: Path, count: int) -> list[Person]:
    """A migrated home with some people in it, before anything serves from it."""
    app = create_app(load_settings(TASKAPI_HOME=home))
    database = app.extensions["taskapi"].database
    home.mkdir(parents=True, exist_ok=True)
    schema.migrate(database)
    people = [make_person(app) for _ in range(count)]
    database.close()
    return people


@dataclass(eq=False)
class Writer:
    """Creates, changes and trashes tasks on one kept connection until told to stop or until `most` writes."""

    port: int
    token: str
    seed: int
    stop: threading.Event
    most: int | None = None
    tasks: dict[str, Known] = field(default_factory=dict)
    # The change that was sent last, until it is answered.
    pending: tuple[str, Known] | None = None
    unanswered_create: bool = False
    statuses: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    broken: Exception | None = None

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), "a writer hangs"

    @property
    def refusals(self) -> list[int]:
        return [status for status in self.statuses if status >= 300]

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            while not self.stop.is_set() and (self.most is None or len(self.statuses) < self.most):
                self._write(connection)
        except (OSError, http.client.HTTPException) as error:
            self.broken = error
        finally:
            connection.close()

    def _write(self, connection: http.client.HTTPConnection) -> None:
        live = [task_id for task_id, known in self.tasks.items() if not known.trashed]
        title = f"Title {self._random.random()}"
        if not live or self._random.random() < 0.5:
            self.unanswered_create = True
            status, made = self._call(connection, "POST", "/tasks", {"title": title})
            self.unanswered_create = False
            if status == 201:
                self.tasks[made["id"]] = Known(title, 1, trashed=False)
            return
        task_id = self._random.choice(live)
        before = self.tasks[task_id]
        trashed = self._random.random() < 0.3
        after = Known(before.title if trashed else title, before.version + 1, trashed)
        self.pending = (task_id, after)
        if trashed:
            status, _ = self._call(connection, "DELETE", f"/tasks/{task_id}")
        else:
            status, _ = self._call(connection, "PATCH", f"/tasks/{task_id}", {"title": title})
        self.pending = None
        if status < 300:
            self.tasks[task_id] = after

    def _call(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Any = None
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        sent = None if body is None else orjson.dumps(body)
        began = time.perf_counter()
        connection.request(method, f"/api/v1{path}", sent, headers)
        answer = connection.getresponse()
        data = answer.read()
        self.seconds.append(time.perf_counter() - began)
        self.statuses.append(answer.status)
        return answer.status, orjson.loads(data) if data else None


def compared(home: Path, writers: list[Writer]) -> Found:
    """Each acknowledged write as the database has it; one that was never answered may be there or not."""
    with sqlite3.connect(home / "taskapi.db") as connection:
        rows = connection.execute("SELECT id, title, version, trashed_at IS NOT NULL FROM tasks").fetchall()
    connection.close()
    stored = {row[0]: Known(row[1], row[2], bool(row[3])) for row in rows}
    acknowledged = unknown = lost = 0
    for writer in writers:
        unknown += writer.unanswered_create + (writer.pending is not None)
        for task_id, known in writer.tasks.items():
            acknowledged += known.version
            allowed = {known}
            if writer.pending is not None and writer.pending[0] == task_id:
                allowed.add(writer.pending[1])
            lost += stored.get(task_id) not in allowed
    return Found(acknowledged, unknown, lost)


def integrity(home: Path) -> str:
    with sqlite3.connect(home / "taskapi.db") as connection:
        (found,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return str(found)

"""Moving to PostgreSQL: every row as it was, however often it was interrupted."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import orjson
import psycopg
import pytest
from sqlalchemy import text

from taskapi import schema
from taskapi.db import Database
from taskapi.errors import BadStart
from taskapi.moving import copying
from taskapi.settings import load_settings
from tests.people import PASSWORD
from tests.servers import clean_environment, command, running


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    return new_database()


def _seeded(home: Path, tasks: int) -> str:
    made = command(
        "seed", "--users", "4", "--tasks", str(tasks), "--password", PASSWORD, "--quiet", home=home
    )
    assert made.returncode == 0, made.stderr
    return f"sqlite:///{home / 'taskapi.db'}"


def _killed_while_moving(source: str, url: str, home: Path, after: float) -> None:
    moving = subprocess.Popen(
        [sys.executable, "-m", "taskapi", "move", source, url, "--quiet"],
        env=clean_environment(TASKAPI_HOME=str(home)),
    )
    time.sleep(after)
    moving.send_signal(signal.SIGKILL)
    moving.wait()


def test_tokens_etags_cursors_and_keys_stay_good_after_a_move(url: str, home: Path) -> None:
    with (
        running(home, TASKAPI_LIMITS="off") as server,
        httpx.Client(base_url=f"{server.url}/api/v1") as client,
    ):
        account = {"email": "ann@example.test", "password": PASSWORD}
        client.post("/auth/register", json=account)
        token = client.post("/auth/login", json=account).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        for number in range(5):
            key = {"Idempotency-Key": str(number)}
            made = client.post("/tasks", json={"title": f"Task {number}"}, headers=headers | key)
        page = client.get("/tasks?limit=2", headers=headers)
        rest = client.get(f"/tasks?limit=200&cursor={page.json()['next_cursor']}", headers=headers).json()
    moved = command("move", f"sqlite:///{home / 'taskapi.db'}", url, home=home)
    assert moved.returncode == 0, moved.stderr
    assert "equal checksums" in moved.stdout
    with (
        running(home, TASKAPI_LIMITS="off", DATABASE_URL=url) as server,
        httpx.Client(base_url=f"{server.url}/api/v1", headers=headers) as client,
    ):
        unchanged = {"If-None-Match": page.headers["ETag"]}
        assert client.get("/tasks?limit=2", headers=unchanged).status_code == 304
        assert client.get(f"/tasks?limit=200&cursor={page.json()['next_cursor']}").json() == rest
        again = client.post("/tasks", json={"title": "Task 4"}, headers={"Idempotency-Key": "4"})
        assert (again.headers["Idempotency-Replayed"], again.content) == ("true", made.content)
        assert client.patch(f"/tasks/{made.json()['id']}", json={"title": "Moved"}).status_code == 200


def test_a_move_that_is_killed_goes_on_and_ends_with_every_row_once(url: str, home: Path) -> None:
    source = _seeded(home, 3_000)
    chance = random.Random(4)
    for _ in range(2):
        _killed_while_moving(source, url, home, chance.uniform(0.7, 1.6))
    refused = command("users", "list", home=home, DATABASE_URL=url)
    ended = command("move", source, url, "--json", home=home)
    assert ended.returncode == 0, ended.stderr
    rows = orjson.loads(ended.stdout)["tables"]
    assert rows["tasks"] == 3_000
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM tasks").fetchone() == (3_000,)
    assert refused.returncode == 2
    again = command("move", source, url, home=home)
    assert (again.returncode, "never overwritten" in again.stderr) == (2, True)


@pytest.mark.parametrize("killed_after", ["the mark", "the first migration", "all migrations"])
def test_a_move_that_was_killed_while_it_made_the_tables_goes_on(
    url: str, home: Path, killed_after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _seeded(home, 20)
    source = Database(load_settings(TASKAPI_HOME=home))
    target = Database(load_settings(TASKAPI_HOME=home, DATABASE_URL=url))
    migrate = schema.migrate

    def killed(database: Database, revision: str = "head") -> str:
        if killed_after != "the mark":
            migrate(database, "0001" if killed_after == "the first migration" else revision)
        raise KeyboardInterrupt

    with source.writer() as session:
        session.begin()
        with monkeypatch.context() as killing:
            killing.setattr(schema, "migrate", killed)
            with pytest.raises(KeyboardInterrupt):
                copying.move(session, target, "here", lambda _done, _total: None)
        assert copying.move(session, target, "here", lambda _done, _total: None)["tasks"].rows == 20
    schema.require_served(target)
    source.close()
    target.close()


def test_a_dry_run_changes_nothing(url: str, home: Path) -> None:
    source = _seeded(home, 20)
    told = command("move", source, url, "--dry-run", home=home)
    assert (told.returncode, "nothing was changed" in told.stdout) == (0, True)
    with psycopg.connect(url) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)


def test_a_served_database_is_not_moved(url: str, home: Path) -> None:
    with running(home):
        refused = command("move", f"sqlite:///{home / 'taskapi.db'}", url, home=home)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "another process" in refused.stderr


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("sqlite:////nowhere/taskapi.db", "postgresql://nobody@127.0.0.1:9/no", "FROM: "),
        ("postgresql://nobody@127.0.0.1:9/no", "postgresql://nobody@127.0.0.1:9/no", "FROM: "),
    ],
)
def test_what_cannot_be_moved_is_one_line(source: str, target: str, said: str, home: Path) -> None:
    refused = command("move", source, target, home=home)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert said in refused.stderr


def test_a_row_that_somebody_changed_there_is_found(
    url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _seeded(home, 20)
    source = Database(load_settings(TASKAPI_HOME=home))
    target = Database(load_settings(TASKAPI_HOME=home, DATABASE_URL=url))

    def change(done: int, total: int) -> None:
        if done == total:
            with target.writer() as session:
                session.run(
                    text("UPDATE tasks SET title = 'Another' WHERE title = (SELECT min(title) FROM tasks)")
                )

    with source.writer() as session:
        session.begin()
        with pytest.raises(BadStart, match="tasks is not the same"):
            copying.move(session, target, "here", change)
    with pytest.raises(BadStart, match="older"):
        schema.require_served(target)
    source.close()
    target.close()


@pytest.mark.prove
def test_200_000_tasks_are_moved_though_killed_twice(url: str, home: Path) -> None:
    for tasks in range(50_000, 200_001, 50_000):
        source = _seeded(home, tasks)
    _killed_while_moving(source, url, home, 6)
    _killed_while_moving(source, url, home, 6)
    ended = command("move", source, url, "--json", home=home)
    assert ended.returncode == 0, ended.stderr
    told = orjson.loads(ended.stdout)
    print(f"\nmove of {told['rows']} rows, killed twice: the last run took {told['seconds']} s")  # noqa: T201
    assert told["tables"]["tasks"] == 200_000

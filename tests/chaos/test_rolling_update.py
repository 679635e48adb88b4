"""A new release is rolled out beside the old one: its migration fails nobody, and both work on its schema."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

import taskapi
from taskapi import schema
from tests.chaos.paced import PacedLoad
from tests.servers import Server, clean_environment, command, running, start_server

RATE = 50
SETTINGS = {"TASKAPI_LIMITS": "off", "TASKAPI_CACHE_MB": "0"}

_MIGRATION = '''"""{title}"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None
serves_code_from = "{since}"


def upgrade() -> None:
{steps}
'''
_EXPAND = """\
    column = sa.Column("energy", sa.SmallInteger(), nullable=False, server_default="0")
    op.add_column("tasks", column, if_not_exists=True)
    with op.get_context().autocommit_block():
        op.drop_index("ix_tasks_energy", table_name="tasks", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_tasks_energy", "tasks", ["scope_id", "energy"], postgresql_concurrently=True)
"""
_CONTRACT = """\
    op.drop_column("tasks", "energy", if_exists=True)
"""


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture(scope="module")
def next_release(tmp_path_factory: pytest.TempPathFactory) -> str:
    """This release with one more migration, as its folder; the old one's code works on its schema."""
    return _release(tmp_path_factory.mktemp("next"), (_following(1), schema.head(), _EXPAND))


@pytest.fixture(scope="module")
def release_after(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The one after that: its schema takes away what only the next one can do without."""
    expand = (_following(1), schema.head(), _EXPAND)
    return _release(tmp_path_factory.mktemp("after"), expand, (_following(2), _following(1), _CONTRACT))


def _release(folder: Path, *migrations: tuple[str, str, str]) -> str:
    package = Path(taskapi.__file__).parent
    shutil.copytree(package, folder / "taskapi", ignore=shutil.ignore_patterns("__pycache__"))
    before = schema.head()
    for revision, since, steps in migrations:
        file = folder / "taskapi" / "migrations" / "versions" / f"{revision}_later.py"
        file.write_text(
            _MIGRATION.format(title="Later", revision=revision, before=before, since=since, steps=steps)
        )
        before = revision
    return str(folder)


def _following(steps: int) -> str:
    return f"{int(schema.head()) + steps:04}"


@contextmanager
def _holding(url: str, statement: str) -> Iterator[None]:
    """Somebody has a table in a transaction that goes on."""
    with psycopg.connect(url) as connection:
        connection.execute(statement)
        yield
        connection.rollback()


def _migrating(release: str, url: str, home: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "taskapi", "migrate"],
        env=clean_environment(TASKAPI_HOME=str(home), DATABASE_URL=url, PYTHONPATH=release),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _is_ready(server: Server) -> tuple[int, str]:
    answer = httpx.get(f"{server.url}/readyz")
    return answer.status_code, answer.json()["db"]


def _rolled_out(release: str, url: str, home: Path) -> PacedLoad:
    """Migrated while the old release serves, killed half-way and run again; then both serve."""
    with running(home / "old", DATABASE_URL=url, **SETTINGS) as old, PacedLoad([old], RATE) as load:
        with _holding(url, "INSERT INTO epochs VALUES ('held', 1)"):
            # It gets as far as its index, which cannot be finished while an older transaction goes on.
            killed = _migrating(release, url, home / "killed")
            _wait_for(url, "SELECT 1 FROM pg_class WHERE relname = 'ix_tasks_energy'")
            killed.kill()
            killed.communicate()
        with _holding(url, "SELECT 1 FROM tasks LIMIT 1"):
            again = _migrating(release, url, home / "again")
            time.sleep(1.5)
        said, _ = again.communicate(timeout=60)
        assert (again.returncode, said) == (0, f"The schema is at {_following(1)}.\n")
        assert _is_ready(old) == (200, "connected")
        with running(home / "new", DATABASE_URL=url, PYTHONPATH=release, **SETTINGS) as new:
            assert _is_ready(new) == (200, "connected")
            with PacedLoad([old, new], RATE) as both:
                time.sleep(2)
    load.statuses += both.statuses
    load.waits += both.waits
    return load


def _wait_for(url: str, question: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(600):
            if connection.execute(question).fetchone():
                return
            time.sleep(0.05)
    raise AssertionError(question)


def test_a_release_is_rolled_out_under_load_and_the_old_one_goes_on(
    next_release: str, database_url: str, home: Path
) -> None:
    load = _rolled_out(next_release, database_url, home)
    assert load.statuses.keys() == {200, 201}, load.statuses
    # The old one can be started again, as where the new one is rolled back, and has nothing to migrate.
    ended = command("migrate", home=home / "old", DATABASE_URL=database_url)
    assert (ended.returncode, ended.stdout) == (0, f"The schema is at {_following(1)}.\n")
    with running(home / "old", DATABASE_URL=database_url) as old:
        assert _is_ready(old) == (200, "connected")
    down = command("migrate", "--to", "0001", "--yes", home=home / "old", DATABASE_URL=database_url)
    assert (down.returncode, "newer than this release" in down.stderr) == (2, True)


def test_a_schema_that_no_longer_serves_the_old_release_is_told_by_its_readiness_and_refused_at_its_start(
    release_after: str, database_url: str, home: Path
) -> None:
    with running(home, DATABASE_URL=database_url) as old:
        migrating = _migrating(release_after, database_url, home / "after")
        migrating.communicate(timeout=60)
        assert _is_ready(old) == (503, "another schema than this release's")
    refused = start_server(home, DATABASE_URL=database_url)
    assert refused.process.wait(timeout=60) == 2
    assert f"({_following(2)}) is newer than this release knows" in refused.log.read_text()


@pytest.mark.prove
def test_nobody_waits_for_a_second_while_a_release_is_rolled_out(
    next_release: str, database_url: str, home: Path
) -> None:
    load = _rolled_out(next_release, database_url, home)
    print(  # noqa: T201 - a proof prints its figures
        f"\nrolled out at {RATE} requests a second, killed half-way: {dict(load.statuses)},"
        f" the slowest after {load.slowest * 1000:.0f} ms"
    )
    assert load.statuses.keys() == {200, 201}
    assert load.slowest < 1

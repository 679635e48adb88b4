"""The SQL of migrations as squawk reads it, which knows what keeps others waiting on PostgreSQL."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event

from taskapi import schema
from taskapi.db import Database
from taskapi.settings import load_settings

LEFT_ALONE = {
    "prefer-robust-stmts": "an index that a killed migration left is dropped in the statement before",
    "require-statement-timeout": "an index made beside others may take long; a lock_timeout is always set",
}


def _changes(database: Database, revision: str) -> list[str]:
    """The statements that bring a database to a revision, in their order."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement.strip())

    event.listen(database._writing, "before_cursor_execute", note)
    schema.migrate(database, revision)
    event.remove(database._writing, "before_cursor_execute", note)
    return [one for one in sent if one.startswith(("ALTER", "CREATE", "DROP", "LOCK", "SET", "UPDATE"))]


def _squawked(statements: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    file = folder / "migrations.sql"
    file.write_text(";\n\n".join(statements) + ";\n")
    program = shutil.which("squawk", path=str(Path(sys.executable).parent))
    assert program is not None, "squawk-cli is not installed"
    return subprocess.run(
        [program, f"--exclude={','.join(LEFT_ALONE)}", str(file)], capture_output=True, text=True, check=False
    )


def test_no_migration_keeps_others_waiting(new_database: Callable[[], str], tmp_path: Path) -> None:
    database = Database(load_settings(DATABASE_URL=new_database(), TASKAPI_HOME=str(tmp_path)))
    # Of the first nobody is in the way: there is nothing before it.
    schema.migrate(database, "0001")
    statements = _changes(database, "head")
    database.close()
    assert any("CREATE INDEX CONCURRENTLY" in one for one in statements)
    found = _squawked(statements, tmp_path)
    assert found.returncode == 0, found.stdout
    planted = [one.replace("CREATE INDEX CONCURRENTLY", "CREATE INDEX") for one in statements]
    found = _squawked(planted, tmp_path)
    assert found.returncode == 1
    assert "require-concurrent-index-creation" in found.stdout

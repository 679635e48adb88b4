"""Backing up PostgreSQL by its own programs, and bringing a backup back."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Connection, text

from taskapi.errors import BadStart

FILE = "taskapi.dump"
# The table whose row says that a database can be used; it is written last.
VERSION_TABLE = "alembic_version"


def dump(url: str, connection: Connection, target: Path, programs: Path | None) -> None:
    """Write what the connection's transaction sees. Raises BadStart.

    The transaction has to be REPEATABLE READ: pg_dump reads the same snapshot, so that checksums made in it
    are those of the dump.
    """
    program = found("pg_dump", programs)
    _require_new_enough(program, connection)
    snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
    with _address(url) as address:
        _run(
            program,
            "--format=custom",
            "--no-owner",
            f"--snapshot={snapshot}",
            f"--file={target}",
            f"--dbname={address}",
        )
    target.chmod(0o600)


def load(url: str, source: Path, programs: Path | None) -> None:
    """Write everything of a dump but the schema's version, in one transaction. Raises BadStart.

    Without a version no release starts on the database: it is not to be used before it was made safe.
    """
    program = found("pg_restore", programs)
    listed = _run(program, "--list", str(source)).splitlines()
    chosen = [line for line in listed if not re.search(rf" TABLE DATA \S+ {VERSION_TABLE} ", line)]
    with _address(url) as address, tempfile.NamedTemporaryFile("w", suffix=".list") as order:
        order.write("\n".join(chosen))
        order.flush()
        _run(
            program,
            "--single-transaction",
            "--no-owner",
            "--no-privileges",
            f"--use-list={order.name}",
            f"--dbname={address}",
            str(source),
        )


def found(name: str, programs: Path | None) -> Path:
    """One of PostgreSQL's programs. Raises BadStart where it is missing."""
    path = shutil.which(name, path=None if programs is None else str(programs))
    if path is None:
        where = f"in {programs}" if programs else "on PATH"
        raise BadStart(
            f"{name} is not {where}; install PostgreSQL's client programs (Debian: postgresql-client), "
            "or name their folder by --programs"
        )
    return Path(path)


def _require_new_enough(program: Path, connection: Connection) -> None:
    said = _run(program, "--version")
    (number,) = re.findall(r"\) (\d+)", said)[:1] or ["0"]
    server = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    if int(number) < server:
        raise BadStart(
            f"{program} is of PostgreSQL {number} and the server of {server}; "
            f"install the programs of {server} or newer, or name their folder by --programs"
        )


@contextmanager
def _address(url: str) -> Iterator[str]:
    """The database's address for libpq, its password in a file: arguments are for everybody to see."""
    given = conninfo_to_dict(url.replace("postgresql+psycopg:", "postgresql:", 1))
    parts = {name: str(value) for name, value in given.items() if value is not None}
    password = parts.pop("password", None)
    if password is None:
        yield make_conninfo(**parts)
        return
    with tempfile.NamedTemporaryFile("w") as file:  # Made with rights 0600.
        escaped = re.sub(r"([\\:])", r"\\\1", password)
        file.write(f"*:*:*:*:{escaped}\n")
        file.flush()
        yield make_conninfo(**parts, passfile=file.name)


def _run(program: Path, *arguments: str) -> str:
    command: Sequence[str] = [str(program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[0]
        raise BadStart(f"{program.name} failed: {said}")
    return done.stdout

"""The limit of what a list can be: its own statement by pgbench, which does nothing with the rows."""

import re
import shutil
import subprocess
from pathlib import Path

import psycopg
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from bench.load import CONNECTIONS, Figures
from taskapi.lists.queries import Shape, page

_PROGRAMS = ("pgbench", "/usr/lib/postgresql/15/bin/pgbench")
_PEOPLE = """
CREATE TABLE IF NOT EXISTS peers.numbered AS SELECT row_number() OVER ()::int AS number, id FROM users;
CREATE UNIQUE INDEX IF NOT EXISTS numbered_number ON peers.numbered (number);
"""
_SCOPE = "(SELECT id FROM peers.numbered WHERE number = :person)"
_LIMIT = 28


def by_pgbench(database: str, folder: Path, seconds: int) -> Figures | None:
    """Lists of 27 of people drawn at random, by as many clients as other loads have; None without pgbench."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        return None
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_PEOPLE.encode())
        people = connection.execute(b"SELECT count(*) FROM peers.numbered").fetchone()
    script = folder / "list.sql"
    script.write_text(f"\\set person random(1, {people[0] if people else 1})\n{_statement()};\n")
    command = [program, "-n", "-M", "prepared", f"-c{CONNECTIONS}", "-j1", f"-T{seconds}", "-f", str(script)]
    told = subprocess.run(
        [*command, database], capture_output=True, text=True, check=True, timeout=seconds + 60
    )
    return _figures(told.stdout, seconds)


def _statement() -> str:
    """The first page, as SQLAlchemy writes it for psycopg, with its parameters in place."""
    dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # as it ships
    compiled = page(Shape("-created_at", (), trashed=False, counted=False, after="beginning"))
    words = compiled.compile(dialect=dialect)
    given = {"epoch_key": f"('s:' || {_SCOPE})", "scope": _SCOPE, "most": str(_LIMIT)}
    text = words.string
    for number, name in reversed(list(enumerate(words.positiontup or (), 1))):
        text = text.replace(f"${number}", given.get(name, str(words.params[name])))
    return " ".join(text.split())


def _figures(told: str, seconds: int) -> Figures:
    requests = int(_number(r"number of transactions actually processed: (\d+)", told))
    average = _number(r"latency average = ([\d.]+) ms", told)
    return Figures(requests=requests, seconds=seconds, p50=average, p99=average, failed=0)


def _number(pattern: str, told: str) -> float:
    found = re.search(pattern, told)
    if found is None:
        raise RuntimeError(f"pgbench says something else: {told}")
    return float(found[1])

"""Moving from SQLite to PostgreSQL."""

from pathlib import Path
from time import monotonic

import click
import orjson
from sqlalchemy.exc import SQLAlchemyError

from taskapi import schema, server
from taskapi.commands.database import command_settings, unusable
from taskapi.commands.progress import Steps
from taskapi.db import Database
from taskapi.errors import BadStart
from taskapi.moving import copying
from taskapi.settings import Settings, load_settings


@click.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--dry-run", is_flag=True, help="Look at both sides and say what would be moved.")
@click.option("--quiet", is_flag=True, help="Show no progress and no summary.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as one JSON object.")
def move(source: str, target: str, dry_run: bool, quiet: bool, as_json: bool) -> None:
    """Move everything from SQLite to an empty PostgreSQL.

    Stop the service first. FROM stays as it is; in TO every row is the same, which checksums show at the end:
    ids, ETags, cursors and tokens stay good where the keys under TASKAPI_HOME do. Interrupted, the same
    command goes on where it was; until it has ended no service starts on TO.

    \b
    Examples:
      taskapi move sqlite:///var/taskapi.db postgresql://taskapi:…@db.example/taskapi --dry-run
      taskapi move sqlite:///var/taskapi.db postgresql://taskapi:…@db.example/taskapi
    """
    began = monotonic()
    here, there = _settings_of(source, target)
    with server.lock_home(here):
        try:
            moved = _moved(here, there, dry_run, quiet or as_json)
        except SQLAlchemyError as error:
            raise unusable(error) from None
    seconds = monotonic() - began
    if as_json:
        about = {"dry_run": dry_run, "seconds": round(seconds, 3), "rows": sum(moved.values())}
        click.echo(orjson.dumps({**about, "tables": moved}))
    elif not quiet:
        _tell(moved, dry_run, seconds)


def _settings_of(source: str, target: str) -> tuple[Settings, Settings]:
    given = command_settings()
    here = load_settings(DATABASE_URL=source, TASKAPI_HOME=given.home)
    file = here.sqlite_file
    if file is None or not file.exists():
        raise BadStart("FROM: name a SQLite database that is there, as sqlite:///PATH")
    if file.absolute() != given.home / "taskapi.db":
        # The lock that its service would hold is beside it.
        here = here.model_copy(update={"home": file.absolute().parent})
    there = load_settings(DATABASE_URL=target, TASKAPI_HOME=given.home)
    if there.is_sqlite:
        raise BadStart("TO: name an empty PostgreSQL database, as postgresql://USER:PASSWORD@HOST:PORT/NAME")
    return here, there


def _moved(here: Settings, there: Settings, dry_run: bool, quiet: bool) -> dict[str, int]:
    """How many rows of each table were moved, or would be."""
    source, target = Database(here), Database(there)
    named = str(Path(here.sqlite_file or "").absolute())
    try:
        schema.require_own(source)
        session = source.new_writer()
        session.begin()
        try:
            if dry_run:
                copying.require_empty_or_begun(target, named)
                return copying.count_rows(session)
            with Steps("rows", 0, quiet=quiet) as steps:
                moved = copying.move(session, target, named, steps.reach)
            return {name: table.rows for name, table in moved.items()}
        finally:
            session.close()
    finally:
        source.close()
        target.close()


def _tell(moved: dict[str, int], dry_run: bool, seconds: float) -> None:
    rows = sum(moved.values())
    if dry_run:
        click.echo(f"Would move {rows} rows in {len(moved)} tables; nothing was changed.")
        return
    click.echo(
        f"Moved {rows} rows in {len(moved)} tables in {seconds:.1f} s; both sides have equal checksums."
    )
    click.echo(
        "Set DATABASE_URL to the new database and start the service with the same TASKAPI_HOME, whose keys "
        "keep tokens and cursors good. The old file was not changed."
    )

"""Backing up and restoring."""

from pathlib import Path
from time import monotonic

import click
import orjson
from sqlalchemy.exc import SQLAlchemyError

from taskapi.backups.making import back_up
from taskapi.backups.manifest import Manifest
from taskapi.backups.restoring import Restored
from taskapi.backups.restoring import restore as restore_backup
from taskapi.commands.database import command_settings, unusable
from taskapi.commands.progress import Steps

_PROGRAMS = click.option(
    "--programs",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of pg_dump and pg_restore, where PATH does not have the right ones.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print what was done as one JSON object.")


@click.command()
@click.argument("to", type=click.Path(path_type=Path))
@click.option(
    "--with-keys",
    is_flag=True,
    help="Also the keys under TASKAPI_HOME: whoever reads them can log in as anybody.",
)
@_PROGRAMS
@click.option("--quiet", is_flag=True, help="Show no progress and no summary.")
@_JSON
def backup(to: Path, with_keys: bool, programs: Path | None, quiet: bool, as_json: bool) -> None:
    """Back up the database while the service runs.

    It goes into the new folder TO. Everything that was answered before the command began is in it. The folder
    appears when it is whole, is its owner's alone, and has a manifest with checksums. docs/operations.md has
    the whole drill.

    \b
    Examples:
      taskapi backup /backups/taskapi-$(date +%F)
      DATABASE_URL=postgresql://… taskapi backup nightly --programs /usr/lib/postgresql/17/bin
    """
    settings, began = command_settings(), monotonic()
    try:
        with Steps("pages", 0, quiet=quiet or as_json) as steps:
            made = back_up(settings, to.absolute(), with_keys, programs, steps.reach)
    except SQLAlchemyError as error:
        raise unusable(error) from None
    seconds = monotonic() - began
    if as_json:
        click.echo(orjson.dumps(_backed_up(made, to, seconds)))
    elif not quiet:
        size = sum(file.bytes for file in made.files.values())
        click.echo(
            f"{to}: {made.rows} rows in {len(made.tables)} tables, {size >> 10} KiB, in {seconds:.1f} s."
        )


@click.command()
@click.argument("source", metavar="FROM", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--keep-tokens", is_flag=True, help="Let personal tokens live on, also those that were revoked since."
)
@_PROGRAMS
@_JSON
def restore(source: Path, keep_tokens: bool, programs: Path | None, as_json: bool) -> None:
    """Bring a backup into an empty place.

    FROM is its folder; the place is what TASKAPI_HOME and DATABASE_URL name, and nothing there is ever
    overwritten. The copy is checked against its manifest, and made safe: everybody has to log in again,
    personal tokens are revoked, and mails that were waiting are parked, not sent.

    \b
    Examples:
      TASKAPI_HOME=/srv/taskapi-new taskapi restore /backups/taskapi-2026-12-01
      DATABASE_URL=postgresql://…/empty taskapi restore nightly --json
    """
    settings = command_settings()
    try:
        restored = restore_backup(settings, source.absolute(), keep_tokens, programs)
    except SQLAlchemyError as error:
        raise unusable(error) from None
    if as_json:
        click.echo(orjson.dumps(_brought_back(restored)))
        return
    _tell(restored, keep_tokens)


def _backed_up(made: Manifest, to: Path, seconds: float) -> dict[str, object]:
    summary = made.model_dump(exclude={"tables", "files"})
    tables = {name: table.rows for name, table in made.tables.items()}
    sizes = {name: file.bytes for name, file in made.files.items()}
    return {"folder": str(to), **summary, "seconds": round(seconds, 3), "tables": tables, "files": sizes}


def _brought_back(restored: Restored) -> dict[str, object]:
    tables = {name: table.rows for name, table in restored.manifest.tables.items()}
    about = {"made_at": restored.manifest.made_at, "schema_revision": restored.schema_revision}
    return {**about, "keys": restored.keys, **restored.safety.model_dump(), "tables": tables}


def _tell(restored: Restored, keep_tokens: bool) -> None:
    found, safety = restored.manifest, restored.safety
    click.echo(f"Restored the state of {found.made_at}: {found.rows} rows in {len(found.tables)} tables.")
    if restored.schema_revision != found.schema_revision:
        click.echo(f"The schema went from {found.schema_revision} to {restored.schema_revision}.")
    click.echo(
        f"{safety.ended_sessions} sessions were ended; all {safety.users} people have to log in again."
    )
    if keep_tokens:
        click.echo("Personal tokens live on, also those that were revoked after the backup: look at them.")
    else:
        click.echo(f"{safety.revoked_tokens} personal tokens were revoked.")
    click.echo(f"{safety.parked_mails} waiting mails were parked and are not sent.")
    if restored.keys:
        click.echo("The keys came back too.")

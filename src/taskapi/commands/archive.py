"""Putting away what is old, and having it back."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import click

from taskapi.archives import filing, lifecycle
from taskapi.archives.shelf import Archive, Damaged, Shelf
from taskapi.clock import rfc3339
from taskapi.commands.database import command_settings, current
from taskapi.commands.tables import as_json, print_json, print_rows
from taskapi.errors import BadStart
from taskapi.settings import Settings
from taskapi.stores import FilesAway, scratch_of, store_of

_COLUMNS = {"name": 44, "size": 12, "modified": 1}


@click.group(invoke_without_command=True)
@click.option("--apply-lifecycle", is_flag=True, help="Have colder storage and deletion done by the policy.")
@click.option(
    "--policy",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Its file, in the form of S3's lifecycle configuration; without it the one that comes along.",
)
@click.pass_context
def archive(context: click.Context, apply_lifecycle: bool, policy: Path | None) -> None:
    """Put away the audit and rotated logs, and have them back (docs/archive.md).

    \b
    Examples:
      taskapi archive run --older-than 30
      taskapi archive --apply-lifecycle --policy lifecycle.json
    """
    if apply_lifecycle:
        _apply(policy)
    elif context.invoked_subcommand is None:
        click.echo(context.get_help())


@archive.command("run")
@click.option(
    "--older-than", metavar="DAYS", default=30, show_default=True, type=click.IntRange(1), help="In days."
)
@click.option("--only", type=click.Choice(["audit", "logs"]), help="Both, where nothing is said.")
@as_json
def run(older_than: int, only: Literal["audit", "logs"] | None, as_json: bool) -> None:
    """Put away what is older and is not there yet.

    Each day of the audit and each rotated file of the log becomes an archive, compressed, with a checksum,
    and read again before it counts. Logs are then removed here; the audit stays in its table as well. Run it
    each day on each machine that has logs; a second run finds nothing to do.

    \b
    Examples:
      taskapi archive run
      taskapi archive run --older-than 7 --only logs
    """
    settings = command_settings()
    made = []
    with _reaching(settings) as shelf:
        for one in _put_away(settings, shelf, older_than, only):
            made.append(one)
            if not as_json:
                click.echo(f"{one.name}  {one.size} bytes")
    if as_json:
        print_json({"archives": [vars(one) | {"modified": None} for one in made]})
    else:
        click.echo(f"{len(made)} archives were made.")


@archive.command("list")
@click.argument("prefix", default="")
@as_json
def list_archives(prefix: str, as_json: bool) -> None:
    """List archives whose names begin with PREFIX.

    \b
    Examples:
      taskapi archive list
      taskapi archive list audit/2026/ --json
    """
    with _reaching(command_settings()) as shelf:
        rows = [
            {"name": one.name, "size": one.size, "modified": rfc3339(one.modified)}
            for one in shelf.list(prefix)
        ]
    print_rows(rows, _COLUMNS, as_json)


@archive.command("restore")
@click.argument("name")
@click.option(
    "--to", required=True, type=click.Path(path_type=Path, allow_dash=True), help="A new file, or -."
)
def restore(name: str, to: Path) -> None:
    """Unpack an archive into a file, held against its checksum.

    \b
    Examples:
      taskapi archive restore audit/2026/11/2026-11-27.jsonl --to found.jsonl
      taskapi archive restore audit/2026/11/2026-11-27.jsonl --to - | jq .action
    """
    with _reaching(command_settings()) as shelf:
        if str(to) == "-":
            for part in shelf.read(name):
                sys.stdout.buffer.write(part)
            return
        half = to.with_name(f".{to.name}.half")
        try:
            with half.open("xb") as file:
                half.chmod(0o600)
                for part in shelf.read(name):
                    file.write(part)
            # Never over what is there.
            to.hardlink_to(half)
        except FileExistsError:
            raise BadStart(
                f"--to: {to} is there already, or {half.name} beside it; name another file"
            ) from None
        finally:
            half.unlink(missing_ok=True)
    click.echo(f"{to}: {to.stat().st_size} bytes, as its checksum says.")


@archive.command("verify")
@click.argument("prefix", default="")
def verify(prefix: str) -> None:
    """Read all archives whose names begin with PREFIX; what is not as it was put there ends with code 1.

    \b
    Examples:
      taskapi archive verify
      taskapi archive verify logs/
    """
    damaged = 0
    with _reaching(command_settings()) as shelf:
        names = [one.name for one in shelf.list(prefix)]
        for name in names:
            try:
                for _ in shelf.read(name):
                    pass
            except Damaged as fault:
                damaged += 1
                click.echo(f"FAIL {fault}")
    click.echo(f"{len(names) - damaged} of {len(names)} archives are as they were put there.")
    if damaged:
        sys.exit(1)


def _put_away(
    settings: Settings, shelf: Shelf, days: int, only: Literal["audit", "logs"] | None
) -> Iterator[Archive]:
    if only != "logs":
        with current(settings) as database:
            yield from filing.file_audit(database, shelf, days)
    if only != "audit" and settings.log_path is not None:
        yield from filing.file_logs(settings.log_path, shelf, days)


def _apply(path: Path | None) -> None:
    settings = command_settings()
    policy = lifecycle.Policy.read(path)
    with _reaching(settings) as shelf:
        applied = lifecycle.apply(policy, store_of(settings), shelf)
    if applied.by_server:
        click.echo(f"The server carries out {len(policy.rules)} rules from now on.")
        return
    click.echo(f"{len(applied.removed)} archives were deleted: the server carries out no policy.")
    click.echo("Run this each day.")
    if applied.kept_warm:
        click.echo(f"There is no colder storage for: {', '.join(applied.kept_warm)}.")


@contextmanager
def _reaching(settings: Settings) -> Iterator[Shelf]:
    """The shelf; what keeps it from being reached is one line."""
    try:
        yield Shelf(store_of(settings), scratch_of(settings.home))
    except FilesAway as error:
        raise BadStart(
            f"S3_URL: {error.detail.split('.')[0]}; mend the address, the key or its rights"
        ) from None

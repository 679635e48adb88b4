"""Filling a database with believable data."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from time import monotonic

import click
import orjson

from taskapi import schema, server
from taskapi.commands.database import command_settings, connected, current
from taskapi.commands.progress import Steps
from taskapi.db import Database
from taskapi.errors import BadStart, Conflict, Invalid
from taskapi.fields import NewPassword
from taskapi.parsing import Body, checked
from taskapi.passwords import PasswordHashing
from taskapi.seeding import planting
from taskapi.seeding.preparing import Batch, prepared
from taskapi.seeding.stories import Author
from taskapi.settings import Settings

# As many tasks as SQLite takes in some hundredths of a second, so that nobody waits for long.
BATCH = 500


class _Given(Body):
    password: NewPassword


@dataclass
class Seeded:
    """What a run came to; `made` are counts of what was not there before."""

    users: list[str] = field(default_factory=list)
    made_users: int = 0
    made_tasks: int = 0
    seconds: float = 0.0


@click.command()
@click.option(
    "--users", default=3, show_default=True, type=click.IntRange(1, 10_000), help="How many people."
)
@click.option(
    "--tasks",
    default=200,
    show_default=True,
    type=click.IntRange(0, 10_000_000),
    help="How many tasks they have together.",
)
@click.option(
    "--seed",
    "number",
    default=1,
    show_default=True,
    type=click.IntRange(0),
    help="Another number makes other people; the same goes on where it stopped.",
)
@click.option(
    "--password", default="try-taskapi-today", show_default=True, help="What the people log in with."
)
@click.option("--yes", is_flag=True, help="Do it in production too.")
@click.option("--quiet", is_flag=True, help="Show no progress and no summary.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def seed(users: int, tasks: int, number: int, password: str, yes: bool, quiet: bool, as_json: bool) -> None:
    """Fill the database with people and tasks in nine languages.

    Interrupted and run again it goes on where it stopped, and a run that finds all there changes nothing. A
    server on the same database may go on running.

    \b
    Examples:
      taskapi seed
      taskapi seed --users 10 --tasks 200000
      taskapi seed --seed 2 --json
    """
    settings = command_settings()
    if settings.env == "production" and not yes:
        raise click.ClickException(
            "TASKAPI_ENV is production, and whoever reads this help knows these accounts' password. "
            "Add --yes (and a --password of your own) to do it all the same."
        )
    _require_password(password)
    steps = Steps("tasks", tasks, quiet=quiet)
    try:
        with _database(settings) as database, steps:
            seeded = planted(database, number, _shares(users, tasks), password, steps)
    except KeyboardInterrupt:
        click.echo(
            f"Stopped after {steps.done} of {tasks} tasks; the same command goes on from there.", err=True
        )
        sys.exit(130)
    except Conflict as refusal:
        raise click.ClickException(refusal.detail) from None
    except ChildProcessError as ended:
        raise click.ClickException(str(ended)) from None
    if as_json:
        click.echo(orjson.dumps(asdict(seeded)))
    elif not quiet:
        _tell(seeded, tasks, password)


def planted(database: Database, seed: int, shares: list[int], password: str, steps: Steps) -> Seeded:
    """Make what is missing of so many people and tasks, batch by batch.

    Raises AddressTaken, and ChildProcessError where a process that helps was ended.
    """
    began, seeded = monotonic(), Seeded()
    authors = _authors(database, seed, len(shares), password, seeded)
    missing = _missing(database, zip(authors, shares, strict=True), steps)
    for author, batch in prepared(missing, sum(shares)):
        with database.writer() as session:
            seeded.made_tasks += planting.plant_tasks(session, author, batch)
        steps.advance(len(batch))
    seeded.seconds = round(monotonic() - began, 3)
    return seeded


def _authors(database: Database, seed: int, users: int, password: str, seeded: Seeded) -> Iterator[Author]:
    """So many people, each made where they are not there; told in `seeded`."""
    password_hash = ""
    for number in range(users):
        with database.reader() as session:
            author = planting.find_author(session, seed, number)
        if author is None:
            password_hash = password_hash or PasswordHashing().hash(password)
            with database.writer() as session:
                author = planting.plant_author(session, seed, number, password_hash)
            seeded.made_users += 1
        seeded.users.append(planting.address(seed, number))
        yield author


def _missing(database: Database, shares: Iterable[tuple[Author, int]], steps: Steps) -> Iterator[Batch]:
    """Batches of the tasks that are not there; those that are count as steps that are done."""
    for author, share in shares:
        for start in range(0, share, BATCH):
            numbers = range(start, min(start + BATCH, share))
            with database.reader() as session:
                missing = planting.missing_tasks(session, author, numbers)
            steps.advance(len(numbers) - len(missing))
            if missing:
                yield author, missing


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    """The database; where there is none yet on SQLite, it is made, as `serve` would."""
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        server.make_home(settings)
        with connected(settings) as database:
            schema.migrate(database)
    with current(settings) as database:
        yield database


def _shares(users: int, tasks: int) -> list[int]:
    """How many tasks each has."""
    return [tasks // users + (number < tasks % users) for number in range(users)]


def _require_password(password: str) -> None:
    try:
        checked(_Given, {"password": password})
    except Invalid as error:
        raise BadStart(f"--password: {(error.errors or [{}])[0].get('detail')}") from None


def _tell(seeded: Seeded, tasks: int, password: str) -> None:
    if not seeded.made_tasks and not seeded.made_users:
        click.echo(f"All {tasks} tasks of {len(seeded.users)} people are there already; nothing was changed.")
        return
    click.echo(f"Made {seeded.made_tasks} tasks and {seeded.made_users} people in {seeded.seconds:.1f} s.")
    shown = ", ".join(seeded.users[:5]) + (", …" if len(seeded.users) > 5 else "")
    click.echo(f"Log in as {shown} with the password {password}.")

"""Mails, as whoever runs the service sees them: those that are files, and those that wait or are parked."""

from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import click
import orjson
from sqlalchemy import select

from taskapi.clock import rfc3339
from taskapi.commands.database import command_settings, reader
from taskapi.commands.tables import harmless
from taskapi.jobs import OutboxRow
from taskapi.mail import Written, written_mails

_WAITING = (
    select(
        OutboxRow.id,
        OutboxRow.kind,
        OutboxRow.created_at,
        OutboxRow.due_at,
        OutboxRow.attempts,
        OutboxRow.parked_at,
        OutboxRow.last_error,
    )
    .where(OutboxRow.kind.startswith("mail."), OutboxRow.done_at.is_(None))
    .order_by(OutboxRow.due_at, OutboxRow.id)
)


@click.group()
def mail() -> None:
    """Look at mails that were written, wait or were given up."""


@mail.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for scripts.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="At most so many.")
def list_mails(as_json: bool, limit: int) -> None:
    """List mails that wait or were given up, then those that are files.

    Without SMTP_URL each mail becomes a file; with it only those are listed that wait to be sent, or were
    given up after five tries, with the host's last answer.

    \b
    Examples:
      taskapi mail list
      taskapi mail list --json --limit 1000
    """
    with reader() as session:
        waiting = [_as_waiting(row) for row in session.rows(_WAITING.limit(limit))]
    files = [_as_file(found) for found in islice(written_mails(_folder()), limit)]
    if as_json:
        for one in (*waiting, *files):
            click.echo(orjson.dumps(one))
        return
    for one in waiting:
        why = f"  {one['last_error']}" if one["last_error"] else ""
        click.echo(
            harmless(f"{one['id']}  {one['state']:7}  {one['kind']}, tried {one['attempts']} times{why}")
        )
    for one in files:
        click.echo(harmless(f"{one['id']}  file     {one['to']}  {one['subject']}"))
    if not waiting and not files:
        click.echo("There are no mails.")


@mail.command("show")
@click.argument("mail_id", metavar="ID")
@click.option("--text", "only_text", is_flag=True, help="What it says, without what is above it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
def show_mail(mail_id: str, only_text: bool, as_json: bool) -> None:
    """Show what a mail says that is a file.

    ID is from `taskapi mail list`; the beginning of it will do.

    \b
    Examples:
      taskapi mail show 01a210e7
      taskapi mail show 01a210e7 --text | grep -o 'http.*#.*'
    """
    found = _find(mail_id)
    if as_json:
        click.echo(orjson.dumps(asdict(found)))
        return
    if not only_text:
        click.echo(harmless(f"To: {found.address}\nDate: {found.date}\nSubject: {found.subject}\n"))
    click.echo(harmless(found.text), nl=False)


def _find(mail_id: str) -> Written:
    matching = [found for found in written_mails(_folder()) if found.id.startswith(mail_id.lower())]
    if len(matching) != 1:
        what = f"{len(matching)} mails begin" if matching else "No mail that is a file begins"
        raise click.ClickException(f"{what} with {mail_id}; `taskapi mail list` shows their ids.")
    return matching[0]


def _as_waiting(row: Any) -> dict[str, object]:
    return {
        "id": row.id,
        "state": "parked" if row.parked_at else "waiting",
        "kind": row.kind,
        "created_at": rfc3339(row.created_at),
        "due_at": rfc3339(row.due_at),
        "attempts": row.attempts,
        "last_error": row.last_error,
    }


def _as_file(found: Written) -> dict[str, object]:
    return {
        "id": found.id,
        "state": "file",
        "date": found.date,
        "to": found.address,
        "subject": found.subject,
    }


def _folder() -> Path:
    return command_settings().home / "mail"

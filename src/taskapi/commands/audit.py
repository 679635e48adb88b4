"""What was remembered for good, as whoever runs the service reads and proves it."""

import sys
from datetime import UTC, datetime
from uuid import UUID

import click

from taskapi.admin import service as admin
from taskapi.admin.schemas import AuditList
from taskapi.audit_chain import service as chain
from taskapi.commands.database import command_settings, current, reader
from taskapi.commands.tables import as_json, print_json, print_rows

_COLUMNS = {
    "at": 24,
    "action": 24,
    "actor_id": 36,
    "target_kind": 8,
    "target_id": 36,
    "via": 3,
    "request_id": 1,
}
_DAY_OR_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.group()
def audit() -> None:
    """Read what was remembered for good, and prove that nobody changed it (docs/audit.md)."""


@audit.command("list")
@click.option("--actor", type=click.UUID, help="What this account did.")
@click.option("--action", help="Such as user.disabled.")
@click.option("--since", type=_DAY_OR_MOMENT, help="In UTC, inclusive.")
@click.option("--until", type=_DAY_OR_MOMENT, help="In UTC, exclusive.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1_000_000), help="The newest.")
@as_json
def list_entries(
    actor: UUID | None,
    action: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List entries, the newest first.

    \b
    Examples:
      taskapi audit list --action user.disabled --since 2026-01-01
      taskapi audit list --limit 1000 --json
    """
    wanted = AuditList(
        actor=str(actor) if actor else None, action=action, since=_moment(since), until=_moment(until)
    )
    with reader() as session:
        print_rows(admin.remembered(session, wanted, None, limit), _COLUMNS, as_json)


@audit.command("verify")
@click.option("--head", metavar="SEQUENCE:DIGEST", help="A head that was noted: nothing up to it may differ.")
@as_json
def verify(head: str | None, as_json: bool) -> None:
    """Hold the whole chain against the entries; what does not fit is named, and ends with code 1.

    \b
    Examples:
      taskapi audit verify
      taskapi audit verify --head "$(cat noted-head.txt)"
    """
    noted = _noted(head)
    with current(command_settings()) as database:
        chain.link_all(database)
        with database.reader() as session:
            verdict = chain.verify(session, noted)
    if as_json:
        faults = [vars(fault) for fault in verdict.faults]
        print_json({"ok": not faults, "head": str(verdict.head), "faults": faults})
    elif verdict.faults:
        for fault in verdict.faults:
            click.echo(f"FAIL {fault.detail}")
        if len(verdict.faults) >= chain.MOST_FAULTS:
            click.echo("There may be more; nothing behind this was looked at.")
    else:
        click.echo(f"All {verdict.head.sequence} entries are as they were written. Note this head elsewhere:")
        click.echo(verdict.head)
    if verdict.faults:
        sys.exit(1)


@audit.command("link")
def link() -> None:
    """Link what was never linked, however old it is.

    The service links new entries each minute. This is for those it passes by: their clock was an hour behind,
    or `audit verify` named them and you know why.

    \b
    Examples:
      taskapi audit link
    """
    with current(command_settings()) as database:
        click.echo(f"{chain.link_all(database, late=True)} entries were linked.")


def _moment(given: datetime | None) -> str | None:
    return None if given is None else given.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")


def _noted(head: str | None) -> chain.Head | None:
    try:
        return None if head is None else chain.Head.parse(head)
    except ValueError:
        raise click.BadParameter(
            "is a number, a colon and 64 hexadecimal digits, as `audit verify` prints them",
            param_hint="--head",
        ) from None

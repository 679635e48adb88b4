"""Background work, as whoever runs the service sees it."""

from typing import get_args
from uuid import UUID

import click

from taskapi.admin import service as admin
from taskapi.admin.schemas import JobState
from taskapi.backups.safety import PARKED_BY_RESTORE
from taskapi.commands.database import operator, reader, transaction
from taskapi.commands.tables import as_json, print_fields, print_rows

_COLUMNS = {"id": 36, "state": 7, "attempts": 2, "due_at": 24, "kind": 24, "last_error": 1}


@click.group()
def jobs() -> None:
    """Look at background jobs, and have one done that was given up.

    A job that fails again and again is parked; once the reason is mended, `retry` has it done.
    """


@jobs.command("list")
@click.option("--state", type=click.Choice(get_args(JobState)), help="Those in this state alone.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="The newest.")
@as_json
def list_jobs(state: JobState | None, limit: int, as_json: bool) -> None:
    """List jobs, the newest first.

    \b
    Examples:
      taskapi jobs list --state parked
    """
    with reader() as session:
        print_rows(admin.jobs(session, state, None, limit), _COLUMNS, as_json)


@jobs.command("show")
@click.argument("job_id", type=click.UUID)
@as_json
def show_job(job_id: UUID, as_json: bool) -> None:
    """Show one job.

    \b
    Examples:
      taskapi jobs show 01a210f3-6d83-76cb-8f63-999a6925eaa6
    """
    with reader() as session:
        print_fields(admin.get_job(session, str(job_id)), as_json)


@jobs.command("retry")
@click.argument("job_ids", metavar="[JOB_ID]...", nargs=-1, type=click.UUID)
@click.option(
    "--parked", is_flag=True, help="All jobs that were given up; a restore's old mails are only sent by id."
)
def retry_jobs(job_ids: tuple[UUID, ...], parked: bool) -> None:
    """Have jobs done now, with all their attempts before them.

    \b
    Examples:
      taskapi jobs retry 01a210f3-6d83-76cb-8f63-999a6925eaa6
      taskapi jobs retry --parked
    """
    if bool(job_ids) == parked:
        raise click.UsageError("Name jobs by their ids, or all that were given up by --parked.")
    by = operator()
    with transaction() as session:
        wanted = list(map(str, job_ids))
        if parked:
            given_up = admin.jobs(session, "parked", None, 100_000)
            wanted = [job["id"] for job in given_up if job["last_error"] != PARKED_BY_RESTORE]
        for job_id in sorted(wanted):
            admin.retry_job(session, by, job_id)
    click.echo(f"{len(wanted)} job(s) will be done as soon as the service runs.")

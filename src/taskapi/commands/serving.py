"""Starting the service, and what has to be right before it starts."""

import sys

import click

from taskapi import doctor, schema, server
from taskapi.db import Database
from taskapi.keys import new_secret_key, new_signing_key
from taskapi.settings import load_settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535))
def serve(host: str, port: int) -> None:
    """Serve the API until told to stop (Ctrl+C or SIGTERM)."""
    server.serve(load_settings(), host, port)


@click.command()
@click.option("--to", default="head", show_default=True, help="Revision to go to; `base` removes all tables.")
@click.option("--yes", is_flag=True, help="Do not ask before going to another revision than `head`.")
def migrate(to: str, yes: bool) -> None:
    """Bring the database to the schema of this release (or to an older one).

    Going down removes tables or columns, and what is in them. On SQLite the server has to be stopped first.
    """
    settings = load_settings()
    server.make_home(settings)
    if to != "head" and not yes:
        click.confirm(f"Going to {to} may remove tables and all that is in them. Go on?", abort=True)
    lock = server.lock_home(settings) if settings.is_sqlite and to != "head" else None
    database = Database(settings)
    try:
        click.echo(f"The schema is at {schema.migrate(database, to)}.")
    finally:
        database.close()
        if lock is not None:
            lock.close()


@click.command()
def keys() -> None:
    """Print a fresh TASKAPI_SIGNING_KEY and TASKAPI_SECRET_KEY for several instances to share."""
    one_line = new_signing_key().strip().replace("\n", "\\n")
    click.echo(f'TASKAPI_SIGNING_KEY="{one_line}"')
    click.echo(f'TASKAPI_SECRET_KEY="{new_secret_key()}"')


@click.command("doctor")
def examine() -> None:
    """Look for what would keep the service from working, and say how to mend it."""
    findings = doctor.examine()
    for finding in findings:
        click.echo(f"{'ok  ' if finding.ok else 'FAIL'} {finding.what}")
    if not all(finding.ok for finding in findings):
        sys.exit(1)

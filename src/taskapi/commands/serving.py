"""Starting the service, and what has to be right before it starts."""

import sys
from dataclasses import asdict

import click
import orjson

from taskapi import doctor, schema, server
from taskapi.commands.database import connected, past_a_pooler
from taskapi.keys import new_secret_key, new_signing_key
from taskapi.settings import load_settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=5000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on."
)
def serve(host: str, port: int) -> None:
    """Serve the API until told to stop.

    Ctrl+C or SIGTERM lets requests in flight finish. On SQLite everything is under TASKAPI_HOME (./var), made
    at the first start; docs/settings.md has every setting.

    \b
    Examples:
      taskapi serve
      TASKAPI_HOME=/srv/taskapi taskapi serve --host 0.0.0.0 --port 8000
    """
    server.serve(load_settings(), host, port)


@click.command()
@click.option("--to", default="head", show_default=True, help="Revision to go to; `base` removes all tables.")
@click.option("--yes", is_flag=True, help="Do not ask before going to another revision than `head`.")
@click.option(
    "--grant", metavar="ROLE", help="Then give this role of PostgreSQL what serving needs, and no more."
)
def migrate(to: str, yes: bool, grant: str | None) -> None:
    """Bring the database to the schema of this release.

    Or to an older one, by --to: going down removes tables or columns, and what is in them. On SQLite the
    server has to be stopped first. A role that serves without owning the tables (--grant) can add to the
    audit, and change nothing in it.

    \b
    Examples:
      taskapi migrate
      taskapi migrate --to 0001
    """
    settings = past_a_pooler(load_settings())
    server.make_home(settings)
    if to != "head" and not yes:
        click.confirm(f"Going to {to} may remove tables and all that is in them. Go on?", abort=True)
    lock = server.lock_home(settings) if settings.is_sqlite and to != "head" else None
    try:
        with connected(settings) as database:
            click.echo(f"The schema is at {schema.migrate(database, to)}.")
            if grant is not None:
                schema.grant(database, grant)
                click.echo(f"{grant} may serve, and only read and add to the audit.")
    finally:
        if lock is not None:
            lock.close()


@click.command()
def keys() -> None:
    """Print fresh keys for several instances to share.

    They are TASKAPI_SIGNING_KEY and TASKAPI_SECRET_KEY, as lines of an environment file. A single instance on
    SQLite makes its own.

    \b
    Examples:
      taskapi keys > keys.env && chmod 600 keys.env
    """
    one_line = new_signing_key().strip().replace("\n", "\\n")
    click.echo(f'TASKAPI_SIGNING_KEY="{one_line}"')
    click.echo(f'TASKAPI_SECRET_KEY="{new_secret_key()}"')


@click.command("doctor")
@click.option("--host", default="127.0.0.1", show_default=True, help="With --port: the address.")
@click.option("--port", type=click.IntRange(1, 65535), help="Look also whether this port is free.")
@click.option("--settings", "settings_alone", is_flag=True, help="Look at the settings alone; ask no server.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON object.")
def examine(host: str, port: int | None, settings_alone: bool, as_json: bool) -> None:
    """Look for faults, and say how to mend each.

    Settings, folders, keys, the database with its schema, rights, clock and jobs, Redis, and this machine.
    Nothing is changed, and the service may be running. Ends with 1 where there is a fault.

    \b
    Examples:
      taskapi doctor
      taskapi doctor --port 8000 --json | jq '.findings[] | select(.ok | not)'
    """
    findings = doctor.examine(None if port is None else (host, port), settings_alone=settings_alone)
    sound = all(finding.ok for finding in findings)
    if as_json:
        click.echo(orjson.dumps({"ok": sound, "findings": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.ok else 'FAIL'} {finding.what}")
    if not sound:
        sys.exit(1)

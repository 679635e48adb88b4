"""The `taskapi` command: the same services as the API, for whoever runs it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import SQLAlchemyError

from taskapi import __version__, doctor, schema, server
from taskapi.accounts import service as accounts
from taskapi.accounts.schemas import NewAccount
from taskapi.db import Database, Session
from taskapi.errors import BadStart, Busy, Invalid
from taskapi.keys import new_secret_key, new_signing_key
from taskapi.parsing import checked
from taskapi.passwords import PasswordHashing
from taskapi.settings import load_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="taskapi")
def cli() -> None:
    """A task-management service. `taskapi serve` starts it; settings are environment variables."""


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535))
def serve(host: str, port: int) -> None:
    """Serve the API until told to stop (Ctrl+C or SIGTERM)."""
    server.serve(load_settings(), host, port)


@cli.command()
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


@cli.command("create-admin")
@click.option("--email", prompt=True, help="The admin's address.")
@click.option(
    "--password",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    envvar="TASKAPI_ADMIN_PASSWORD",
    help="12 to 256 characters; asked for where it is not given.",
)
@click.option("--name", default="", help="How the admin is called.")
def create_admin(email: str, password: str, name: str) -> None:
    """Make an admin, or make an existing account one."""
    wanted = _checked_account(email, password, name)
    with _transaction() as session:
        made = accounts.make_admin(session, wanted, PasswordHashing().hash(wanted.password))
    if made:
        click.echo(f"{email} was made an account and is an admin now.")
    else:
        click.echo(f"{email} is an admin now; its password and name stay as they were.")


@cli.group()
def users() -> None:
    """Look at accounts, shut them out or let them in."""


@users.command("list")
def list_users() -> None:
    """All accounts, the oldest first."""
    with _transaction() as session:
        for user in accounts.list_all(session):
            click.echo(
                f"{user.id}  {user.role:5}  {'disabled' if user.disabled_at else 'active':8}  {user.email}"
            )


@users.command("disable")
@click.argument("email")
def disable_user(email: str) -> None:
    """Shut an account out: its sessions end and it cannot log in."""
    _set_disabled(email, True)


@users.command("enable")
@click.argument("email")
def enable_user(email: str) -> None:
    """Let a disabled account log in again."""
    _set_disabled(email, False)


@cli.command()
def keys() -> None:
    """Print a fresh TASKAPI_SIGNING_KEY and TASKAPI_SECRET_KEY for several instances to share."""
    one_line = new_signing_key().strip().replace("\n", "\\n")
    click.echo(f'TASKAPI_SIGNING_KEY="{one_line}"')
    click.echo(f'TASKAPI_SECRET_KEY="{new_secret_key()}"')


@cli.command("doctor")
def examine() -> None:
    """Look for what would keep the service from working, and say how to mend it."""
    findings = doctor.examine()
    for finding in findings:
        click.echo(f"{'ok  ' if finding.ok else 'FAIL'} {finding.what}")
    if not all(finding.ok for finding in findings):
        sys.exit(1)


def _set_disabled(email: str, disabled: bool) -> None:
    with _transaction() as session:
        found = accounts.set_disabled(session, email, disabled)
    if not found:
        raise click.ClickException(f"There is no account with the address {email}.")
    click.echo(f"{email} is {'disabled' if disabled else 'enabled'} now.")


@contextmanager
def _transaction() -> Iterator[Session]:
    """One transaction on a database that has the schema of this release."""
    # The first admin of the settings is for `serve` to make; here its password may come alone.
    settings = load_settings(TASKAPI_ADMIN_EMAIL=None, TASKAPI_ADMIN_PASSWORD=None)
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        raise BadStart(
            f"TASKAPI_HOME: there is no database at {settings.sqlite_file} yet; "
            "run `taskapi migrate`, or name the folder that the service has its files in"
        )
    database = Database(settings)
    try:
        schema.require_current(database)
        with database.writer() as session:
            yield session
    finally:
        database.close()


def _checked_account(email: str, password: str, name: str) -> NewAccount:
    try:
        return checked(NewAccount, {"email": email, "password": password, "name": name})
    except Invalid as error:
        fault = (error.errors or [{}])[0]
        raise click.ClickException(f"{fault['pointer'].strip('/')}: {fault['detail']}") from None


def main() -> None:
    """Run a command; what keeps it from starting is one line and code 2."""
    try:
        cli()
    except BadStart as error:
        click.echo(f"taskapi: {error}", err=True)
        sys.exit(2)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        click.echo(f"taskapi: DATABASE_URL: the database cannot be used ({reason})", err=True)
        sys.exit(2)
    except Busy as error:
        click.echo(f"taskapi: {error.detail}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()

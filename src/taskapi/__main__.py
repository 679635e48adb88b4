"""The `taskapi` command: the same services as the API, for whoever runs it."""

import sys

import click
from sqlalchemy.exc import SQLAlchemyError

from taskapi import __version__
from taskapi.commands import serving, users
from taskapi.errors import BadStart, Busy


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="taskapi")
def cli() -> None:
    """A task-management service. `taskapi serve` starts it; settings are environment variables."""


for command in (
    serving.serve,
    serving.migrate,
    serving.keys,
    serving.examine,
    users.create_admin,
    users.users,
):
    cli.add_command(command)


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

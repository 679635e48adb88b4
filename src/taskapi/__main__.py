"""The `taskapi` command: the same services as the API, for whoever runs it."""

import sys

import click

from taskapi import __version__
from taskapi.commands.lazy import LazyGroup
from taskapi.errors import AppError, BadStart, Busy

# Each command with the module and the name it has there, and what it does in a line: its module is imported
# when it is called, so that help and the terminal client start without the service.
COMMANDS = {
    "serve": ("serving:serve", "Serve the API until told to stop."),
    "worker": ("working:worker", "Do background jobs, where there are several instances."),
    "scheduler": ("working:scheduler", "Have background jobs done when they are due."),
    "probe": ("probe:probe", "Ask whether a process is well."),
    "migrate": ("serving:migrate", "Bring the database to the schema of this release."),
    "doctor": ("serving:examine", "Look for faults, and say how to mend each."),
    "keys": ("serving:keys", "Print fresh keys for several instances to share."),
    "openapi": ("describing:openapi", "Print the description of the API (OpenAPI 3.1)."),
    "seed": ("seed:seed", "Fill the database with people and tasks in nine languages."),
    "backup": ("backup:backup", "Back up the database while the service runs."),
    "restore": ("backup:restore", "Bring a backup into an empty place."),
    "move": ("move:move", "Move everything from SQLite to an empty PostgreSQL."),
    "create-admin": ("users:create_admin", "Make an admin, or make an existing account one."),
    "users": ("users:users", "Look at accounts, and change who may do what."),
    "jobs": ("jobs:jobs", "Look at background jobs, and have one done that was given up."),
    "assets": ("assets:assets", "Put the files of the web UI where they are served from."),
    "archive": ("archive:archive", "Put away the audit and old logs, and have them back."),
    "audit": ("audit:audit", "Read the audit, and prove that nobody changed it."),
    "mail": ("mail:mail", "Look at mails that were written, wait or were given up."),
    "plan": ("planning:plan", "Say what a load needs, what to set, and what it costs."),
    "task": ("task:task", "Keep your tasks on a server, from this terminal."),
    "completion": ("completing:completion", "Print what makes a shell complete our commands."),
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    package="taskapi.commands",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="taskapi")
def cli() -> None:
    """A task-management service, and a client for it.

    `taskapi serve` starts the service; its settings are environment variables (docs/settings.md). `taskapi
    task login` connects this terminal to one.

    \b
    Examples:
      taskapi serve --port 8000
      taskapi seed && taskapi doctor
      taskapi task add "Pay rent" --due tomorrow
    """


def main() -> None:
    """Run a command; what keeps it from starting is one line and code 2."""
    try:
        cli(prog_name="taskapi")
    except BadStart as error:
        click.echo(f"taskapi: {error}", err=True)
        sys.exit(2)
    except AppError as error:
        click.echo(f"taskapi: {error.detail}", err=True)
        sys.exit(2 if isinstance(error, Busy) else 1)


if __name__ == "__main__":
    main()

"""`taskapi task`: the terminal client."""

import click

from taskapi.commands.lazy import LazyGroup

COMMANDS = {
    "login": ("joining:login", "Connect this terminal to a server."),
    "logout": ("joining:logout", "Forget the server and the token."),
    "add": ("writing:add", "Add a task."),
    "list": ("reading:list_tasks", "List tasks, the newest first."),
    "show": ("reading:show", "Show everything of one task."),
    "done": ("many:done", "Mark tasks as done."),
    "edit": ("writing:edit", "Change a task; what is not named stays."),
    "rm": ("many:rm", "Put tasks into the trash."),
    "restore": ("many:restore", "Take tasks out of the trash."),
    "bulk": ("many:bulk", "Do many things at once."),
}


@click.group(cls=LazyGroup, table=COMMANDS, package="taskapi.terminal")
@click.option(
    "--url", envvar="TASKAPI_URL", show_envvar=True, help="With --token: another server than the one kept."
)
@click.option(
    "--token", envvar="TASKAPI_TOKEN", show_envvar=True, help="With --url: a personal token for it."
)
@click.pass_context
def task(ctx: click.Context, url: str | None, token: str | None) -> None:
    """Keep your tasks on a server, from this terminal.

    `login` connects it once. Exit codes: 0 done, 1 refused, 2 wrong usage or no valid token, 3 the server
    does not answer. NO_COLOR turns colours off; --json of each command is for scripts (docs/terminal.md).

    \b
    Examples:
      taskapi task login
      taskapi task add "Pay rent" --due tomorrow --priority high
      taskapi task list --status todo --sort due
      taskapi task done 3f2a1c
    """
    ctx.obj = {"url": url, "token": token}

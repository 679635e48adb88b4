"""Connecting this terminal to a server, and forgetting it."""

import click

from taskapi import __version__
from taskapi.terminal import connection
from taskapi.terminal.calls import Server
from taskapi.terminal.connection import Connection
from taskapi.terminal.showing import clean, show_json
from taskapi.terminal.troubles import Command, json_option


@click.command(cls=Command)
@click.option(
    "--url",
    prompt="Address of the server",
    default="http://127.0.0.1:5000",
    show_default=True,
    envvar="TASKAPI_URL",
    show_envvar=True,
    help="Address of the server.",
)
@click.option(
    "--token",
    prompt="Personal token",
    hide_input=True,
    envvar="TASKAPI_TOKEN",
    show_envvar=True,
    help="A personal token; asked for unseen where it is not given. Others can see the options of a command.",
)
@json_option
def login(url: str, token: str, as_json: bool) -> None:
    """Connect this terminal to a server.

    The token is one that you made for this (POST /me/tokens, scopes tasks:read and tasks:write). It is tried,
    then kept in a file that only you can read.

    \b
    Examples:
      taskapi task login
      TASKAPI_TOKEN=tk_… taskapi task login --url https://tasks.example.com
    """
    wanted = connection.address(url)
    with Server(Connection(wanted, token.strip())) as server:
        version = server.health().data["version"]
        server.list_tasks(limit=1)
    connection.keep(Connection(wanted, token.strip(), version))
    if as_json:
        show_json({"url": wanted, "version": version, "file": str(connection.file())})
        return
    click.echo(clean(f"Connected to {wanted} (taskapi {version}). Now: taskapi task list"))
    if version.split(".")[:2] != __version__.split(".")[:2]:
        click.echo(
            clean(f"This client is {__version__}: some commands may not work with {version}."), err=True
        )


@click.command(cls=Command)
@json_option
def logout(as_json: bool) -> None:
    """Forget the server and the token.

    The token itself lives on until it expires or is deleted on the server.

    \b
    Examples:
      taskapi task logout
    """
    was_there = connection.forget()
    if as_json:
        show_json({"forgotten": was_there})
    else:
        click.echo("Forgotten." if was_there else "There was nothing to forget.")

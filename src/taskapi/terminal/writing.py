"""Writing tasks, each write under a key, so that trying again does nothing twice."""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from taskapi.client.generated import TaskOut
from taskapi.terminal.calls import Server
from taskapi.terminal.dates import due_of, instant_of
from taskapi.terminal.finding import connected, project_id, task_ids
from taskapi.terminal.reading import PRIORITIES, STATUSES
from taskapi.terminal.showing import clean, short_ids, show_json
from taskapi.terminal.troubles import SETUP, Command, Trouble, json_option

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class Due(click.ParamType[dict[str, str | None]]):
    """When a task is due: the fields that say so."""

    name = "when"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, str | None]:
        try:
            return due_of(value, datetime.now())  # noqa: DTZ005 - the local time is what is meant
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Moment(click.ParamType[str]):
    """A moment, as the API takes it."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return instant_of(value, datetime.now())  # noqa: DTZ005 - the local time is what is meant
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _content_options(command: Decorated) -> Decorated:
    """What may be said of a task beside its title; the last one here is the first in help."""
    command = click.option("--status", "-s", type=STATUSES, help="How far it is.")(command)
    command = click.option("--project", "-P", help="Name or id of its project.")(command)
    command = click.option("--label", "-l", "labels", multiple=True, help="A label; may be repeated.")(
        command
    )
    command = click.option("--priority", "-p", type=PRIORITIES, help="How urgent it is.")(command)
    command = click.option("--remind", "-R", type=Moment(), help="When a mail reminds of it; as --due.")(
        command
    )
    command = click.option("--due", "-D", type=Due(), help="tomorrow, fri 17:30, +3d, 2026-12-01 …")(command)
    text = "Any text; `-` reads it from standard input."
    return click.option("--description", "-d", help=text)(command)


@click.command(cls=Command)
@click.argument("title")
@_content_options
@json_option
def add(title: str, as_json: bool, **given: Any) -> None:
    """Add a task.

    \b
    Examples:
      taskapi task add "Pay rent" --due tomorrow --priority high --label home --project Home
      taskapi task add "Call Ann" --due "fri 17:30" --remind "fri 17:00"
      git log -5 | taskapi task add "Write the changelog" --description -
    """
    with connected() as server:
        made = server.create_task(title=title, **_content(server, given))
    _tell("Added", made.data, as_json)


@click.command(cls=Command)
@click.argument("task_id", metavar="ID")
@click.option("--title", "-t", help="What it is called.")
@_content_options
@click.option("--clear-due", is_flag=True, help="It is not due any more.")
@click.option("--clear-reminder", is_flag=True, help="No reminder of its own any more.")
@click.option("--add-label", multiple=True, help="A label more; may be repeated.")
@click.option("--remove-label", multiple=True, help="A label less; may be repeated.")
@click.option("--clear-labels", is_flag=True, help="No labels any more.")
@click.option("--inbox", is_flag=True, help="Out of its project.")
@click.option("--etag", help="Change it only where it is as `show --json` showed it with this etag.")
@json_option
def edit(task_id: str, etag: str | None, as_json: bool, **given: Any) -> None:
    """Change a task; what is not named stays.

    --label replaces all labels, --add-label and --remove-label change single ones. Where somebody changes the
    task at the same moment, nothing is overwritten and you are told.

    \b
    Examples:
      taskapi task edit 3f2a1c --title "Pay the rent" --due +3d
      taskapi task edit 3f2a1c --clear-due --inbox --remove-label home
    """
    with connected() as server:
        (whole,) = task_ids(server, [task_id])
        before = server.get_task(whole)
        changes = _changes(server, given, before.data)
        if not changes:
            raise Trouble(
                SETUP, "nothing_to_change", "say what to change; `taskapi task edit --help` shows how"
            )
        changed = server.change_task(whole, **changes, if_match=etag or before.etag)
    _tell("Changed", changed.data, as_json)


def _content(server: Server, given: dict[str, Any]) -> dict[str, Any]:
    """The fields that were given, as the API takes them."""
    fields = {name: given[name] for name in ("priority", "status") if given[name] is not None}
    if given["description"] is not None:
        text = given["description"]
        fields["description"] = sys.stdin.read() if text == "-" else text
    if given["due"] is not None:
        fields |= given["due"]
    if given["remind"] is not None:
        fields["remind_at"] = given["remind"]
    if given["labels"]:
        fields["labels"] = list(given["labels"])
    if given["project"] is not None:
        fields["project_id"] = None if given["project"] == "inbox" else project_id(server, given["project"])
    return fields


def _changes(server: Server, given: dict[str, Any], before: TaskOut) -> dict[str, Any]:
    fields = _content(server, given)
    if given["title"] is not None:
        fields["title"] = given["title"]
    if given["clear_due"]:
        fields |= {"due_on": None, "due_at": None}
    if given["clear_reminder"]:
        fields["remind_at"] = None
    if given["inbox"]:
        fields["project_id"] = None
    if given["add_label"] or given["remove_label"] or given["clear_labels"]:
        old = [] if given["clear_labels"] else fields.get("labels", before["labels"])
        gone = {label.casefold() for label in (*given["remove_label"], *given["add_label"])}
        fields["labels"] = [label for label in old if label.casefold() not in gone] + list(given["add_label"])
    return fields


def _tell(what: str, task: TaskOut, as_json: bool) -> None:
    if as_json:
        show_json(task)
    else:
        click.echo(f"{what} {short_ids([task])[task['id']]}  {clean(task['title'])}")

"""Looking at tasks."""

from datetime import datetime
from itertools import chain
from typing import Any

import click

from taskapi.client.generated import TaskChangeOut, TaskPage
from taskapi.terminal.calls import Server, pages
from taskapi.terminal.dates import bound_of
from taskapi.terminal.finding import connected, names_for, project_id, task_ids
from taskapi.terminal.showing import show_history, show_json, show_task, show_tasks
from taskapi.terminal.troubles import Command, json_option

STATUSES = click.Choice(["todo", "in_progress", "done"])
PRIORITIES = click.Choice(["none", "low", "medium", "high", "urgent"])
_SORTS = ("created_at", "updated_at", "due", "priority", "position", "title")


class Bound(click.ParamType[str]):
    """A day or a moment, typed as people do."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return bound_of(value, datetime.now())  # noqa: DTZ005 - the local time is what is meant
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("list", cls=Command)
@click.option("--status", "-s", type=STATUSES, multiple=True, help="Any of these; may be repeated.")
@click.option("--priority", "-p", type=PRIORITIES, multiple=True, help="Any of these; may be repeated.")
@click.option("--label", "-l", multiple=True, help="With all of these; may be repeated.")
@click.option("--project", "-P", help="In the project of this name or id, or `inbox`.")
@click.option("--search", "-q", "q", help="Each word begins a word of title, description or label.")
@click.option("--due-before", type=Bound(), help="Due before this day or time.")
@click.option("--due-after", type=Bound(), help="Due on this day, at this time, or later.")
@click.option(
    "--sort",
    default="-created_at",
    show_default=True,
    type=click.Choice([*_SORTS, *(f"-{one}" for one in _SORTS)]),
    metavar="FIELD",
    help=f"One of {', '.join(_SORTS)}; with a `-` before it the other way.",
)
@click.option("--trashed", is_flag=True, help="What is in the trash.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 200), help="How many at most.")
@click.option("--all", "everything", is_flag=True, help="All of them, however many.")
@json_option
def list_tasks(project: str | None, everything: bool, limit: int, as_json: bool, **filters: Any) -> None:
    """List tasks, the newest first.

    \b
    Examples:
      taskapi task list --status todo --due-before sat --sort due
      taskapi task list --project Home --label errand -q rent
      taskapi task list --all --json | jq -r '.items[].title'
    """
    with connected() as server:
        wanted = {name: value for name, value in filters.items() if value} | {
            "limit": 200 if everything else limit
        }
        if project is not None:
            wanted["project"] = project if project == "inbox" else project_id(server, project)
        if everything:
            found = pages(lambda cursor: server.list_tasks(**wanted, cursor=cursor))
            page = TaskPage(items=list(chain.from_iterable(one["items"] for one in found)), next_cursor=None)
        else:
            page = server.list_tasks(**wanted).data
        if as_json:
            show_json(page)
            return
        if page["items"]:
            show_tasks(page["items"], names_for(server, page["items"]))
        else:
            click.echo("No task is like that.")
    if page["next_cursor"] is not None:
        click.echo(f"There are more than these {limit}: add --all, or a larger --limit.", err=True)


@click.command(cls=Command)
@click.argument("task_id", metavar="ID")
@click.option("--history", is_flag=True, help="Also what was done to it, the newest first.")
@json_option
def show(task_id: str, history: bool, as_json: bool) -> None:
    """Show everything of one task.

    An ID may be the beginning or the end of one, as `list` shows it.

    \b
    Examples:
      taskapi task show 3f2a1c
      taskapi task show 3f2a1c --history --json
    """
    with connected() as server:
        (whole,) = task_ids(server, [task_id])
        answer = server.get_task(whole)
        changes = _changes(server, whole) if history else None
        if as_json:
            more = {} if changes is None else {"history": changes}
            show_json({**answer.data, "etag": answer.etag, **more})
            return
        names = names_for(server, [answer.data])
    show_task(answer.data, names.get(answer.data["project_id"] or "", ""))
    if changes is not None:
        show_history(changes)


def _changes(server: Server, task_id: str) -> list[TaskChangeOut]:
    found = pages(lambda cursor: server.list_history(task_id, limit=200, cursor=cursor))
    return list(chain.from_iterable(page["items"] for page in found))

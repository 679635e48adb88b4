"""Looking at tasks."""

from datetime import datetime
from itertools import chain
from typing import Any

import click

from taskapi.terminal.calls import Calls
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
@click.option("--search", "-q", help="Each word begins a word of title, description or label.")
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
    with connected() as calls:
        query = _query(filters) | {"limit": "200" if everything else str(limit)}
        if project is not None:
            query["project"] = project if project == "inbox" else project_id(calls, project)
        if everything:
            items = list(chain.from_iterable(page["items"] for page in calls.pages("/tasks", query)))
            page: dict[str, Any] = {"items": items, "next_cursor": None}
        else:
            page = calls.read("/tasks", query).json
        if as_json:
            show_json(page)
            return
        if page["items"]:
            show_tasks(page["items"], names_for(calls, page["items"]))
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
    with connected() as calls:
        (whole,) = task_ids(calls, [task_id])
        answer = calls.read(f"/tasks/{whole}")
        changes = _changes(calls, whole) if history else None
        if as_json:
            more = {} if changes is None else {"history": changes}
            show_json({**answer.json, "etag": answer.etag, **more})
            return
        names = names_for(calls, [answer.json])
    show_task(answer.json, names.get(answer.json["project_id"] or "", ""))
    if changes is not None:
        show_history(changes)


def _changes(calls: Calls, task_id: str) -> list[dict[str, Any]]:
    pages = calls.pages(f"/tasks/{task_id}/history", {"limit": "200"})
    return list(chain.from_iterable(page["items"] for page in pages))


def _query(filters: dict[str, Any]) -> dict[str, str | list[str]]:
    """The filters that were given, under the names they have in a query."""
    query: dict[str, str | list[str]] = {}
    for name, value in filters.items():
        if value is True:
            query[name] = "true"
        elif value and not isinstance(value, bool):
            query["q" if name == "search" else name] = list(value) if isinstance(value, tuple) else value
    return query

"""Doing something to many tasks in a call or a few."""

import json
import re
import sys
from collections.abc import Sequence
from typing import Any, cast

import click

from taskapi.client.generated import Result
from taskapi.terminal.calls import Server
from taskapi.terminal.finding import connected, task_ids
from taskapi.terminal.reading import PRIORITIES, STATUSES
from taskapi.terminal.showing import clean, show_json
from taskapi.terminal.troubles import REFUSED, SETUP, Command, Trouble, json_option

# As many as a call takes.
_AT_ONCE = 100
# The part of a pointer that says which operation of a call is meant; the line says it by itself.
_WHICH = re.compile(r"^/operations/\d+")

_IDS = click.argument("ids", metavar="ID…", nargs=-1, required=True)


@click.command(cls=Command)
@_IDS
@json_option
def done(ids: tuple[str, ...], as_json: bool) -> None:
    """Mark tasks as done.

    \b
    Examples:
      taskapi task done 3f2a1c
      taskapi task done 3f2a1c 9b00d4 51e7aa
    """
    _to_each("update", ids, {"status": "done"}, "Done", as_json)


@click.command(cls=Command)
@_IDS
@click.option("--permanent", is_flag=True, help="For good, from the trash too; asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def rm(ids: tuple[str, ...], permanent: bool, yes: bool, as_json: bool) -> None:
    """Put tasks into the trash.

    From there `restore` brings them back for 30 days.

    \b
    Examples:
      taskapi task rm 3f2a1c
      taskapi task rm 3f2a1c --permanent --yes
    """
    if not permanent:
        _to_each("delete", ids, None, "Put into the trash:", as_json)
        return
    if not yes:
        click.confirm(f"Remove {len(ids)} task(s) for good, with their history?", abort=True, err=True)
    with connected() as server:
        wanted = _anywhere(server, ids)
        for one in wanted:
            server.delete_task(one, permanent=True)
    if as_json:
        show_json({"removed": wanted})
    else:
        click.echo(f"Removed {len(wanted)} task(s) for good.")


@click.command(cls=Command)
@_IDS
@json_option
def restore(ids: tuple[str, ...], as_json: bool) -> None:
    """Take tasks out of the trash.

    \b
    Examples:
      taskapi task list --trashed
      taskapi task restore 3f2a1c
    """
    _to_each("restore", ids, None, "Restored", as_json, trashed=True)


@click.command(cls=Command)
@click.argument("ids", metavar="[ID…]", nargs=-1)
@click.option("--status", "-s", type=STATUSES, help="Give these tasks this status.")
@click.option("--priority", "-p", type=PRIORITIES, help="Give these tasks this priority.")
@click.option("--atomic", is_flag=True, help="All or none; up to 100.")
@json_option
def bulk(ids: tuple[str, ...], status: str | None, priority: str | None, atomic: bool, as_json: bool) -> None:
    """Do many things at once.

    Either the same to the tasks named, or what standard input says: a JSON object on each line, as the API
    takes them, {"op": "create", "data": {…}}, {"op": "update", "id": "…", "data": {…}}, also delete and
    restore. They are sent a hundred at a time. Ends with 1 where any was refused.

    \b
    Examples:
      taskapi task bulk --status done 3f2a1c 9b00d4
      jq -c '{op: "create", data: {title: .}}' titles.json | taskapi task bulk
    """
    data = {name: value for name, value in (("status", status), ("priority", priority)) if value is not None}
    if bool(ids) != bool(data):
        raise Trouble(
            SETUP, "bad_usage", "name tasks and what to give them, or neither and pipe operations in"
        )
    with connected() as server:
        if ids:
            operations = [{"op": "update", "id": one, "data": data} for one in task_ids(server, ids)]
        else:
            operations = _operations(sys.stdin.read())
        results = _performed(server, operations, atomic)
    _tell(results, "Done", as_json)


def _to_each(
    op: str, ids: Sequence[str], data: dict[str, Any] | None, what: str, as_json: bool, trashed: bool = False
) -> None:
    with connected() as server:
        wanted = dict.fromkeys(task_ids(server, ids, trashed))
        operations = [{"op": op, "id": one} | ({"data": data} if data else {}) for one in wanted]
        results = _performed(server, operations, atomic=False)
    _tell(results, what, as_json)


def _anywhere(server: Server, ids: Sequence[str]) -> list[str]:
    """The ids of tasks that are live or in the trash."""
    found = []
    for one in ids:
        try:
            found += task_ids(server, [one])
        except Trouble as trouble:
            if trouble.problem.get("code") != "not_found":
                raise
            found += task_ids(server, [one], trashed=True)
    return found


def _operations(text: str) -> list[Any]:
    operations = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                operations.append(json.loads(line))
            except ValueError as error:
                raise Trouble(
                    SETUP, "bad_input", f"line {number} of standard input is not JSON ({error})"
                ) from None
    if not operations:
        raise Trouble(
            SETUP, "bad_input", "standard input has no operations; `taskapi task bulk --help` shows some"
        )
    return operations


def _performed(server: Server, operations: list[Any], atomic: bool) -> list[Result]:
    """What became of each, in order; a refusal of a whole call is told with how many were done before it."""
    if atomic and len(operations) > _AT_ONCE:
        raise Trouble(SETUP, "too_many", f"all or none goes up to {_AT_ONCE}; these are {len(operations)}")
    results: list[Result] = []
    for start in range(0, len(operations), _AT_ONCE):
        part = operations[start : start + _AT_ONCE]
        try:
            answer = server.change_many_tasks(operations=part, atomic=atomic)
        except Trouble as trouble:
            if start:
                trouble.detail += f" (The first {start} operations were sent and answered.)"
            raise
        results += [
            Result(index=start + one["index"], status=one["status"], body=one["body"])
            for one in answer.data["results"]
        ]
    return results


def _tell(results: list[Result], what: str, as_json: bool) -> None:
    """Print what became of each, and end with 1 where any was refused."""
    refused = [result for result in results if result["status"] >= 400]
    if as_json:
        show_json({"results": results})
    else:
        click.echo(f"{what} {len(results) - len(refused)} of {len(results)} task(s).")
        for result in refused:
            click.echo(clean(f"  operation {result['index']}: {_reason(result)}"), err=True)
    if refused:
        sys.exit(REFUSED)


def _reason(result: Result) -> str:
    """Why an operation was refused: its faults where it has some, else what the problem says."""
    problem = cast("dict[str, Any]", result["body"] or {})
    faults = [
        f"{_WHICH.sub('', fault.get('pointer', ''))} {fault.get('detail', '')}".strip()
        for fault in problem.get("errors", [])
    ]
    return "; ".join(faults) or str(problem.get("detail", "refused"))

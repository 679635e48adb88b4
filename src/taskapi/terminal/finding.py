"""Which tasks and projects are meant by what was typed."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import click

from taskapi.client.generated import TaskOut
from taskapi.terminal import connection
from taskapi.terminal.calls import Server, pages
from taskapi.terminal.connection import Connection
from taskapi.terminal.troubles import REFUSED, SETUP, Trouble

_WHOLE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PART = re.compile(r"[0-9a-f-]{3,36}")
_PAGE = 200


@contextmanager
def connected() -> Iterator[Server]:
    """The server of this terminal: that of the options or the environment, else the one kept."""
    with Server(_wanted()) as server:
        yield server


def _wanted() -> Connection:
    given = click.get_current_context().find_object(dict) or {}
    url, token = given.get("url"), given.get("token")
    if url and token:
        return Connection(connection.address(url), token.strip())
    kept = connection.kept()
    if kept is None:
        raise Trouble(
            SETUP, "not_connected", "this terminal is not connected to a server; run `taskapi task login`"
        )
    if token:
        return replace(kept, token=token.strip())
    if url and connection.address(url) != kept.url:
        # The token that was kept is for the server it was kept with, and for nobody else.
        raise Trouble(SETUP, "no_token", f"there is no token for {url}; give one by TASKAPI_TOKEN")
    return kept


def task_ids(server: Server, typed: Sequence[str], trashed: bool = False) -> list[str]:
    """The whole ids that these beginnings or ends of ids belong to. Raises Trouble where one is not clear."""
    wanted = [text.strip().lower() for text in typed]
    for text in wanted:
        if not _PART.fullmatch(text):
            raise Trouble(SETUP, "bad_id", f"{text!r} is no id; `taskapi task list` shows them")
    found: dict[str, dict[str, str]] = {text: {} for text in wanted if not _WHOLE.fullmatch(text)}
    if found:
        for page in pages(lambda cursor: server.list_tasks(limit=_PAGE, trashed=trashed, cursor=cursor)):
            for task in page["items"]:
                for text, matching in found.items():
                    if task["id"].startswith(text) or task["id"].endswith(text):
                        matching[task["id"]] = task["title"]
    return [_only(text, found[text], trashed) if text in found else text for text in wanted]


def _only(text: str, matching: dict[str, str], trashed: bool) -> str:
    if len(matching) == 1:
        return next(iter(matching))
    if not matching:
        where = "in the trash" if trashed else "among your tasks (those in the trash apart)"
        raise Trouble(REFUSED, "not_found", f"nothing {where} has the id {text}")
    shown = ", ".join(f"{one} ({title})" for one, title in list(matching.items())[:5])
    raise Trouble(
        REFUSED, "ambiguous_id", f"{len(matching)} tasks have an id with {text}: {shown}; type more of it"
    )


def project_id(server: Server, typed: str) -> str:
    """The project of this name, or of this id. Raises Trouble."""
    projects = project_names(server)
    if typed.lower() in projects:
        return typed.lower()
    named = [one for one, name in projects.items() if name.casefold() == typed.strip().casefold()]
    if len(named) == 1:
        return named[0]
    known = ", ".join(sorted(projects.values())) or "none yet (POST /projects makes one)"
    problem = "several projects have that name; give the id of one" if named else f"yours are: {known}"
    raise Trouble(REFUSED, "no_such_project", f"no one project is meant by {typed!r}; {problem}")


def project_names(server: Server) -> dict[str, str]:
    """The names of all projects by their ids."""
    found = pages(lambda cursor: server.list_projects(limit=_PAGE, cursor=cursor))
    return {project["id"]: project["name"] for page in found for project in page["items"]}


def names_for(server: Server, tasks: Iterable[TaskOut]) -> dict[str, str]:
    """The names of projects, asked for only where a task has one."""
    return project_names(server) if any(task["project_id"] for task in tasks) else {}

"""That the references answer with what taskapi answers with: the same tasks of the same people, in each way.

What differs is known: "before" and psycopg by hand have lists, single tasks and new ones alone, "before" no
pages and no `remind_at`; of statistics the references tell how many tasks are in each state, and no more; the
"after" tells neither somebody's time zone nor their language.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import httpx

from bench.crowd import NEW
from bench.house import House
from bench.names import BEFORE, BY_HAND

_OF_TASKS = (
    *("id", "title", "description", "status", "priority", "labels", "due_at", "due_on", "project_id"),
    *("position", "completed_at", "trashed_at", "created_at", "updated_at", "version"),
)
_OF_PEOPLE = ("id", "email", "name", "role")
_STATES = ("todo", "in_progress", "done")
_PEOPLE = 3
_LIST = "/api/v1/tasks?limit=20"
_CHANGED = {"title": "Paid rent"}

Shown = Callable[[str, str], Any]


def require_agreement(house: House) -> None:
    """Raises RuntimeError where a reference shows other things than taskapi, or those of somebody else."""
    # Some of the last, who ask least, as each has one task more after that.
    members = range(len(house.crowd.members) - 1 - _PEOPLE, len(house.crowd.members) - 1)
    tokens = house.crowd.tokens()
    few = {BEFORE, BY_HAND}
    for person in members:
        task = house.crowd.members[person].tasks[0]
        ways = [(name, way) for name in house.peers for way in _readings(task, has_all=name not in few)]
        # Behind all that is read: some have their tasks in the same table.
        ways += [(name, ("a new task, changed", _made)) for name in house.peers if name not in few]
        for name, (what, shown) in ways:
            wanted = shown(house.taskapi, tokens[person])
            found = shown(house.peers[name], house.crowd.peers_tokens[person])
            # Who knows no pages and no order shows all of them in some.
            is_list = name == BEFORE and isinstance(found, list)
            if not (all(one in found for one in wanted) if is_list else wanted == found):
                raise RuntimeError(f"{name}, {what}: {found} where taskapi has {wanted}")


def _readings(task: str, has_all: bool) -> Sequence[tuple[str, Shown]]:
    some: list[tuple[str, Shown]] = [
        ("a list", lambda url, token: _tasks(_asked(url, token, "GET", _LIST))),
        ("a task", lambda url, token: _task(_asked(url, token, "GET", f"/api/v1/tasks/{task}"))),
    ]
    if has_all:
        filtered = f"{_LIST}&status=todo"
        some += [
            ("a filtered list", lambda url, token: _tasks(_asked(url, token, "GET", filtered))),
            ("statistics", lambda url, token: _some(_asked(url, token, "GET", "/api/v1/stats"), _STATES)),
            ("oneself", lambda url, token: _some(_asked(url, token, "GET", "/api/v1/me"), _OF_PEOPLE)),
        ]
    return some


def _made(url: str, token: str) -> dict[str, Any]:
    """A new task of theirs when it was changed, but for what differs from one to the next."""
    new = _asked(url, token, "POST", "/api/v1/tasks", NEW)
    changed = _asked(url, token, "PATCH", f"/api/v1/tasks/{new['id']}", _CHANGED)
    return _some(changed, (*NEW, "description", "status", "version"))


def _asked(url: str, token: str, method: str, path: str, body: object = None) -> Any:
    answer = httpx.request(method, url + path, json=body, headers={"Authorization": f"Bearer {token}"})
    if answer.status_code != (201 if method == "POST" else 200):
        raise RuntimeError(f"{method} {url}{path} answers {answer.status_code}")
    return answer.json()


def _tasks(page: Any) -> list[dict[str, Any]]:
    return [_task(one) for one in (page if isinstance(page, list) else page["items"])]


def _task(task: Any) -> dict[str, Any]:
    return _some(task, _OF_TASKS)


def _some(told: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: _alike(told[name]) for name in names}


def _alike(value: Any) -> Any:
    """An instant however it is written, and anything else as it is."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
    return moment.timestamp() if moment.tzinfo else value

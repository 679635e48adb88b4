"""Before any load: that each answers as it should, and the references what ours does, field for field."""

from datetime import datetime
from typing import Any

from bench.load import Load
from bench.measured import (
    BARE_CREATE,
    BARE_LIST,
    BARE_ONE,
    BARE_UNCHANGED,
    BEFORE_ALL,
    BEFORE_CREATE,
    BEFORE_FEW,
    BEFORE_ONE,
    CREATE,
    HIT,
    MISS,
    ONE,
    UNCHANGED,
)
from bench.rivals import EACH, asked


def require_alike(loads: dict[str, Load]) -> None:
    """Raises RuntimeError that names what differs."""
    answers = {name: asked(load) for name, load in loads.items() if name != MISS}
    statuses = {name: answer.status_code for name, answer in answers.items()}
    created, unchanged = {CREATE, BARE_CREATE, BEFORE_CREATE}, {UNCHANGED, BARE_UNCHANGED}
    wanted = {name: 201 if name in created else 304 if name in unchanged else 200 for name in answers}
    _require(statuses == wanted, "status", statuses)
    _require(answers[HIT].headers["X-Cache"] == "hit", "X-Cache", answers[HIT].headers)
    _require(answers[HIT].content == answers[BARE_LIST].content, BARE_LIST)
    _require(answers[ONE].content == answers[BARE_ONE].content, BARE_ONE)
    page, task = answers[HIT].json()["items"], answers[ONE].json()
    _require(_read(task) == _read(answers[BEFORE_ONE].json()), BEFORE_ONE, task)
    few, everything = answers[BEFORE_FEW].json(), answers[BEFORE_ALL].json()
    _require(_without_ids(page) == _without_ids(few), BEFORE_FEW, few)
    _require(len(everything) == EACH, BEFORE_ALL, len(everything))
    _require(all(one.keys() == task.keys() for one in everything), BEFORE_ALL)
    for name in created:
        _require(answers[name].json().keys() == task.keys(), name, answers[name].text)


def require_miss(load: Load, line: str) -> None:
    """A page that nobody asked for before has its full size and does not come from memory."""
    path, token = line.split("\t")
    answer = asked(Load("same", load.url + path, {"Authorization": f"Bearer {token}"}))
    _require(answer.status_code == 200, MISS, answer.text)
    _require(answer.headers["X-Cache"] == "miss", MISS, answer.headers)
    _require(f"limit={len(answer.json()['items'])}&" in path, MISS, path)


def _without_ids(tasks: list[dict[str, Any]]) -> list[list[tuple[str, Any]]]:
    """What is told of tasks but their ids, in some order: the "before" promises none."""
    return sorted((sorted(_read(task | {"id": None}).items()) for task in tasks), key=str)


def _read(task: dict[str, Any]) -> dict[str, Any]:
    """A task with its instants read: .000 at their end says nothing."""
    return {
        name: datetime.fromisoformat(value) if name.endswith("_at") and value else value
        for name, value in task.items()
    }


def _require(holds: bool, what: str, found: object = "") -> None:
    if not holds:
        raise RuntimeError(f"not alike: {what} {found}")

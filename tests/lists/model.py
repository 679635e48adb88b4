"""What a list shows, said again in plain Python over what clients wrote."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_RANKS = ["none", "low", "medium", "high", "urgent"]


@dataclass(frozen=True)
class Known:
    """A task: what a client wrote, and what the server made."""

    id: str
    content: dict[str, Any]
    created_at: int
    updated_at: int
    position: str
    trashed: bool = False

    def of(self, name: str, default: Any = None) -> Any:
        return self.content.get(name, default)

    @property
    def due(self) -> int | None:
        """The last millisecond at which it is not yet late."""
        if self.of("due_on"):
            return _moment(self.of("due_on")) + 24 * 3600 * 1000 - 1
        return _moment(self.of("due_at")) if self.of("due_at") else None


def _moment(text: str) -> int:
    """The milliseconds of an instant, or of the beginning of a day in UTC."""
    instant = datetime.fromisoformat(text if "T" in text else f"{text}T00:00:00Z")
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def same_label(one: str, other: str) -> bool:
    """Of the labels that these tests use: equal but for case and width."""
    return _plain(one) == _plain(other)


def _plain(label: str) -> str:
    return unicodedata.normalize("NFKC", label).casefold()


_SORT_KEYS: dict[str, Callable[[Known], Any]] = {
    "created_at": lambda task: task.created_at,
    "updated_at": lambda task: task.updated_at,
    "due": lambda task: task.due,
    "priority": lambda task: _RANKS.index(task.of("priority", "none")),
    "position": lambda task: task.position,
    "title": lambda task: [ord(character) for character in task.content["title"].casefold()],
}


def _passes(task: Known, query: dict[str, Any]) -> bool:
    """Whether a task is in the list, but for the words of `q`."""
    project, due = query.get("project"), task.due
    labels = task.of("labels", [])
    return (
        task.trashed == (query.get("trashed") == "true")
        and task.of("status", "todo") in query.get("status", ["todo", "in_progress", "done"])
        and task.of("priority", "none") in query.get("priority", _RANKS)
        and all(any(same_label(label, own) for own in labels) for label in query.get("label", []))
        and (project is None or task.of("project_id") == (None if project == "inbox" else project))
        and ("due_before" not in query or (due is not None and due < _moment(query["due_before"])))
        and ("due_after" not in query or (due is not None and due >= _moment(query["due_after"])))
    )


def in_order(tasks: Sequence[Known], sort: str) -> list[str]:
    """Ids by the sort key, then by id in the same direction; those without a key at the end."""
    key, backwards = _SORT_KEYS[sort.removeprefix("-")], sort.startswith("-")
    with_key = [task for task in tasks if key(task) is not None]
    without = [task for task in tasks if key(task) is None]
    with_key.sort(key=lambda task: (key(task), task.id), reverse=backwards)
    without.sort(key=lambda task: task.id, reverse=backwards)
    return [task.id for task in with_key + without]


def listed(tasks: Sequence[Known], query: dict[str, Any]) -> list[str]:
    """The ids of a whole list."""
    return in_order([task for task in tasks if _passes(task, query)], query.get("sort", "-created_at"))

"""That the references answer with what taskapi answers with: the same tasks of the same people."""

from datetime import datetime
from typing import Any

import httpx

from bench.house import House
from bench.names import BEFORE

# Which all have, each in words of its own.
FIELDS = ("id", "title", "description", "status", "priority", "labels", "created_at", "updated_at", "version")
_PEOPLE = 3
_LIMIT = 20


def require_agreement(house: House) -> None:
    """Raises RuntimeError where a reference shows other tasks than taskapi, or others of somebody else."""
    for person, token in list(enumerate(house.crowd.tokens()))[:_PEOPLE]:
        wanted = _shown(house.taskapi, token)
        for name, url in house.peers.items():
            found = _shown(url, house.crowd.peers_tokens[person])
            # Who knows no pages and no order shows all of them in some.
            is_alike = _within(wanted, found) if name == BEFORE else wanted == found
            if not is_alike:
                raise RuntimeError(f"{name} answers otherwise: {found[:1]} where taskapi has {wanted[:1]}")


def _shown(url: str, token: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{url}/api/v1/tasks?limit={_LIMIT}", headers={"Authorization": f"Bearer {token}"})
    answer.raise_for_status()
    page = answer.json()
    tasks = page if isinstance(page, list) else page["items"]
    return [{name: _told(task[name]) for name in FIELDS} for task in tasks]


def _told(value: Any) -> Any:
    """An instant however it is written, and anything else as it is."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
    return moment.timestamp() if moment.tzinfo else value


def _within(wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> bool:
    return all(one in found for one in wanted)

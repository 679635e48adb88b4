"""What Kibana shows, as code: a view of the lines, and searches of what operators ask for first.

    python tools/kibana.py

It writes deploy/observability/kibana/objects.ndjson, which `POST /api/saved_objects/_import` takes.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "deploy" / "observability" / "kibana" / "objects.ndjson"
_VIEW = "taskapi-logs"
_INDEX = "kibanaSavedObjectMeta.searchSourceJSON.index"


@dataclass(frozen=True)
class Search:
    """A question in Kibana's query language, and the columns that answer it."""

    name: str
    title: str
    query: str
    columns: tuple[str, ...]
    sort: tuple[str, str] = ("@timestamp", "desc")


SEARCHES = (
    Search(
        "requests",
        "taskapi: requests",
        'event.dataset: ("nginx.access" or "taskapi.access")',
        (
            *("service.name", "http.request.method", "taskapi.route", "http.response.status_code"),
            *("event.duration", "user.id", "http.request.id"),
        ),
    ),
    Search(
        "errors",
        "taskapi: errors",
        "log.level: error or http.response.status_code >= 500",
        ("service.node.name", "message", "error.type", "taskapi.route", "http.request.id"),
    ),
    Search(
        "slow",
        "taskapi: slow",
        'event.duration >= 500000000 or log.logger: "taskapi.overdue"',
        ("service.node.name", "message", "event.duration", "taskapi.route", "http.request.id"),
        ("event.duration", "desc"),
    ),
    Search(
        "security",
        "taskapi: security",
        'http.response.status_code: (401 or 403 or 429) or message: "authn_token_reuse"',
        ("client.address", "message", "taskapi.route", "user.id", "http.request.id"),
    ),
    Search(
        "audit",
        "taskapi: audit",
        'event.dataset: "taskapi.audit"',
        ("event.action", "user.id", "user.target.id", "taskapi.target.id", "taskapi.via", "http.request.id"),
    ),
    Search(
        "one-request",
        "taskapi: one request, everywhere (put its id in)",
        'http.request.id: "…"',
        ("service.name", "event.dataset", "message", "trace.id", "span.id"),
        ("@timestamp", "asc"),
    ),
)


def objects() -> list[dict[str, Any]]:
    """Saved objects, in the order in which they refer to each other."""
    view = {
        "type": "index-pattern",
        "id": _VIEW,
        "attributes": {"name": "taskapi", "title": "logs-taskapi-*", "timeFieldName": "@timestamp"},
        "references": [],
    }
    return [view, *map(_saved, SEARCHES)]


def _saved(search: Search) -> dict[str, Any]:
    source = {"query": {"language": "kuery", "query": search.query}, "filter": [], "indexRefName": _INDEX}
    return {
        "type": "search",
        "id": f"taskapi-{search.name}",
        "attributes": {
            "title": search.title,
            "columns": list(search.columns),
            "sort": [list(search.sort)],
            "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)},
        },
        "references": [{"type": "index-pattern", "id": _VIEW, "name": _INDEX}],
    }


def text() -> str:
    return "".join(json.dumps(one) + "\n" for one in objects())


if __name__ == "__main__":
    FILE.write_text(text())

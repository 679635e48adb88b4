"""Examples made from the schemas, so that none is forgotten and none goes stale."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_ID = "01936f2e-7c4a-7d1b-9a35-2f6c8e0b4d17"
_MOMENT = "2026-01-31T09:00:00Z"
# What stands where only the name of a member tells what would.
_BY_NAME: dict[str, Any] = {
    "access_token": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9…",
    "after": _ID,
    "changes": [{"field": "status", "before": "todo", "after": "done"}],
    "code": "not_found",
    "color": "#1a2b3c",
    "current_password": "correct horse battery staple",
    "cursor": "3q2-7wEjRWeJq83v",
    "description": "By bank transfer.",
    "detail": "must not be empty",
    "due_on": None,
    "from": "home",
    "if_match": '"5c0f1e2d3b4a69788796a5b4"',
    "instance": "/api/v1/tasks",
    "ip": "203.0.113.7",
    "key": "6f1c9c1e-pay-rent",
    "label": ["home"],
    "labels": ["home"],
    "language": "en",
    "name": "Ann",
    "new_password": "a wholly different phrase",
    "next_cursor": None,
    "password": "correct horse battery staple",
    "pointer": "/title",
    "position": "a0",
    "project_id": None,
    "refresh_token": "3q2-7wEjRWeJq83v",
    "request_id": "7f3a9c0e5b1d4c2a8e6f0b9d1c3a5e7f",
    "timezone": "Europe/Berlin",
    "title": "Pay rent",
    "to": "house",
    "token": "3q2-7wEjRWeJq83v",
    "trashed_at": None,
    "type": "urn:taskapi:problem:not_found",
    "user_agent": "curl/8.5.0",
    "version": 1,
}
_BY_FORMAT = {
    "uuid": _ID,
    "date-time": _MOMENT,
    "date": "2026-01-31",
    "email": "ann@example.com",
    "iana-time-zone": "Europe/Berlin",
}


def example_of(schema: Schema, known: Mapping[str, Schema], name: str = "") -> Any:
    """A value that a schema allows; the references in it lead to what is `known`."""
    if "$ref" in schema:
        return example_of(known[schema["$ref"].rpartition("/")[2]], known)
    if "examples" in schema:
        return schema["examples"][0]
    if "properties" in schema:
        return {key: example_of(member, known, key) for key, member in schema["properties"].items()}
    for choice in ("anyOf", "oneOf"):
        if choice in schema and name not in _BY_NAME:
            return example_of(schema[choice][0], known, name)
    return _plain(schema, known, name)


def _plain(schema: Schema, known: Mapping[str, Schema], name: str) -> Any:
    for words in ("enum", "x-extensible-enum"):
        if words in schema:
            return schema[words][0]
    if "const" in schema:
        return schema["const"]
    kinds = schema.get("type", "string")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if name in _BY_NAME and _is_of(kinds, _BY_NAME[name]):
        return _BY_NAME[name]
    if kind == "array":
        return [example_of(schema.get("items", {}), known)]
    if kind == "string":
        return _BY_FORMAT.get(schema.get("format", ""), "text")
    return {"integer": schema.get("default", schema.get("minimum", 1)), "boolean": False, "object": {}}.get(
        kind
    )


def _is_of(kinds: str | list[str], value: Any) -> bool:
    names = {str: "string", list: "array", int: "integer", type(None): "null"}
    return names[type(value)] in kinds

"""Every answer held against the document: what is sent is exactly what is described, nothing less or more.

Clients have to tolerate what comes later; this is stricter: no member, word or header may be sent that the
document does not have.
"""

import copy
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

import jsonschema_rs
import orjson

from taskapi.contract import described
from taskapi.contract.words import ANSWER_HEADERS
from tests.routes import bare_app

_READS = {"HEAD": "get"}


@cache
def document() -> dict[str, Any]:
    """The document, as every application of this release has it."""
    return described(bare_app())


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """What a node says, or what the node says that it refers to."""
    place: Any = document()
    for part in node.get("$ref", "#").split("/")[1:]:
        place = place[part]
    return place if "$ref" in node else node


def check(method: str, url: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Hold an answer against the document; raises AssertionError that says what is not as described."""
    where = f"{method} {url} answered {status}: {body[:300]!r}"
    if method == "OPTIONS":
        return
    operation = operation_of(method, url.partition("?")[0])
    if operation is None or status == 405:
        _check_stray(url, status, body, where)
        return
    assert str(status) in operation["responses"], f"{where}; the document knows no such status there"
    described_there = resolved(operation["responses"][str(status)])
    _check_headers(described_there.get("headers", {}), headers, where)
    _check_body(described_there.get("content", {}), method, headers, body, where)


@lru_cache(maxsize=4096)
def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """The operation that a request is of, None where the document has none."""
    methods = next((methods for pattern, methods in _patterns() if pattern.fullmatch(path)), {})
    found: dict[str, Any] | None = methods.get(_READS.get(method, method.lower()))
    return found


@cache
def _patterns() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """The paths, those without a variable part first: `bulk` is no id."""
    paths = sorted(document()["paths"].items(), key=lambda pair: pair[0].count("{"))
    return [
        (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), methods) for path, methods in paths
    ]


def _check_stray(url: str, status: int, body: bytes, where: str) -> None:
    """Where no operation is, nothing is found; tests add views of their own outside of the API."""
    if url.startswith("/api/"):
        assert status in {401, 404, 405}, f"{where}; the document knows no such operation"
    if status >= 400 and body:
        _complain(_validator("Problem"), body, where)


def _check_headers(told: Mapping[str, Any], headers: Mapping[str, str], where: str) -> None:
    for name, node in told.items():
        header = resolved(node)
        if name in headers:
            value: Any = headers[name]
            if header["schema"]["type"] == "integer":
                assert re.fullmatch(r"[0-9]+", value), f"{where}; {name}: {value}"
                value = int(value)
            error = next(_header_validator(name).iter_errors(value), None)
            assert error is None, f"{where}; {name}: {error}"
        else:
            assert not header.get("required"), f"{where}; {name} is missing"
    undescribed = [name for name in ANSWER_HEADERS if name in headers and name not in told]
    # How bodies are kept apart where the document says nothing of it.
    assert not set(undescribed) - {"Vary"}, f"{where}; not described there: {undescribed}"


def _check_body(
    content: Mapping[str, Any], method: str, headers: Mapping[str, str], body: bytes, where: str
) -> None:
    if not content:
        assert not body, f"{where}; no body is described"
        return
    kind = headers.get("Content-Type", "")
    assert kind in content, f"{where}; {kind} is not described"
    if method == "HEAD" or "Content-Encoding" in headers:
        return
    _complain(_validator(content[kind]["schema"]["$ref"].rpartition("/")[2]), body, where)


def _complain(validator: jsonschema_rs.Validator, body: bytes, where: str) -> None:
    error = next(validator.iter_errors(orjson.loads(body)), None)
    assert error is None, f"{where}; {error}"


@cache
def _validator(name: str) -> jsonschema_rs.Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": _strict_schemas()}}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


@cache
def _header_validator(name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(_strict(ANSWER_HEADERS[name]["schema"]), validate_formats=True)


@cache
def _strict_schemas() -> dict[str, Any]:
    found: dict[str, Any] = _strict(copy.deepcopy(document()["components"]["schemas"]))
    return found


def _strict(node: Any) -> Any:
    """A schema that takes no member and no word but those described."""
    if isinstance(node, list):
        return [_strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    node = {key: _strict(value) for key, value in node.items()}
    words = node.pop("x-extensible-enum", None)
    if words is not None:
        node["enum"] = words
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        node.setdefault("additionalProperties", False)
    return node

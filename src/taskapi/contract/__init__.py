"""The contract as a document (OpenAPI 3.1), made from the application: its routes, signatures and marks.

operations   which there are, and what follows for each
schemas      models as JSON Schema
answers      statuses and headers
examples     made from the schemas
words        what the words mean
"""

from typing import Any

from flask import Flask
from pydantic import BaseModel

import taskapi
from taskapi.contract.answers import Answers
from taskapi.contract.examples import example_of
from taskapi.contract.links import links_between
from taskapi.contract.operations import Operation, operations_of
from taskapi.contract.schemas import Schemas
from taskapi.contract.words import ABOUT, ANSWER_HEADERS, CODES, REQUEST_HEADERS, SCHEMES, SOMETIMES, TAGS
from taskapi.parsing import Nothing
from taskapi.scopes import ACCOUNT

_VERSION = "3.1.0"
_CODE = {
    "pattern": "^[a-z]+(_[a-z]+)*$",
    "x-extensible-enum": sorted({code for codes in CODES.values() for code in codes}),
    "description": "What happened, in a word to decide by. More words may come.",
}
_MERGE_PATCH = "application/merge-patch+json"


def described(app: Flask) -> dict[str, Any]:
    """The document of an application."""
    operations = operations_of(app)
    schemas = Schemas()
    answers = Answers(schemas, _tagged(operations))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, schemas, answers)
    links_between(paths)
    schemas.known["Problem"]["properties"]["code"] |= _CODE
    return {
        "openapi": _VERSION,
        "info": {
            "title": "taskapi",
            "version": taskapi.__version__,
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": _tags(operations),
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.known.items())),
            "responses": dict(sorted(answers.shared.items())),
            "headers": {name: _header(name) for name in ANSWER_HEADERS},
            "parameters": {name: _request_header(name) for name in REQUEST_HEADERS},
            "securitySchemes": SCHEMES,
        },
    }


def _operation(operation: Operation, schemas: Schemas, answers: Answers) -> dict[str, Any]:
    summary, description = operation.said
    said: dict[str, Any] = {"tags": [_tag(operation.room)[0]], "operationId": operation.id}
    said |= {"summary": summary} if summary else {}
    said |= {"description": description} if description else {}
    said |= {"deprecated": True} if operation.deprecation is not None else {}
    said["security"] = _security(operation)
    said["parameters"] = [*_parameters(operation, schemas), *_request_headers(operation)]
    if operation.body is not None:
        said["requestBody"] = _body(operation, operation.body, schemas)
    if operation.is_upload:
        said["requestBody"] = {"required": True, "content": {"application/octet-stream": {"schema": {}}}}
    said["responses"] = answers.of(operation)
    return said


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    """The tokens that will do, one of them: personal ones are for tasks, and need the scope."""
    if operation.is_public:
        return []
    tokens: list[dict[str, list[str]]] = [{"accessToken": []}]
    if operation.scope != ACCOUNT:
        tokens.append({"personalToken": [operation.scope] if operation.scope is not None else []})
    return tokens


def _parameters(operation: Operation, schemas: Schemas) -> list[dict[str, Any]]:
    found = []
    for place, model in operation.parameters:
        for name, (schema, is_needed) in schemas.parameters(model).items():
            said: dict[str, Any] = {"name": name, "in": place, "required": is_needed}
            said |= {"description": schema.pop("description")} if "description" in schema else {}
            said |= {"style": "form", "explode": True} if schema.get("type") == "array" else {}
            found.append(said | {"schema": schema})
    return found


def _request_headers(operation: Operation) -> list[dict[str, Any]]:
    named = {
        "If-None-Match": operation.is_kept,
        "If-Match": operation.takes_match,
        "Idempotency-Key": operation.is_keyed,
        "Consistency-Token": not operation.is_public,
        "X-Request-ID": True,
    }
    return [{"$ref": f"#/components/parameters/{name}"} for name, is_taken in named.items() if is_taken]


def _body(operation: Operation, model: type[BaseModel], schemas: Schemas) -> dict[str, Any]:
    schema = schemas.request(model, is_patch=operation.method == "patch")
    content = {"schema": schema, "example": example_of(schema, schemas.known)}
    kinds = ["application/json"] + ([_MERGE_PATCH] if operation.method == "patch" else [])
    return {"required": not issubclass(model, Nothing), "content": dict.fromkeys(kinds, content)}


def _tagged(operations: list[Operation]) -> set[type[BaseModel]]:
    """The models whose answers have an ETag: those of single things that are kept under an epoch."""
    return {
        model
        for operation in operations
        if operation.is_kept and operation.endpoint.query is None
        for model in operation.answers.values()
        if model is not None
    }


def _tag(room: str) -> tuple[str, str]:
    return TAGS.get(room, (room.capitalize(), ""))


def _tags(operations: list[Operation]) -> list[dict[str, str]]:
    used = {operation.room for operation in operations}
    rooms = [room for room in TAGS if room in used] + sorted(used - TAGS.keys())
    return [{"name": _tag(room)[0], "description": _tag(room)[1]} for room in rooms]


def _header(name: str) -> dict[str, Any]:
    return {**ANSWER_HEADERS[name], "required": name not in SOMETIMES}


def _request_header(name: str) -> dict[str, Any]:
    return {"name": name, "in": "header", **REQUEST_HEADERS[name]}

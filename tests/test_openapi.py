"""What /openapi.json describes is what there is."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import schemathesis
from pydantic import BaseModel

import taskapi
from taskapi.contract import described
from taskapi.contract.words import CODES
from taskapi.errors import AppError
from tests.people import Api
from tests.routes import OPERATIONS, bare_app
from tests.truth import document, resolved


def _referenced(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(_referenced, node.values()))
    if isinstance(node, list):
        return set().union(*map(_referenced, node))
    return set()


def _models(model: type[BaseModel] = BaseModel) -> set[type[BaseModel]]:
    found = {one for one in model.__subclasses__() if one.__module__.startswith("taskapi.")}
    return found.union(*(_models(one) for one in model.__subclasses__()))


def test_every_operation_is_described_and_nothing_else(anonymous: Api) -> None:
    paths = anonymous.get("//openapi.json").json["paths"]
    described_here = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    ours = [one for one in OPERATIONS if one.rule.startswith("/api/")]
    routes = {(re.sub(r"<(\w+)>", r"{\1}", one.rule), one.method) for one in ours}
    assert {(path, method) for path, method in described_here if path.startswith("/api/")} == routes


def test_the_parameters_of_a_list_are_described(anonymous: Api) -> None:
    listing = anonymous.get("//openapi.json").json["paths"]["/api/v1/tasks"]["get"]
    names = {parameter["name"] for parameter in listing["parameters"] if parameter.get("in") == "query"}
    expected = {"status", "priority", "label", "project", "due_before", "due_after", "q", "trashed"}
    assert names == expected | {"sort", "limit", "cursor", "count"}


def test_every_reference_leads_somewhere() -> None:
    document = described(bare_app())
    for reference in _referenced(document):
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
        assert place


def test_no_two_models_share_a_name_so_that_none_is_described_as_another() -> None:
    names: dict[str, type[BaseModel]] = {}
    for model in _models():
        other = names.setdefault(model.__name__, model)
        is_same = other.model_json_schema() == model.model_json_schema()
        assert other is model or is_same, f"{other} and {model}"


def test_the_document_is_made_once_and_told_by_its_tag(anonymous: Api) -> None:
    first = anonymous.get("//openapi.json")
    assert first.data == anonymous.get("//openapi.json").data
    assert first.headers["Cache-Control"] == "no-cache"
    assert anonymous.get("//openapi.json", headers={"If-None-Match": first.etag}).status_code == 304
    assert anonymous.app.extensions["taskapi_document"].content == first.data


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_document_is_a_document_of_openapi_3_1() -> None:
    schemathesis.openapi.from_dict(document()).validate()


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = [operation["operationId"] for _, operation in _operations()]
    assert len(set(names)) == len(names)
    for where, operation in _operations():
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", operation["operationId"]), where
        assert re.fullmatch(r"[A-Z].{7,70}[^.]", operation["summary"]), where
        assert len(operation["tags"]) == 1


def test_every_operation_but_the_public_ones_asks_for_a_token() -> None:
    public = {(one.method, re.sub(r"<(\w+)>", r"{\1}", one.rule)) for one in OPERATIONS if one.public}
    for where, operation in _operations():
        method, _, path = where.partition(" ")
        is_open = (method, path) in public
        assert (operation["security"] == []) == is_open, where
        assert ("401" in operation["responses"]) == (not is_open or _logs_in(path)), where


def _logs_in(path: str) -> bool:
    return path.endswith(("/login", "/refresh"))


def test_a_patch_says_no_defaults_since_what_is_absent_stays() -> None:
    for where, operation in _operations():
        if where.startswith("PATCH"):
            content = operation["requestBody"]["content"]
            assert content.keys() == {"application/json", "application/merge-patch+json"}
            schema = resolved(content["application/json"]["schema"])
            assert not [name for name, member in schema["properties"].items() if "default" in member], where
            assert "required" not in schema


def test_every_example_is_as_its_schema_has_it() -> None:
    seen = 0
    for node in _nodes(document()):
        if "example" in node and "schema" in node:
            schema = {**node["schema"], "components": document()["components"]}
            jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(node["example"])
            seen += 1
    assert seen > 50


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for below in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(below)


def test_requests_are_closed_and_answers_are_open() -> None:
    for where, operation in _operations():
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]
            if "application/json" not in content:
                continue  # A file.
            schema = resolved(content["application/json"]["schema"])
            assert schema["additionalProperties"] is False, where
        for answer in operation["responses"].values():
            for content in resolved(answer).get("content", {}).values():
                assert "additionalProperties" not in resolved(content["schema"]), where


def test_every_member_that_is_a_moment_or_an_id_says_so() -> None:
    wanted = {"_at": "date-time", "_id": "uuid"}
    for name, schema in document()["components"]["schemas"].items():
        for member, said in schema.get("properties", {}).items():
            form = wanted.get(member[-3:]) if member != "request_id" else None
            alternatives = said.get("anyOf", [said])
            assert form is None or form in {one.get("format") for one in alternatives}, f"{name}.{member}"


def test_every_word_that_a_refusal_may_say_is_in_the_document_and_no_other() -> None:
    """Words are made of the names of classes, or given as `code`: both stand in the source."""
    told = {code for codes in CODES.values() for code in codes}
    said = {"method_not_allowed", "internal_error"}
    for path in (Path(taskapi.__file__).parent).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
                said.add(str(node.value.value))
    said |= {_word(kind) for kind in _kinds(AppError) if not _is_given_its_word(kind)}
    assert told == said - _OF_COMMANDS


# Refusals that commands alone meet.
_OF_COMMANDS = {"address_taken"}


def _kinds(kind: type[AppError]) -> set[type[AppError]]:
    return set().union(*({one} | _kinds(one) for one in kind.__subclasses__()))


def _is_given_its_word(kind: type[AppError]) -> bool:
    return any(
        'code="' in inspect.getsource(one) for one in kind.__mro__ if one.__module__.startswith("taskapi")
    )


def _word(kind: type[AppError]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()

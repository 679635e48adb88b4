"""What /openapi.json describes is what there is."""

import re
from typing import Any

from pydantic import BaseModel

from taskapi.contract import described
from tests.people import Api
from tests.routes import OPERATIONS, bare_app


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

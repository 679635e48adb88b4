"""Models as JSON Schema (2020-12), so that a schema says what is taken and sent, and not how it is coded.

What pydantic writes says defaults where PATCH means "as it is", and null where a model has None for "not
said". Schemas of requests are closed, as our parser is; those of answers are open: members may come.
"""

import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from taskapi.documented import without_null
from taskapi.parsing import Query

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/{model}"
_NULL = {"type": "null"}
# What a member of an answer is by its name, where its type is plain text: the contract has no exception.
_FORMATS = (
    (re.compile(r"(.*_)?at$|timestamp$"), "date-time"),
    (re.compile(r"(.*_)?on$|date$"), "date"),
    (re.compile(r"(?!request_id$)(.*_)?id$"), "uuid"),
    (re.compile(r"email$"), "email"),
)


class _Untitled(GenerateJsonSchema):
    """Without the names of Python's classes and fields as titles."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the hook's own signature
        return False


class Schemas:
    """The schemas of the models met so far, each under the name of its model."""

    def __init__(self) -> None:
        self.known: dict[str, Schema] = {}

    def request(self, model: type[BaseModel], *, is_patch: bool = False) -> Schema:
        """The reference to a body's schema; that of a PATCH has no defaults."""
        return self._added(model, lambda schema: _as_taken(schema, is_patch=is_patch))

    def answer(self, model: type[BaseModel]) -> Schema:
        """The reference to the schema of what is answered."""
        return self._added(model, _as_sent)

    def parameters(self, model: type[BaseModel]) -> dict[str, tuple[Schema, bool]]:
        """The schema of each parameter, and whether it is needed."""
        whole = model.model_json_schema(schema_generator=_Untitled, ref_template=REFERENCE)
        needed = whole.get("required", [])
        found = {}
        for name, schema in whole.get("properties", {}).items():
            said = without_null(schema) if issubclass(model, Query) else dict(schema)
            if said.get("default", 0) is None or said.get("default") == "":
                del said["default"]
            found[name] = (said, name in needed)
        return found

    def _added(self, model: type[BaseModel], truly: Any) -> Schema:
        whole = model.model_json_schema(schema_generator=_Untitled, ref_template=REFERENCE)
        parts = {model.__name__: whole, **whole.pop("$defs", {})}
        for name, schema in parts.items():
            self.known.setdefault(name, truly(schema))
        return {"$ref": REFERENCE.format(model=model.__name__)}


def _as_taken(schema: Schema, *, is_patch: bool) -> Schema:
    schema = _untitled(schema)
    members = schema.get("properties", {})
    for name, member in members.items():
        said = _short(member)
        # None stands for "not said" where null is not taken.
        is_silent = said.get("default", 0) is None and "null" not in said.get("type", "")
        members[name] = {
            key: value for key, value in said.items() if key != "default" or not (is_patch or is_silent)
        }
    return schema


def _as_sent(schema: Schema) -> Schema:
    """Every member is there, but those that are None by default: they are absent instead."""
    schema = _untitled(schema)
    schema.pop("additionalProperties", None)
    members = schema.get("properties")
    if members is None:
        return schema
    absent = {name for name, member in members.items() if member.get("default", 0) is None}
    schema["properties"] = {
        name: _member(name, without_null(member) if name in absent else member)
        for name, member in members.items()
    }
    schema["required"] = [name for name in members if name not in absent]
    return schema


def _member(name: str, schema: Schema) -> Schema:
    """A member of an answer, with what its name tells of it and its words left open."""
    schema = {key: value for key, value in schema.items() if key != "default"}
    for keyword in ("anyOf", "items"):
        if isinstance(schema.get(keyword), list):
            schema[keyword] = [_member(name, one) for one in schema[keyword]]
        elif keyword in schema:
            schema[keyword] = _member("", schema[keyword])
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if "enum" in schema and schema.get("type") == "string":
        schema["x-extensible-enum"] = schema.pop("enum")
        schema["description"] = f"{schema.get('description', '')} More words may come.".strip()
    if schema.get("type") == "string" and "format" not in schema:
        forms = [form for pattern, form in _FORMATS if pattern.fullmatch(name)]
        schema |= {"format": forms[0]} if forms else {}
    return _short(schema)


def _short(schema: Schema) -> Schema:
    """`string or null` as a list of types, where nothing else is said of either."""
    alternatives = schema.get("anyOf", [])
    if len(alternatives) == 2 and alternatives[1] == _NULL and isinstance(alternatives[0].get("type"), str):
        first = alternatives[0]
        others = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**first, "type": [first["type"], "null"], **others}
    return schema


def _untitled(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "title"}

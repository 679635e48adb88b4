"""Writes src/taskapi/client/generated.py, and the table in docs/api.md, from the document: `make client`.

One TypedDict for each schema and one method for each operation. Words of answers stay `str`, because more may
come; those of requests are `Literal`. openapi-python-client would write a package of some hundred modules for
the same, and datamodel-code-generator the types alone.
"""

import keyword
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "src" / "taskapi" / "client" / "generated.py"
TOUR = Path(__file__).parent.parent / "docs" / "api.md"
_HEAD = '''\
"""The operations of the API and the shapes of what they take and answer.

Made from the document by `make client`; not to be edited.
"""

# ruff: noqa: A002, PLR0913 - an argument for each parameter, by its name

from typing import Any, Literal, NotRequired, TypedDict

from taskapi.client.transport import UNSET, Answer, Request, Transport, Unset, path_of, sent
'''
_SIMPLE = {"string": "str", "integer": "int", "boolean": "bool", "number": "float", "null": "None"}

Schema = Mapping[str, Any]


def main() -> None:
    from taskapi.contract import described  # noqa: PLC0415 - so that the generator itself needs no application
    from tests.routes import bare_app  # noqa: PLC0415 - as above

    document = described(bare_app())
    TARGET.write_text(generated(document))
    TOUR.write_text(with_table(TOUR.read_text(), document))


def generated(document: Mapping[str, Any]) -> str:
    """The module, formatted."""
    schemas = document["components"]["schemas"]
    methods = [
        _method(path, verb, operation, document)
        for path, operations in document["paths"].items()
        for verb, operation in operations.items()
    ]
    types = [_type(name, schemas[name]) for name in _used(document)]
    methods.sort(key=lambda text: text.split("(")[0])
    text = "\n\n".join([_HEAD, *types, _class(methods)])
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(TARGET), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def with_table(text: str, document: Mapping[str, Any]) -> str:
    """The tour with its table of operations, which is the last thing on the page, made anew."""
    lines = ["| call | what | in the client |", "|---|---|---|"]
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            name = _method_name(operation)
            lines.append(f"| {verb.upper()} `{path}` | {operation['summary']} | `{name}` |")
    before, marker, _ = text.partition("## Every call\n")
    return before + marker + "\n" + "\n".join(lines) + "\n"


def _class(methods: list[str]) -> str:
    docstring = '"""The service, an operation a method; each raises ProblemError where it is refused."""'
    return "class Client(Transport):\n" + textwrap.indent("\n\n".join([docstring, *methods]), "    ")


def _used(document: Mapping[str, Any]) -> list[str]:
    """The schemas that methods mention, each after those it mentions itself.

    Bodies are taken apart into arguments and refusals are raised, so that neither has a type.
    """
    found: dict[str, None] = {}

    def visit(schema: Any) -> None:
        for name in re.findall(r"#/components/schemas/(\w+)", repr(schema)):
            if name not in found:
                visit(document["components"]["schemas"][name])
                found[name] = None

    for operations in document["paths"].values():
        for operation in operations.values():
            visit(_success(operation))
            visit(_members(operation, document))
    return list(found)


def _type(name: str, schema: Schema) -> str:
    """A TypedDict; by its functional form where a member has a name that Python keeps for itself."""
    needed = schema.get("required", [])
    members = {
        key: _annotation(member) if key in needed else f"NotRequired[{_annotation(member)}]"
        for key, member in schema.get("properties", {}).items()
    }
    about = " ".join(schema.get("description", "").split())
    if any(keyword.iskeyword(key) for key in members):
        entries = ", ".join(f'"{key}": {annotation}' for key, annotation in members.items())
        return f'{name} = TypedDict("{name}", {{{entries}}})'
    lines = [_docstring(about)] if about else []
    lines += [f"{key}: {annotation}" for key, annotation in members.items()]
    return f"class {name}(TypedDict):\n" + textwrap.indent("\n".join(lines or ["pass"]), "    ")


def _annotation(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return _union(_annotation(one) for one in schema[choice])
    if "enum" in schema:
        return f"Literal[{', '.join(map(_quoted, schema['enum']))}]"
    if "const" in schema:
        return f"Literal[{_quoted(schema['const'])}]"
    kinds = schema.get("type", "any")
    return _union(_of_kind(kind, schema) for kind in (kinds if isinstance(kinds, list) else [kinds]))


def _union(annotations: Iterable[str]) -> str:
    """Each once, None last, and no words where any text is allowed."""
    parts = list(dict.fromkeys(part for one in annotations for part in one.split(" | ")))
    if "str" in parts:
        parts = [part for part in parts if not part.startswith("Literal")]
    return " | ".join(sorted(parts, key=lambda part: part == "None"))


def _of_kind(kind: str, schema: Schema) -> str:
    if kind == "array":
        return f"list[{_annotation(schema['items'])}]"
    if kind == "object":
        return "dict[str, Any]"
    return _SIMPLE.get(kind, "Any")


def _method(path: str, verb: str, operation: Schema, document: Mapping[str, Any]) -> str:
    name = _method_name(operation)
    parameters = [_resolved(one, document) for one in operation["parameters"]]
    schema = _success(operation)
    answer = _annotation(schema) if schema else "None"
    arguments = ", ".join(
        ["self", *_positional(operation, parameters), *_keywords(operation, parameters, document)]
    )
    about = _docstring(
        "\n\n".join(filter(None, [f"{operation['summary']}.", operation.get("description", "")]))
    )
    call = _call(path, verb, parameters, operation, document)
    body = f"{about}\nreturn self.send({call})"
    return f"def {name}({arguments}) -> Answer[{answer}]:\n" + textwrap.indent(body, "    ")


def _method_name(operation: Schema) -> str:
    """listTasks is list_tasks."""
    return re.sub(r"([A-Z])", r"_\1", operation["operationId"]).lower()


def _is_upload(operation: Schema) -> bool:
    """Whether its body is a file."""
    return "application/octet-stream" in operation.get("requestBody", {}).get("content", {})


def _positional(operation: Schema, parameters: list[Schema]) -> Iterator[str]:
    for one in parameters:
        if one["in"] == "path":
            yield f"{one['name']}: str"
    if _is_upload(operation):
        yield "file: bytes"


def _keywords(operation: Schema, parameters: list[Schema], document: Mapping[str, Any]) -> list[str]:
    """The arguments that are given by name: members of the body, parameters of the query, headers."""
    found = [
        f"{_safe(name)}: "
        + (_annotation(schema) if needed else f"{_union([_annotation(schema), 'Unset'])} = UNSET")
        for name, schema, needed in sorted(_members(operation, document), key=lambda member: not member[2])
    ]
    for one in parameters:
        if one["in"] == "query" or one["name"] in _HEADERS:
            annotation = _annotation(one["schema"])
            found.append(
                f"{_safe(one['name'])}: {annotation}" + ("" if one.get("required") else " | None = None")
            )
    names = [argument.split(":")[0] for argument in found]
    if len(set(names)) < len(names):
        raise ValueError(f"two arguments of {operation['operationId']} have one name")
    return ["*", *found] if found else []


# The headers that are an argument; the others are the transport's.
_HEADERS = ("If-Match", "If-None-Match", "Idempotency-Key")


def _call(
    path: str, verb: str, parameters: list[Schema], operation: Schema, document: Mapping[str, Any]
) -> str:
    names = {
        place: [one["name"] for one in parameters if one["in"] == place]
        for place in ("path", "query", "header")
    }
    parts = "".join(f", {name}={name}" for name in names["path"])
    said = [f'"{verb.upper()}"', f'path_of("{path}"{parts})' if parts else f'"{path}"']
    if names["query"]:
        said.append("query={" + ", ".join(f'"{name}": {_safe(name)}' for name in names["query"]) + "}")
    headers = [name for name in names["header"] if name in _HEADERS]
    if headers:
        said.append("headers={" + ", ".join(f'"{name}": {_safe(name)}' for name in headers) + "}")
    if _is_upload(operation):
        said.append("file=file")
    elif "requestBody" in operation:
        members = ", ".join(f"{_safe(name)}={_safe(name)}" for name, _, _ in _members(operation, document))
        said.append(f"body=sent({members})")
    if "Idempotency-Key" in headers:
        said.append("is_keyed=True")
    return f"Request({', '.join(said)})"


def _members(operation: Schema, document: Mapping[str, Any]) -> list[tuple[str, Schema, bool]]:
    """Name, schema and whether it is needed, of each member of a body."""
    if "requestBody" not in operation or _is_upload(operation):
        return []
    schema = _resolved(operation["requestBody"]["content"]["application/json"]["schema"], document)
    needed = schema.get("required", [])
    return [(name, member, name in needed) for name, member in schema["properties"].items()]


def _success(operation: Schema) -> Schema:
    """The schema of the answer to expect; empty where that has no body."""
    status = min(int(status) for status in operation["responses"] if status.startswith("2"))
    content = operation["responses"][str(status)].get("content", {})
    found: Schema = content.get("application/json", {}).get("schema", {})
    return found


def _resolved(schema: Schema, document: Mapping[str, Any]) -> Any:
    place: Any = document
    for part in schema.get("$ref", "#").split("/")[1:]:
        place = place[part]
    return place if "$ref" in schema else schema


def _safe(name: str) -> str:
    """A name as Python takes it: `If-Match` is if_match, `from` is from_."""
    name = name.lower().replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


def _quoted(word: str) -> str:
    return f'"{word}"'


def _docstring(text: str) -> str:
    paragraphs = [textwrap.fill(one, 100, break_on_hyphens=False) for one in text.split("\n\n")]
    whole = "\n\n".join(paragraphs)
    return f'"""{whole}\n"""' if "\n" in whole else f'"""{whole}"""'


if __name__ == "__main__":
    main()

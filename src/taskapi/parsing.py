"""From bytes to checked models: JSON bodies, queries and path parts, each fault with its pointer."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NoReturn, TypeVar
from urllib.parse import parse_qsl

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from taskapi.documented import Documented
from taskapi.errors import BadRequest, Invalid, NotFound

MAX_BODY_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_CONTAINERS = 10_000

# One that does not end reaches to the end: tried anew at each quote in it, 1 MiB would take an hour.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_AS_SQUARE = bytes.maketrans(b"{}", b"[]")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UNSAFE = re.compile("[\x00\ud800-\udfff]")
# What a line cannot hold, as the pattern in the document says it and as it is looked for.
_BREAKS = r"\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029"
_NO_LINE = rf"\x00{_BREAKS}"
# What is trimmed: in the regular expressions of the document \s has fewer characters than Python strips.
_SPACE = r"\s\x1c-\x1f\x85"
_LINE_BREAK = re.compile(f"[{_BREAKS}]")

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_TOLD = {
    "extra_forbidden": "is not a field here",
    "missing": "is needed",
    "string_type": "must be a string",
    "bool_type": "must be `true` or `false`",
    "bool_parsing": "must be `true` or `false`",
    "int_parsing": "must be a whole number",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
}
_MOST_FAULTS = 50

Model = TypeVar("Model", bound=BaseModel)


class Body(BaseModel):
    """A JSON body: exactly the named fields, each of exactly its type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """A query: exactly the named parameters, once each unless a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Path(BaseModel):
    """The variable parts of a path; one that cannot name anything names nothing: 404."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Body):
    """The body of a call that needs none: empty, or `{}`."""


def _safe(text: str) -> str:
    if _UNSAFE.search(text):
        raise ValueError("must not contain NUL or half of a surrogate pair")
    return text


def _one_line(text: str) -> str:
    stripped = _safe(text).strip()
    if _LINE_BREAK.search(stripped):
        raise ValueError("must be one line")
    return stripped


def _trimmed(value: Any) -> Any:
    return _one_line(value) if isinstance(value, str) else value


def _digits(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("must be a whole number")
    return value


def _true_or_false(value: Any) -> Any:
    if isinstance(value, str) and value not in {"true", "false"}:
        raise ValueError("must be `true` or `false`")
    return value


def _uuid(value: str) -> str:
    if not _UUID.fullmatch(value.lower()):
        raise ValueError("must be a UUID")
    return value.lower()


# One line of text, trimmed before its length is counted, in code points; and one that says something.
Line = Annotated[
    str, BeforeValidator(_trimmed), Documented(pattern=rf"^[{_SPACE}]*[^{_NO_LINE}]*[{_SPACE}]*$")
]
FilledLine = Annotated[Line, Documented(pattern=rf"^[{_SPACE}]*[^\x00{_SPACE}][^{_NO_LINE}]*[{_SPACE}]*$")]
# Text of any shape.
Prose = Annotated[str, AfterValidator(_safe), Documented(pattern=r"^[^\x00]*$")]
UuidText = Annotated[str, AfterValidator(_uuid), Documented(format="uuid")]
QueryBool = Annotated[bool, BeforeValidator(_true_or_false)]
Limit = Annotated[int, Field(ge=1, le=200), BeforeValidator(_digits)]


def json_of(raw: bytes) -> Any:
    """The value of a JSON text (RFC 8259).

    Raises BadRequest where it is malformed or would cost too much to build; NUL and lone surrogates inside
    strings pass here and are refused field by field.
    """
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _refuse_costly(raw)
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _json_with_surrogates(raw)


def _refuse_costly(raw: bytes) -> None:
    """Refuse what would cost more to build than any real request: too deep, or too many arrays and objects.

    Each round removes the innermost brackets; all in C, so that 1 MiB of them costs milliseconds.
    """
    brackets = _STRING.sub(b"", raw).translate(_AS_SQUARE, _NOT_BRACKETS)
    if brackets.count(b"[") > MAX_CONTAINERS:
        detail = f"The JSON has more than {MAX_CONTAINERS} arrays and objects."
        raise BadRequest(detail, code="json_too_complex")
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise BadRequest(f"The JSON is nested deeper than {MAX_DEPTH} levels.", code="json_too_deep")


def _json_with_surrogates(raw: bytes) -> Any:
    """orjson refuses escapes of lone surrogates as malformed; they are a bad value of a good text."""

    def refuse(_constant: str) -> NoReturn:
        raise ValueError("not JSON")

    try:
        text = raw.decode("utf-8")
        value = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        text = value = ""
    if not re.search(r"\\u[dD][89a-fA-F]", text):
        raise BadRequest("The body is not JSON in UTF-8.", code="malformed_json")
    return value


def body_of(model: type[Model], raw: bytes) -> Model:
    """The body as its model.

    Raises BadRequest for what is not JSON and Invalid naming each field that cannot be accepted.
    """
    if not raw and not issubclass(model, Nothing):
        raise BadRequest("A JSON body is needed.", code="malformed_json")
    value = json_of(raw) if raw else {}
    if not isinstance(value, dict):
        raise Invalid.field("", "must be a JSON object")
    return checked(model, value)


def checked(model: type[Model], value: dict[str, Any]) -> Model:
    """Values as their model. Raises Invalid naming each field that cannot be accepted."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid(_faults(error, "/")) from None


def pairs_of(query: bytes) -> dict[str, list[str]]:
    """The parameters of a query string. Raises BadRequest where it is not UTF-8, %-encoded or as it is."""
    pairs: dict[str, list[str]] = {}
    try:
        text = query.decode()
        found = parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        found = None
    if found is None or _BAD_ESCAPE.search(text):
        fault = {"pointer": "query", "detail": "must be UTF-8, %-encoded"}
        raise BadRequest("The query cannot be read.", errors=[fault], code="bad_query")
    for name, value in found:
        pairs.setdefault(name, []).append(value)
    return pairs


def query_of(model: type[Model] | None, pairs: Mapping[str, list[str]]) -> Model | None:
    """The query as its model. Raises BadRequest naming each parameter that cannot be read."""
    known = model.model_fields if model else {}
    faults = []
    values: dict[str, Any] = {}
    for name, given in pairs.items():
        field = known.get(name)
        if field is None:
            faults.append({"pointer": f"query/{_printable(name)}", "detail": "is not a parameter here"})
        elif getattr(field.annotation, "__origin__", None) is list:
            values[name] = given
        elif len(given) > 1:
            faults.append({"pointer": f"query/{name}", "detail": "must not be repeated"})
        else:
            values[name] = given[0]
    if not faults and model is not None:
        try:
            return model.model_validate(values)
        except ValidationError as error:
            faults = _faults(error, "query/")
    if faults:
        raise BadRequest(
            "The query cannot be read; see `errors`.", errors=faults[:_MOST_FAULTS], code="bad_query"
        )
    return None


def path_of(model: type[Model], parts: Mapping[str, str]) -> Model:
    """The variable parts of the path. Raises NotFound where they cannot name anything."""
    try:
        return model.model_validate(parts)
    except ValidationError:
        raise NotFound from None


def _faults(error: ValidationError, root: str) -> list[dict[str, str]]:
    return [
        {
            # The pointer to the whole body, for two fields that exclude each other, is empty (RFC 6901).
            "pointer": root + "/".join(map(_escaped, fault["loc"])) if fault["loc"] else root[:-1],
            "detail": told(fault),
        }
        for fault in _distinct(error.errors(include_url=False, include_input=False))
    ]


def told(fault: Mapping[str, Any]) -> str:
    """What is wrong, in words for whoever sent it; pydantic's own are about Python."""
    kind, particulars = fault["type"], fault.get("ctx", {})
    unit = "items" if particulars.get("field_type") == "List" else "characters"
    if kind.endswith("too_short"):
        least = particulars["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least} {unit}"
    if kind.endswith("too_long"):
        return f"must have at most {particulars['max_length']} {unit}"
    if kind in ("literal_error", "enum"):
        return f"must be {particulars['expected']}".replace("'", "`")
    bounds = {"greater_than_equal": ("least", "ge"), "less_than_equal": ("most", "le")}
    if kind in bounds:
        word, bound = bounds[kind]
        return f"must be at {word} {particulars[bound]}"
    return _TOLD.get(kind) or str(fault["msg"]).removeprefix("Value error, ")


def _distinct(faults: Iterable[Any]) -> Iterable[Any]:
    """Not all, so that a body of a million unknown fields is not answered with a million faults."""
    return list(faults)[:_MOST_FAULTS]


def _escaped(part: int | str) -> str:
    """One reference token of a JSON pointer (RFC 6901)."""
    return _printable(str(part)).replace("~", "~0").replace("/", "~1")


def _printable(text: str) -> str:
    return _UNSAFE.sub("\ufffd", text)[:100]

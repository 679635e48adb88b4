"""What the document says of a type where pydantic cannot know it: a validator of ours is a function to it."""

from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema


class Documented:
    """Keywords of JSON Schema, among a type's annotations: `Annotated[str, Documented(format="uuid")]`.

    None takes away one that another annotation says.
    """

    def __init__(self, **keywords: Any) -> None:
        self._keywords = keywords

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        said = handler(core) | self._keywords
        return {keyword: value for keyword, value in said.items() if value is not None}


class NotNull:
    """The type is never null, though its model has None for what was not said."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return without_null(handler(core))


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without null among what it allows."""
    said = dict(schema)
    if "anyOf" in said:
        others = [one for one in said.pop("anyOf") if one != {"type": "null"}]
        said |= others[0] if len(others) == 1 else {"anyOf": others}
    return said

"""Links from what was made to what can be done with it, for readers and for tests that follow them."""

from typing import Any

# The member of an answer that names what was made.
_ID = "$response.body#/id"


def links_between(paths: dict[str, dict[str, Any]]) -> None:
    """Have each answer 201 name the operations that take the id it holds."""
    for path, methods in paths.items():
        made = methods.get("post", {}).get("responses", {}).get("201")
        if made is not None:
            links = dict(_links(path, paths))
            if links:
                made["links"] = links


def _links(path: str, paths: dict[str, dict[str, Any]]) -> Any:
    below = f"{path}/{{"
    for other, methods in paths.items():
        if other.startswith(below):
            (name,) = (part.strip("{}") for part in other.split("/") if part.startswith("{"))
            for operation in methods.values():
                yield (
                    operation["operationId"],
                    {
                        "operationId": operation["operationId"],
                        "parameters": {name: _ID},
                    },
                )

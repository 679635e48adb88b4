"""The description of the API in OpenAPI 3.1, gathered from the signatures of the endpoints."""

from typing import Any, cast

from flask import Flask, Response, current_app
from flask_openapi3.openapi import OpenAPI

from taskapi.http import Endpoints, is_public, public, reply

endpoints = Endpoints("openapi", __name__)

_REFUSED = {
    "description": "Refused or failed.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_BEARER = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}


@endpoints.get("/openapi.json", doc_ui=False)
@public
def openapi() -> Response:
    return reply(described(current_app), headers={"Cache-Control": "no-cache"})


def described(app: Flask) -> dict[str, Any]:
    """What the framework gathered, made true: our one form of refusal, and what needs a token."""
    document = cast("OpenAPI", app).api_doc
    document["components"]["securitySchemes"] = _BEARER
    open_to_all = {
        (str(rule).replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if is_public(app, rule.endpoint)
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _REFUSED
            if (path, method) not in open_to_all:
                operation["security"] = [{"bearer": []}]
            if method == "patch":
                content = operation["requestBody"]["content"]
                content["application/merge-patch+json"] = content["application/json"]
    return document

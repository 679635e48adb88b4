"""The description of the API in OpenAPI 3.1, made once and served from memory."""

from typing import Any

from flask import Flask, Response, current_app

from taskapi.contract import described
from taskapi.etags import etag_of
from taskapi.http import Endpoints, public, reply

endpoints = Endpoints("openapi", __name__)

_DOCUMENT = "taskapi_document"


@endpoints.get("/openapi.json")
@public
def openapi() -> Response:
    """What you are reading."""
    document = document_of(current_app)
    return reply(
        document, etag=etag_of("openapi", document["info"]["version"]), headers={"Cache-Control": "no-cache"}
    )


def document_of(app: Flask) -> dict[str, Any]:
    """The document of an application, made at the first call."""
    if _DOCUMENT not in app.extensions:
        app.extensions[_DOCUMENT] = described(app)
    document: dict[str, Any] = app.extensions[_DOCUMENT]
    return document

"""The description of the API in OpenAPI 3.1, made once and served from memory."""

from typing import cast

import orjson
from flask import Flask, Response, current_app

from taskapi.contract import described
from taskapi.files import File, reply_file
from taskapi.http import Endpoints, public

endpoints = Endpoints("openapi", __name__)

_DOCUMENT = "taskapi_document"


@endpoints.get("/openapi.json")
@public
def openapi() -> Response:
    return reply_file(_document_of(current_app))


def _document_of(app: Flask) -> File:
    """The document of an application, made at the first call."""
    if _DOCUMENT not in app.extensions:
        app.extensions[_DOCUMENT] = File(orjson.dumps(described(app)), "application/json")
    return cast("File", app.extensions[_DOCUMENT])

"""A page to read and try the API with: everything on it is served by ourselves, so that it works offline."""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from flask import Response

from taskapi.errors import NotFound
from taskapi.files import File, reply_file
from taskapi.http import Endpoints, public
from taskapi.parsing import Path

endpoints = Endpoints("docs", __name__)

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_OURS = files("taskapi") / "data" / "docs"
_THEIRS = files("flask_openapi3_swagger") / "templates" / "swagger"
_FILES: dict[str, tuple[Traversable, str]] = {
    "index.html": (_OURS / "index.html", "text/html"),
    "page.css": (_OURS / "page.css", "text/css"),
    "page.js": (_OURS / "page.js", "text/javascript"),
    "swagger-ui.css": (_THEIRS / "css" / "swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": (_THEIRS / "js" / "swagger-ui-bundle.js", "text/javascript"),
}


class FilePath(Path):
    name: str


@endpoints.get("/docs")
@public
def page() -> Response:
    return _file("index.html")


@endpoints.get("/docs/<name>")
@public
def file(path: FilePath) -> Response:
    return _file(path.name)


def _file(name: str) -> Response:
    """A file of the page. Raises NotFound, BadRequest."""
    if name not in _FILES:
        raise NotFound
    return reply_file(_read(name), {"Content-Security-Policy": _CSP})


@cache
def _read(name: str) -> File:
    place, kind = _FILES[name]
    return File(place.read_bytes(), kind)

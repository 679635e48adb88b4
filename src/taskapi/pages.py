"""The pages that links in mails lead to, and their parts: static files, the same for everybody.

A token stands in the fragment of the link: it reaches no server but in the body of the call that uses it.
"""

import hashlib
from functools import cache
from importlib.resources import files

from flask import Response, request
from pydantic import BaseModel

from taskapi.errors import NotFound
from taskapi.etags import Match, etag_of
from taskapi.http import Endpoints, public

endpoints = Endpoints("pages", __name__)

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
# What may be asked for by name; a page has a path of its own.
_PARTS = frozenset({"mailed.css", "mailed.js", "verify.js", "reset.js", "words.js"})


class PartPath(BaseModel):
    name: str


@endpoints.get("/verify", doc_ui=False)
@public
def verify() -> Response:
    """The page that confirms an address, or has the mail sent again."""
    return _file("verify.html")


@endpoints.get("/reset", doc_ui=False)
@public
def reset() -> Response:
    """The page for a new password, or for the mail that leads to one."""
    return _file("reset.html")


@endpoints.get("/web/<name>", doc_ui=False)
@public
def part(path: PartPath) -> Response:
    """A style sheet or module of the pages."""
    if path.name not in _PARTS:
        raise NotFound
    return _file(path.name)


def _file(name: str) -> Response:
    body, tag = _read(name)
    match = Match.parse(request.headers.get("If-None-Match"), "If-None-Match")
    if match is not None and match.is_current(tag):
        return Response(status=304, headers={"ETag": tag, "Cache-Control": "no-cache"})
    answer = Response(body, mimetype=_KINDS[name[name.rindex(".") :]], headers={"ETag": tag})
    answer.headers["Content-Security-Policy"] = _CSP
    answer.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    # Asked for each time, so that a page and its modules are always of one release.
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@cache
def _read(name: str) -> tuple[bytes, str]:
    body = (files("taskapi") / "web" / name).read_bytes()
    return body, etag_of("page", hashlib.sha256(body).hexdigest())

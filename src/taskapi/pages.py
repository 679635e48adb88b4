"""The pages that links in mails lead to, and their parts: static files, the same for everybody.

A token stands in the fragment of the link: it reaches no server but in the body of the call that uses it.
"""

from functools import cache
from importlib.resources import files

from flask import Response
from pydantic import BaseModel

from taskapi.errors import NotFound
from taskapi.files import File, reply_file
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


@endpoints.get("/verify")
@public
def verify() -> Response:
    """The page that confirms an address, or has the mail sent again."""
    return _file("verify.html")


@endpoints.get("/reset")
@public
def reset() -> Response:
    """The page for a new password, or for the mail that leads to one."""
    return _file("reset.html")


@endpoints.get("/web/<name>")
@public
def part(path: PartPath) -> Response:
    """A style sheet or module of the pages."""
    if path.name not in _PARTS:
        raise NotFound
    return _file(path.name)


def _file(name: str) -> Response:
    headers = {"Content-Security-Policy": _CSP, "Cross-Origin-Opener-Policy": "same-origin"}
    return reply_file(_read(name), headers)


@cache
def _read(name: str) -> File:
    return File((files("taskapi") / "web" / name).read_bytes(), _KINDS[name[name.rindex(".") :]])

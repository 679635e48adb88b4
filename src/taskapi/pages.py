"""The web UI and the pages that links in mails lead to: static files, the same for everybody.

A mailed token stands in the fragment of the link: it reaches no server but in the body of the call that uses
it. So do the places within the UI: what somebody searches for stands in no access log.
"""

from flask import Flask, Response, current_app
from pydantic import BaseModel

from taskapi.assets import Assets
from taskapi.errors import NotFound
from taskapi.files import File, reply_file
from taskapi.http import Endpoints, public
from taskapi.parsing import Query

endpoints = Endpoints("pages", __name__)

_ASSETS = "taskapi_assets"
_FOR_GOOD = "public, max-age=31536000, immutable"
_MAILED_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
# So that a CDN's copy may be used by our page, and held against its hash there.
_OF_A_PART = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


class DecliningQuery(Query):
    token: str = ""


class PartPath(BaseModel):
    name: str


def register(app: Flask, cdn_url: str | None) -> None:
    """Give an application the files as they are at its start."""
    app.extensions[_ASSETS] = Assets(cdn_url)
    app.register_api(endpoints)  # type: ignore[attr-defined]


@endpoints.get("/")
@public
def index() -> Response:
    """The web UI."""
    page = _assets().index
    return _page(page.file, page.policy)


@endpoints.get("/verify")
@public
def verify() -> Response:
    """The page that confirms an address, or has the mail sent again."""
    return _page(_assets().html("verify.html"), _MAILED_PAGE_POLICY)


@endpoints.get("/reset")
@public
def reset() -> Response:
    """The page for a new password, or for the mail that leads to one."""
    return _page(_assets().html("reset.html"), _MAILED_PAGE_POLICY)


@endpoints.get("/unsubscribe")
@public
def unsubscribe(query: DecliningQuery) -> Response:  # noqa: ARG001 - the page reads it
    """The page that declines mails of a kind: a link scanner that opens it does nothing."""
    return _page(_assets().html("unsubscribe.html"), _MAILED_PAGE_POLICY)


@endpoints.get("/web/<name>")
@public
def part(path: PartPath) -> Response:
    """A style sheet, module or picture: kept for good where its name has the hash of its bytes."""
    found = _assets().find(path.name)
    if found is None:
        raise NotFound
    file, is_for_good = found
    return reply_file(file, _OF_A_PART | ({"Cache-Control": _FOR_GOOD} if is_for_good else {}))


def _page(file: File, policy: str) -> Response:
    return reply_file(file, {"Content-Security-Policy": policy, "Cross-Origin-Opener-Policy": "same-origin"})


def _assets() -> Assets:
    assets: Assets = current_app.extensions[_ASSETS]
    return assets

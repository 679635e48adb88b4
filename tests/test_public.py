"""What is open to anybody, written out: whatever is not named here asks for a token."""

from collections.abc import Callable

import pytest
from flask import Flask

from taskapi.http import Endpoints, is_public, public, reply
from taskapi.replies import Reply
from tests.people import Api, make_person
from tests.routes import OPERATIONS

PUBLIC = {
    "health.livez",
    "health.health",
    "health.readyz",
    "health.jwks",
    "openapi.openapi",
    "docs.page",
    "docs.file",
    "pages.index",
    "pages.verify",
    "pages.reset",
    "pages.unsubscribe",
    "preferences.unsubscribe",
    "exports.get_file",
    "pages.part",
    "accounts.register",
    "accounts.forgot_password",
    "accounts.reset_password",
    "accounts.verify_email",
    "accounts.resend_verification",
    "login.login",
    "sessions.refresh",
}


def _view() -> Reply:
    return reply({"secret": "told to members"})


@pytest.fixture
def fresh(make_app: Callable[..., Flask]) -> Flask:
    """An application of this test's own, to add views to."""
    return make_app("sqlite")


def test_exactly_these_endpoints_are_public(app: Flask) -> None:
    assert {endpoint for endpoint in app.view_functions if is_public(app, endpoint)} == PUBLIC


def test_every_public_endpoint_is_reachable_by_a_route() -> None:
    assert len([one for one in OPERATIONS if one.public]) == len(PUBLIC)


def test_a_view_without_a_mark_is_private_however_it_was_added(fresh: Flask) -> None:
    plain = Endpoints("plain", __name__)
    plain.get("/typed")(_view)
    fresh.register_api(plain)  # type: ignore[attr-defined]
    fresh.add_url_rule("/by-rule", "by_rule", lambda: _view().response())
    for path in ("//typed", "//by-rule"):
        refused = Api(fresh).get(path)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert "told to members" not in refused.text
        assert make_person(fresh).api.get(path).json == {"secret": "told to members"}


def test_a_marked_view_is_public(fresh: Flask) -> None:
    opened = Endpoints("opened", __name__)

    @opened.get("/opened")
    @public
    def view() -> Reply:
        return reply({"secret": "none"})

    fresh.register_api(opened)  # type: ignore[attr-defined]
    assert Api(fresh).get("//opened").status_code == 200


def test_a_mark_on_one_view_opens_no_other_view_on_the_same_path(fresh: Flask) -> None:
    both = Endpoints("both", __name__)

    @both.get("/both")
    @public
    def look() -> Reply:
        return reply({})

    @both.post("/both")
    def change() -> Reply:
        return reply({})

    fresh.register_api(both)  # type: ignore[attr-defined]
    assert Api(fresh).get("//both").status_code == 200
    assert Api(fresh).post("//both").status_code == 401


def test_no_files_are_served(app: Flask) -> None:
    assert "static" not in app.view_functions
    assert Api(app).get("//static/app.py").status_code == 404


def test_options_tells_methods_and_nothing_else(anonymous: Api) -> None:
    for operation in OPERATIONS:
        answer = anonymous.call("OPTIONS", operation.path("any"))
        assert answer.status_code == 204
        assert answer.data == b""
        assert operation.method in answer.headers["Allow"].split(", ")

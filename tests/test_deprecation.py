"""An endpoint that will go says so in each of its answers and in the document (RFC 9745, RFC 8594)."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime

import pytest
from flask import Flask
from pydantic import BaseModel

from taskapi.contract import described
from taskapi.http import Endpoints, deprecated, reply
from taskapi.replies import Reply
from tests.people import Api, make_person

SINCE, SUNSET, WHY = date(2026, 1, 31), date(2027, 1, 31), "https://example.com/why"


class Old(BaseModel):
    status: str


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    app = make_app("sqlite")
    endpoints = Endpoints("old", __name__)

    @endpoints.get("/old", responses={200: Old})
    @deprecated(SINCE, SUNSET, WHY)
    def get_old() -> Reply:
        """Show something as it was shown before."""
        return reply({"status": "old"})

    app.register_api(endpoints)  # type: ignore[attr-defined]
    return app


def test_each_answer_tells_since_when_and_until_when(app: Flask) -> None:
    for answer in (make_person(app).api.get("//old"), Api(app).get("//old")):
        assert answer.status_code in {200, 401}
        since = datetime.fromtimestamp(int(answer.headers["Deprecation"].removeprefix("@")), UTC)
        sunset = parsedate_to_datetime(answer.headers["Sunset"])
        assert (since.date(), sunset.date()) == (SINCE, SUNSET)
        assert answer.headers["Sunset"].endswith("GMT")
        assert since < sunset
        assert answer.headers["Link"] == f'<{WHY}>; rel="deprecation"; type="text/html"'


def test_the_document_says_it_too(app: Flask) -> None:
    operation = described(app)["paths"]["/old"]["get"]
    assert operation["deprecated"] is True
    for answer in operation["responses"].values():
        assert {"Deprecation", "Sunset", "Link"} <= answer["headers"].keys()


def test_no_other_endpoint_says_it(app: Flask) -> None:
    assert "Deprecation" not in make_person(app).api.get("/tasks").headers
    marked = [
        path
        for path, methods in described(app)["paths"].items()
        for operation in methods.values()
        if "deprecated" in operation
    ]
    assert marked == ["/old"]

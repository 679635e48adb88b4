"""The page to read and try the API with: complete, offline, and nothing inline."""

import re
from collections.abc import Callable

import pytest
from flask import Flask

from tests.people import Answer, Api
from tests.problems import PAGE, check_problem

FILES = ("page.css", "page.js", "swagger-ui.css", "swagger-ui-bundle.js")


def _page(api: Api) -> Answer:
    answer = api.get("//docs")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    return answer


def test_all_that_the_page_names_is_served_by_ourselves(anonymous: Api) -> None:
    page = _page(anonymous)
    named = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page.text)
    assert set(named) == {f"/docs/{name}" for name in FILES} | {"/openapi.json"}
    for path in named:
        assert anonymous.get(f"/{path}").status_code == 200


def test_what_we_wrote_names_no_other_host(anonymous: Api) -> None:
    for path in ("//docs", "//docs/page.css", "//docs/page.js"):
        assert not re.search(r"https?://|//[a-z]", anonymous.get(path).text.replace("// ", ""))


def test_nothing_is_inline_and_the_policy_forbids_it(anonymous: Api) -> None:
    page = _page(anonymous)
    assert page.headers["Content-Security-Policy"] == PAGE
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=|javascript:", page.text)


def test_a_file_that_a_browser_has_is_not_sent_again(anonymous: Api) -> None:
    for path in ("//docs", *(f"//docs/{name}" for name in FILES)):
        first = anonymous.get(path, headers={"Accept-Encoding": "gzip"})
        assert first.headers["Cache-Control"] == "no-cache"
        assert anonymous.get(path, headers={"If-None-Match": first.etag}).status_code == 304


@pytest.mark.parametrize("name", ["index.htm", "..%2f..%2fsettings.py", "%2fetc%2fpasswd", "nothing"])
def test_no_other_file_is_served(anonymous: Api, name: str) -> None:
    check_problem(anonymous.get(f"//docs/{name}"), 404)


def test_a_setting_takes_the_page_away(make_app: Callable[..., Flask]) -> None:
    api = Api(make_app("sqlite", TASKAPI_DOCS="off"))
    for path in ("//docs", "//docs/page.js"):
        check_problem(api.get(path), 404)
    assert api.get("//openapi.json").status_code == 200

"""The pages that mails lead to: whole, of our own origin alone, and with nothing in them that runs inline."""

import re
from pathlib import Path

import pytest
from flask import Flask

from taskapi import pages
from taskapi.letters import languages
from tests.people import Api

WEB = Path(pages.__file__).parent / "web"
PARTS = (
    *("verify.html", "reset.html", "unsubscribe.html"),
    *("mailed.js", "verify.js", "reset.js", "unsubscribe.js", "words.js"),
)
WORDS = (WEB / "words.js").read_text()


def words_of(language: str) -> dict[str, str]:
    (block,) = re.findall(rf"^  {language}: {{\n(.*?)^  }},$", WORDS, re.MULTILINE | re.DOTALL)
    return dict(re.findall(r'^    (\w+): "(.+)",$', block, re.MULTILINE))


@pytest.mark.parametrize("page", ["verify", "reset", "unsubscribe"])
def test_a_page_is_served_with_all_of_its_parts_and_nothing_else_may_run(app: Flask, page: str) -> None:
    answer = Api(app).get(f"//{page}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'"} <= set(policy)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    waiting = re.findall(r'(?:src|href)="(web/[^"]+)"', answer.text)
    assert len(waiting) == 4
    while waiting:
        part = Api(app).get(f"//{waiting.pop()}")
        assert part.status_code == 200
        assert part.headers["Content-Type"].startswith(("text/css", "text/javascript", "image/svg"))
        waiting += [
            f"web/{name}" for name in re.findall(r'^import .* from "\./(.+)"', part.text, re.MULTILINE)
        ]
        assert "http" not in part.text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"<style|<script(?![^>]* src=)|\sstyle=|\son\w+=|https?:", answer.text)


@pytest.mark.parametrize(
    "name", ["verify.html", "settings.py", "..%2fsettings.py", "%2e%2e", "words.js%00", "x"]
)
def test_nothing_else_is_served_by_name(app: Flask, name: str) -> None:
    assert Api(app).get(f"//web/{name}").status_code == 404


def test_a_page_that_is_known_is_not_sent_again(app: Flask) -> None:
    first = Api(app).get("//reset", headers={"Accept-Encoding": "gzip"})
    again = Api(app).get("//reset", headers={"If-None-Match": first.etag})
    assert (again.status_code, again.data) == (304, b"")
    other = Api(app).get("//verify", headers={"If-None-Match": first.etag})
    assert other.status_code == 200


@pytest.mark.parametrize("language", languages())
def test_the_pages_speak_every_language_that_mails_do(language: str) -> None:
    assert words_of(language).keys() == words_of("en").keys()


def test_every_word_that_is_used_is_there_and_every_one_is_used() -> None:
    used = set()
    for path in (WEB / name for name in PARTS):
        text = path.read_text()
        used |= set(re.findall(r'data-word="(\w+)"', text))
        if path.suffix == ".js" and path.name != "words.js":
            used |= set(re.findall(r"words\.(\w+)", text)) | set(re.findall(r'done: "(\w+)"', text))
    # Named by the pointers of the API's faults.
    used |= {"email", "password"}
    assert used - {"language", "js"} == set(words_of("en"))

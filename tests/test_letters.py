"""Mails in words: every kind in every language, and nothing that people wrote gets out of its place."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskapi.clock import milliseconds_of_instant
from taskapi.handlers import HANDLERS
from taskapi.letters import Letter, catalogue_of, languages, worded, written_moment

SERVICE = "https://tasks.example.com"
MOMENT = milliseconds_of_instant("2026-02-28T23:30:00Z") or 0
NASTY = "Ann <img src=x onerror=alert(1)> {name} & \"Bob\" 'Eve' \u202egnihton"
PLACEHOLDERS = {"until", "when", "gone"}


def letter(kind: str, language: str, name: str = NASTY, **more: Any) -> Letter:
    values = {
        "new_email": "new@example.test",
        "old_email": "old@example.test",
        "device": NASTY,
        "from": "::1",
        "title": NASTY,
        "due": "tomorrow",
        "date": "1.2.2026",
    }
    given: dict[str, Any] = {
        "values": values,
        "moments": dict.fromkeys(PLACEHOLDERS, MOMENT),
        "facts": ("when", "device", "from"),
        "link": f"{SERVICE}/verify#to_ken-1",
        "timezone": "Asia/Tokyo",
    }
    return Letter(kind=kind, address="ann@example.test", name=name, language=language, **(given | more))


KINDS = sorted(catalogue_of("en")["letters"])
EVERY = [(kind, language) for kind in KINDS for language in languages()]


def shape(part: Any, place: str = "") -> Iterator[tuple[str, object]]:
    """What has to be alike in every language: the keys, the lengths of lists, the placeholders."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield from shape(value, f"{place}/{key}")
    elif isinstance(part, list):
        yield place, len(part)
        yield place, sorted(re.findall(r"\{(\w+)\}", " ".join(part)))
    else:
        yield place, sorted(re.findall(r"\{(\w+)\}", part))


@pytest.mark.parametrize("language", languages())
def test_every_language_says_the_same_things(language: str) -> None:
    assert list(shape(catalogue_of(language))) == list(shape(catalogue_of("en")))
    assert {"en", "de", "fr", "es", "pt", "ar"} <= set(languages())
    assert len(catalogue_of(language)["months"]) == 12


def test_every_kind_of_mail_has_its_letter() -> None:
    resent = {"resend_verification": "verify_email"}
    named = {kind.removeprefix("mail.") for kind in HANDLERS if kind.startswith("mail.")}
    assert {resent.get(name, name) for name in named} == set(KINDS)


class Outline(HTMLParser):
    """The tags of a page, and that each is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_every_kind_is_told_in_every_language_as_text_and_as_html(kind: str, language: str) -> None:
    said = worded(letter(kind, language), SERVICE)
    catalogue = catalogue_of(language)
    assert said.language == language
    values = {"title": NASTY, "date": "1.2.2026"}
    assert said.subject == catalogue["letters"][kind]["subject"].format_map(values)
    assert "\n" not in said.subject
    assert not re.search(r"\{\w+\}", said.text.replace("{name}", ""))
    page = Outline(said.html)
    assert page.open == []
    assert page.tags[0] == ("html", {"lang": language, "dir": catalogue["direction"]})
    assert [tag["href"] for name, tag in page.tags if name == "a"] == [f"{SERVICE}/verify#to_ken-1"]
    for place in (said.text, page.text):
        assert NASTY in place
        assert f"{SERVICE}/verify#to_ken-1" in place
        assert written_moment(MOMENT, "Asia/Tokyo", catalogue) in place
    assert not re.search(r"src=|url\(|@import|<link|<script", said.html.replace("src=x", ""))
    assert "img" not in {name for name, _ in page.tags}


@given(name=st.text(max_size=100).filter(lambda text: "\r" not in text and "\x00" not in text))
def test_no_name_at_all_gets_out_of_its_place(name: str) -> None:
    usual = Outline(worded(letter("new_device", "en", "Ann"), SERVICE).html)
    said = Outline(worded(letter("new_device", "en", name or "Ann"), SERVICE).html)
    assert said.tags == usual.tags
    assert said.open == []


def test_who_has_no_name_is_greeted_without_one() -> None:
    assert worded(letter("verify_email", "en", name=""), SERVICE).text.startswith("Hello,\n")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("de", "de"), ("de-AT", "de"), ("PT-br", "pt"), ("ar-EG", "ar"), ("nds", "en"), ("zh-Hans-CN", "en")],
)
def test_a_language_that_is_not_known_is_the_nearest_one_or_english(wanted: str, found: str) -> None:
    assert worded(letter("verify_email", wanted), SERVICE).language == found


@pytest.mark.parametrize(
    ("language", "zone", "written"),
    [
        ("en", "Asia/Tokyo", "1 March 2026 at 08:30 (Asia/Tokyo)"),
        ("de", "Europe/Berlin", "1. März 2026, 00:30 Uhr (Europe/Berlin)"),
        ("fr", "America/New_York", "28 février 2026 à 18:30 (America/New_York)"),
    ],
)
def test_times_are_in_the_readers_zone_which_is_named(language: str, zone: str, written: str) -> None:
    assert written_moment(MOMENT, zone, catalogue_of(language)) == written

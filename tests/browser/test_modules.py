"""What the UI computes by itself, in Chromium: the grammar of quick add, times in zones, Markdown."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page

from tests.servers import Server

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/St_Johns",
)
# Friday, in the afternoon of Berlin.
NOW = "2026-11-27T15:00:00Z"
PROJECTS = [{"id": "h", "name": "Home"}, {"id": "g", "name": "Garden and balcony"}]


@pytest.fixture(scope="module")
def page(browser: Browser, site: Server) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB")
    opened = context.new_page()
    opened.goto(f"{site.url}/#/sign-in")
    yield opened
    context.close()


@pytest.fixture
def understand(page: Page) -> Callable[[str], dict[str, Any]]:
    def of(line: str) -> dict[str, Any]:
        code = """async ([line, projects, now]) => (await import("/web/quick.js")).understand(
            line, projects, Date.parse(now), "Europe/Berlin").fields"""
        found: dict[str, Any] = page.evaluate(code, [line, PROJECTS, NOW])
        return found

    return of


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("Pay rent", {"title": "Pay rent"}),
        (
            "Pay rent !high #home tomorrow 9am",
            {"title": "Pay rent", "priority": "high", "labels": ["home"], "due_at": "2026-11-28T08:00:00Z"},
        ),
        ("!u call Bob today", {"title": "call Bob", "priority": "urgent", "due_on": "2026-11-27"}),
        (
            "Miete zahlen !hoch übermorgen um 9 Uhr",
            {"title": "Miete zahlen", "priority": "high", "due_at": "2026-11-29T08:00:00Z"},
        ),
        ("Mow @garden friday", {"title": "Mow", "project_id": "g", "due_on": "2026-12-04"}),
        ("Mow @Garden and balcony on monday", {"title": "Mow", "project_id": "g", "due_on": "2026-11-30"}),
        ("Write to ann@example.com", {"title": "Write to ann@example.com"}),
        ("Mail @nobody", {"title": "Mail @nobody"}),
        ("Plan 2027-02-29", {"title": "Plan 2027-02-29"}),
        ("Plan 2028-02-29", {"title": "Plan", "due_on": "2028-02-29"}),
        ("Geburtstag 24.12.", {"title": "Geburtstag", "due_on": "2026-12-24"}),
        ("Steuer 31.1.", {"title": "Steuer", "due_on": "2027-01-31"}),
        ("Pack in 3 days", {"title": "Pack", "due_on": "2026-11-30"}),
        ("Pack in 2 weeks 18:30", {"title": "Pack", "due_at": "2026-12-11T17:30:00Z"}),
        # A time that is over today is tomorrow's.
        ("Stretch 9am", {"title": "Stretch", "due_at": "2026-11-28T08:00:00Z"}),
        ("Stretch at 17:00", {"title": "Stretch", "due_at": "2026-11-27T16:00:00Z"}),
        ('Read "today and tomorrow" monday', {"title": "Read today and tomorrow", "due_on": "2026-11-30"}),
        ("Buy 3 eggs", {"title": "Buy 3 eggs"}),
        ("Meet at noon", {"title": "Meet at noon"}),
        ("Wow!", {"title": "Wow!"}),
        ("#one #One #two", {"title": "", "labels": ["one", "two"]}),
        ("!high !low", {"title": "!low", "priority": "high"}),
        ("25:00 13pm", {"title": "25:00 13pm"}),
    ],
)
def test_a_line_is_understood(
    understand: Callable[[str], dict[str, Any]], line: str, fields: dict[str, Any]
) -> None:
    assert understand(line) == fields


def test_no_word_is_lost(understand: Callable[[str], dict[str, Any]]) -> None:
    seeded = random.Random(7)
    words = [
        "Pay",
        "rent",
        "at",
        "in",
        "next",
        "3",
        "9",
        "@",
        "#",
        "!",
        "Uhr",
        "um",
        "days",
        '"',
        "é",
        "🙂",
        "by",
        "2027-13-01",
    ]
    for _ in range(60):
        line = " ".join(seeded.choices(words, k=seeded.randint(1, 8)))
        said = understand(line)
        kept = said["title"].split()
        if {"due_on", "due_at", "labels", "priority"} & set(said):
            continue
        assert kept == line.replace('""', "").replace('"', " ").split() or '"' in line


def test_times_are_those_that_the_clocks_of_a_zone_show(page: Page) -> None:
    seeded = random.Random(11)
    asked = [
        (
            str(date(2026, 1, 1) + timedelta(days=seeded.randrange(1500))),
            f"{seeded.randrange(24):02}:{seeded.randrange(60):02}",
            seeded.choice(ZONES),
        )
        for _ in range(400)
    ]
    # Skipped in spring, and twice in autumn.
    asked += [
        ("2027-03-28", "02:30", "Europe/Berlin"),
        ("2026-10-25", "02:30", "Europe/Berlin"),
        ("2027-03-14", "02:15", "America/New_York"),
    ]
    code = """async (asked) => {
        const { instantOf } = await import("/web/dates.js");
        return asked.map(([date, time, zone]) => instantOf(date, time, zone));
    }"""
    for (day, time, zone), found in zip(asked, page.evaluate(code, asked), strict=True):
        local = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo(zone))
        assert datetime.fromisoformat(found) == local.astimezone(UTC), (day, time, zone)


def _rendered(page: Page, text: str) -> str:
    code = """async (text) => {
        const { markdown } = await import("/web/markdown.js");
        const holder = document.createElement("div");
        holder.append(...markdown(text));
        return holder.innerHTML;
    }"""
    found: str = page.evaluate(code, text)
    return found


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
        ("# Title", "<h4>Title</h4>"),
        (
            "**bold** and _it_ and ~~gone~~ and `x < y`",
            "<p><strong>bold</strong> and <em>it</em> and <s>gone</s> and <code>x &lt; y</code></p>",
        ),
        ("snake_case_name * 2 * 3", "<p>snake_case_name * 2 * 3</p>"),
        ("- a\n- b\n  - c", "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"),
        ("3. three\n4. four", '<ol start="3"><li>three</li><li>four</li></ol>'),
        ("- [x] done", '<ul><li class="boxed"><span class="box" aria-hidden="true">☑</span>done</li></ul>'),
        ("> said\n> twice", "<blockquote><p>said<br>twice</p></blockquote>"),
        ("```\n<b>\n```", '<pre tabindex="0"><code>&lt;b&gt;</code></pre>'),
        ("---", "<hr>"),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[x](data:text/html,hi)", "<p>[x](data:text/html,hi)</p>"),
    ],
)
def test_markdown_is_shown_as_people_mean_it(page: Page, text: str, shown: str) -> None:
    assert _rendered(page, text) == shown


def test_links_lead_to_the_web_and_give_nothing_away(page: Page) -> None:
    shown = _rendered(
        page, "See [it](https://example.com/a_b) or https://example.org/x. Write [me](mailto:a@b.c)"
    )
    assert shown.count('rel="noopener noreferrer nofollow"') == 3
    assert 'href="https://example.org/x"' in shown


def test_no_text_makes_markdown_hang_or_grow(page: Page) -> None:
    for text in (
        "*" * 20_000,
        "[" * 20_000,
        "> " * 10_000,
        "- " * 10_000,
        "`" * 19_999,
        "_a" * 10_000,
        "  " * 5_000 + "- x\n" * 2_000,
    ):
        assert len(_rendered(page, text)) < 400_000

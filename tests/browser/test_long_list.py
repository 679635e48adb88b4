"""Lists as long as they come: only what is in sight is in the document."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitors import Visitor
from tests.servers import Server, command, running

SEEDED = ("anna@seed1.example", "try-taskapi-today")
MOST_ROWS = 400
MOST_HEAP_BYTES = 50 << 20
# Scrolls to the end of what is there until a row is reached; the most rows that were in the document at once.
SCROLL_TO = """async (row) => {
    const area = document.querySelector(".scroller");
    const height = parseFloat(getComputedStyle(area.firstElementChild).getPropertyValue("--row"));
    let most = 0;
    while (area.scrollTop < row * height) {
        area.scrollTop = Math.min(area.scrollHeight, row * height + 1);
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
        most = Math.max(most, document.querySelectorAll(".row").length);
    }
    return most;
}"""
SHOWN = """() => [...document.querySelectorAll(".row")].map(
    (row) => [Number(row.getAttribute("aria-posinset")), row.dataset.id])"""


def _site(folder: Path, tasks: int) -> Iterator[Server]:
    home = folder / "home"
    made = command("seed", "--users", "1", "--tasks", str(tasks), home=home)
    assert made.returncode == 0, made.stderr
    with running(home, TASKAPI_LIMITS="off") as server:
        yield server


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two thousand tasks of one person."""
    yield from _site(tmp_path_factory.mktemp("long"), 2_000)


@pytest.fixture(scope="module")
def large_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same with more than a hundred thousand that are not in the trash."""
    yield from _site(tmp_path_factory.mktemp("longer"), 105_000)


def _walk_down(page: Page, rows: int) -> dict[int, str]:
    """Every row by its number, by scrolling down; none may be another at its second sight."""
    seen: dict[int, str] = {}
    for row in range(0, rows, 20):
        page.evaluate(SCROLL_TO, row)
        for number, task in page.evaluate(SHOWN):
            assert seen.setdefault(number, task) == task
    return seen


def test_while_scrolling_every_row_comes_once_and_few_are_in_the_document(
    visit: Callable[..., Visitor],
) -> None:
    anna = visit(SEEDED, at="#/list?status=all&sort=title")
    seen = _walk_down(anna.page, 1_000)
    assert sorted(seen)[:1000] == list(range(1, 1001))
    assert len(set(seen.values())) == len(seen)
    assert anna.page.locator(".row").count() <= 100
    anna.page.evaluate("document.querySelector('.scroller').scrollTop = 0")
    expect(anna.page.locator("[aria-posinset='1']")).to_be_visible()
    assert all(seen[number] == task for number, task in anna.page.evaluate(SHOWN))


def test_keys_reach_the_ends_and_the_focus_is_never_lost(visit: Callable[..., Visitor]) -> None:
    anna = visit(SEEDED, at="#/list?status=all&sort=title")
    page = anna.page
    page.locator(".row .name").first.focus()
    for key, number in (
        ("End", 200),
        ("Home", 1),
        ("PageDown", 11),
        ("PageDown", 21),
        ("PageUp", 11),
        ("ArrowDown", 12),
    ):
        anna.press(key)
        expect(page.locator(f".row[aria-posinset='{number}'] .name")).to_be_focused()


def test_a_change_elsewhere_moves_nothing_under_the_eyes(visit: Callable[..., Visitor]) -> None:
    anna = visit(SEEDED, at="#/list?status=all&sort=title")
    page = anna.page
    page.evaluate(SCROLL_TO, 500)
    top = page.evaluate("document.querySelector('.scroller').scrollTop")
    before = page.evaluate(SHOWN)
    with anna.api() as api, page.expect_response("**/api/v1/tasks?*"):
        api.post("/tasks", json={"title": "zzzz at the end"})
        page.evaluate("dispatchEvent(new Event('focus'))")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.querySelector('.scroller').scrollTop") == top
    assert page.evaluate(SHOWN) == before


@pytest.mark.prove
def test_row_ten_thousand_of_a_hundred_thousand_is_reached_in_little_memory(
    large_site: Server, new_context: Callable[..., object]
) -> None:
    page: Page = new_context().new_page()  # type: ignore[attr-defined]
    anna = Visitor(page, large_site.url, SEEDED)
    anna.sign_in("#/list?status=all&sort=title")
    most = page.evaluate(SCROLL_TO, 10_000)
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"]
    print(f"100,000 tasks, row 10,000: at most {most} rows in the document, heap {heap / 2**20:.1f} MiB")  # noqa: T201 - a proof prints its figures
    assert int(page.locator(".heading .count").inner_text().replace(",", "")) >= 100_000
    assert most <= MOST_ROWS
    assert heap <= MOST_HEAP_BYTES

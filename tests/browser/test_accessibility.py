"""axe-core finds nothing to complain of, on any screen, light or dark."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitors import PASSWORD, Visitor
from tests.servers import Server, running

ADMIN = ("admin@example.test", PASSWORD)
NOTE = "# Plan\n\n**bold** _it_ `code`\n\n- [x] one\n- two\n\n> said\n\n```\ncode\n```\n\n[link](https://example.com)"


@cache
def _axe() -> str:
    (script,) = Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")
    return script.read_text()


def violations(page: Page) -> list[str]:
    """What axe-core finds by all its rules, each with an element that it found."""
    # The page's policy lets no other script in; `evaluate` is the debugger's, which stands above it.
    page.evaluate(_axe())
    found: list[dict[str, Any]] = page.evaluate("axe.run(document).then(({ violations }) => violations)")
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in found]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an admin."""
    home: Path = tmp_path_factory.mktemp("looked-at") / "home"
    given = {"TASKAPI_ADMIN_EMAIL": ADMIN[0], "TASKAPI_ADMIN_PASSWORD": ADMIN[1]}
    with running(home, **given) as server:
        yield server


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_ways_in_can_be_used_by_everybody(
    site: Server, new_context: Callable[..., Any], theme: str
) -> None:
    page = new_context(color_scheme=theme).new_page()
    for place in ("#/sign-in", "#/register", "#/forgot", "verify", "verify#token", "reset", "reset#token"):
        page.goto(f"{site.url}/{place}")
        page.locator("input:visible, button:visible").first.wait_for()
        assert violations(page) == [], place
    page.goto(f"{site.url}/#/register")
    page.get_by_role("button", name="Create your account").click()
    assert violations(page) == [], "with faults"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_screens_of_tasks_can_be_used_by_everybody(visit: Callable[..., Visitor], theme: str) -> None:
    ann = visit(color_scheme=theme)
    page = ann.page
    assert violations(page) == [], "empty list"
    _make_tasks(ann)
    page.reload()
    ann.settled()
    assert violations(page) == [], "list"
    page.get_by_role("button", name="Filters").click()
    ann.row("Urgent").locator(".pick").click()
    page.get_by_label("New task").fill("Pay !high #home tomorrow")
    assert violations(page) == [], "list with filters, selection and preview"
    page.get_by_label("New task").fill("")
    ann.name("Urgent").click()
    expect(page.locator(".history li").first).to_be_visible()
    assert violations(page) == [], "panel"
    for place, seen in (
        ("board", ".card"),
        ("trash", ".line"),
        ("stats", ".plot"),
        ("nowhere", "h1"),
        ("list?q=zz", ".empty"),
    ):
        ann.go(f"#/{place}")
        page.locator(f"main {seen}").first.wait_for()
        assert violations(page) == [], place


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_dialogs_and_notices_can_be_used_by_everybody(visit: Callable[..., Visitor], theme: str) -> None:
    ann = visit(color_scheme=theme)
    page = ann.page
    ann.add("One")
    ann.row("One").get_by_role("checkbox", name="Done").click()
    expect(ann.notice("is done")).to_be_visible()
    assert violations(page) == [], "notice"
    ways: dict[str, Callable[[], None]] = {
        "palette": lambda: ann.press("Control+k"),
        "keys": lambda: page.locator("main").press("?"),
        "project": lambda: page.get_by_role("button", name="New project").click(),
    }
    for name, reach in ways.items():
        reach()
        page.get_by_role("dialog").wait_for()
        assert violations(page) == [], name
        ann.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.route("**/api/v1/tasks*", lambda route: route.abort())
    page.route("**/livez", lambda route: route.abort())
    page.get_by_label("New task").fill("Two")
    ann.press("Enter")
    expect(page.locator(".banner")).to_be_visible()
    assert violations(page) == [], "banner"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_asked_in_between_can_be_answered_by_everybody(
    visit: Callable[..., Visitor], theme: str
) -> None:
    ann = visit(color_scheme=theme)
    page, dialog = ann.page, ann.page.get_by_role("dialog")
    ann.add("Pay rent")
    expect(ann.row("Pay rent")).to_be_visible()
    page.wait_for_load_state("networkidle")
    with ann.api() as api:
        api.patch(f"/tasks/{ann.stored()[0]['id']}", json={"title": "Theirs"})
    ann.name("Pay rent").focus()
    ann.press("e")
    page.keyboard.type("Mine")
    ann.press("Enter")
    expect(dialog.get_by_role("radio", name="Yours Mine")).to_be_checked()
    assert violations(page) == [], "conflict"
    ann.press("Escape")
    expect(ann.row("Theirs")).to_be_visible()
    # All sessions are ended from elsewhere: the next call finds out.
    with ann.api() as api:
        api.delete("/auth/sessions", params={"keep_current": False})
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(dialog.get_by_role("heading", name="Sign in to go on")).to_be_visible()
    expect(dialog.get_by_label("Password")).to_be_focused()
    assert violations(page) == [], "session over"
    page.keyboard.type(PASSWORD)
    ann.press("Enter")
    expect(dialog).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_settings_and_administration_can_be_used_by_everybody(
    visit: Callable[..., Visitor], theme: str
) -> None:
    admin = visit(ADMIN, color_scheme=theme)
    sections = ("profile", "password", "email", "sessions", "tokens", "limits", "account")
    for place in (
        *(f"settings?section={name}" for name in sections),
        *(f"admin?tab={tab}" for tab in ("users", "audit", "jobs", "overview", "service")),
    ):
        admin.go(f"#/{place}")
        admin.page.locator(".section").wait_for()
        admin.page.wait_for_load_state("networkidle")
        assert violations(admin.page) == [], place
    admin.go("#/admin")
    admin.page.locator("tbody button").first.click()
    assert violations(admin.page) == [], "dialog of a user"


def _make_tasks(ann: Visitor) -> None:
    with ann.api() as api:
        home = api.post("/projects", json={"name": "Home", "color": "#0f766e"}).json()["id"]
        wanted: dict[str, dict[str, Any]] = {
            "Done": {"status": "done"},
            "Late": {"due_on": "2020-01-01", "priority": "high"},
            "Started": {"status": "in_progress", "priority": "medium", "labels": ["a", "b"]},
            "Low": {"priority": "low", "project_id": home},
            "Urgent": {"priority": "urgent", "description": NOTE, "labels": ["home"]},
        }
        for name, more in wanted.items():
            made = api.post("/tasks", json={"title": name, **more}).json()
            api.patch(f"/tasks/{made['id']}", json={"title": f"{name}!"})
            api.patch(f"/tasks/{made['id']}", json={"title": name})
        gone = api.post("/tasks", json={"title": "Gone"}).json()
        api.delete(f"/tasks/{gone['id']}")

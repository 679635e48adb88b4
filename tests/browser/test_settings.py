"""Settings that keep still: on narrow screens, while they are read anew, and when something goes wrong."""

from collections.abc import Callable

import httpx
from playwright.sync_api import Page, Route, expect

from tests.browser.visitors import PASSWORD, Visitor

SECTIONS = ("profile", "mails", "password", "email", "sessions", "data", "tokens", "limits", "account")
PHONE = {"viewport": {"width": 320, "height": 700}, "has_touch": True, "is_mobile": True}
REFUSAL = {"type": "about:blank", "title": "No", "status": 404, "detail": "Not now.", "code": "not_now"}


def _refuse(route: Route) -> None:
    route.fulfill(status=404, json=REFUSAL, content_type="application/problem+json")


def _log_in(ann: Visitor, agent: str) -> None:
    login = {"email": ann.account[0], "password": PASSWORD}
    httpx.post(f"{ann.url}/api/v1/auth/login", json=login, headers={"User-Agent": agent}).raise_for_status()


def _wake(page: Page) -> None:
    page.evaluate("dispatchEvent(new Event('focus'))")


def test_the_focus_stays_on_the_session_that_it_was_on(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    _log_in(ann, "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0")
    ann.go("#/settings?section=sessions")
    lines = ann.page.locator(".section .line")
    expect(lines).to_have_count(2)
    end = ann.page.get_by_role("button", name="End the session of Firefox on Windows")
    end.focus()
    _log_in(ann, "Mozilla/5.0 (iPhone) Safari/605")
    _wake(ann.page)
    expect(lines).to_have_count(3)
    expect(end).to_be_focused()
    ann.press("Enter")
    expect(lines).to_have_count(2)
    expect(lines.filter(has_text="Firefox")).to_have_count(0)
    # What had the focus is gone: the heading has it, and not the button of a neighbour.
    expect(ann.page.get_by_role("heading", name="Sessions", level=2)).to_be_focused()


def test_what_is_typed_stays_while_the_page_is_read_anew(visit: Callable[..., Visitor]) -> None:
    ann = visit(at="#/settings?section=profile")
    name = ann.page.get_by_label("Name")
    name.fill("Ann Le")
    with ann.page.expect_response("**/api/v1/labels*"):
        _wake(ann.page)
    expect(name).to_be_focused()
    ann.page.keyboard.type("e")
    expect(name).to_have_value("Ann Lee")


def test_a_token_is_copied_by_keys_and_that_is_said_where_it_is_seen(visit: Callable[..., Visitor]) -> None:
    ann = visit(at="#/settings?section=tokens", permissions=["clipboard-read", "clipboard-write"])
    expect(ann.page.get_by_text("No tokens yet.")).to_be_visible()
    ann.page.get_by_role("button", name="Make a token").focus()
    ann.press("Enter")
    expect(ann.page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
    ann.page.keyboard.type("Laptop")
    ann.press("Enter")
    shown = ann.page.get_by_label("Token", exact=True)
    expect(shown).to_be_focused()
    ann.press("Tab", "Enter")
    expect(ann.page.get_by_role("dialog").get_by_role("status")).to_have_text("Copied.")
    assert ann.page.evaluate("navigator.clipboard.readText()") == shown.input_value()
    ann.press("Tab", "Enter")
    expect(ann.page.locator(".section .line")).to_contain_text("Laptop")
    expect(ann.page.get_by_role("button", name="Make a token")).to_be_focused()
    ann.page.get_by_role("button", name="Revoke the token Laptop").focus()
    ann.press("Enter")
    ann.page.get_by_role("dialog").get_by_role("button", name="Revoke").press("Enter")
    expect(ann.page.get_by_text("No tokens yet.")).to_be_visible()
    expect(ann.page.get_by_role("heading", name="Personal tokens", level=2)).to_be_focused()


def test_limits_that_are_off_are_said_to_be_off(visit: Callable[..., Visitor]) -> None:
    ann = visit(at="#/settings?section=limits")
    expect(ann.page.get_by_text("Nothing is limited here.")).to_be_visible()


def test_what_could_not_be_read_is_said_and_tried_again(visit: Callable[..., Visitor]) -> None:
    ann = visit(at="#/settings")
    again = ann.page.get_by_role("button", name="Try again")
    for section, path in (("sessions", "auth/sessions"), ("tokens", "me/tokens"), ("limits", "me/limits")):
        ann.page.route(f"**/api/v1/{path}", _refuse)
        ann.go(f"#/settings?section={section}")
        expect(ann.page.get_by_role("alert").filter(has_text="Not now.")).to_be_visible()
        ann.page.unroute(f"**/api/v1/{path}")
        again.press("Enter")
        expect(again).to_have_count(0)
        expect(ann.page.get_by_text("Not now.")).to_have_count(0)


def test_nothing_is_wider_than_a_small_phone(visit: Callable[..., Visitor]) -> None:
    ann = visit(**PHONE)
    for language in ("en", "de", "qps-rtl"):
        ann.page.evaluate("language => localStorage.setItem('taskapi.language', language)", language)
        ann.page.reload()
        for section in SECTIONS:
            ann.go(f"#/settings?section={section}")
            expect(ann.page.locator(f'[aria-current][href$="={section}"]')).to_be_visible()
            assert ann.page.evaluate(
                "[document.documentElement, document.querySelector('main')]"
                ".every((one) => one.scrollWidth <= one.clientWidth)"
            ), (language, section)

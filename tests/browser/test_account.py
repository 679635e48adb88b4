"""Settings, by mouse and by keys."""

from collections.abc import Callable

import httpx
from playwright.sync_api import Locator, expect

from tests.browser.visitors import PASSWORD, Visitor

NEW_PASSWORD = "a wholly different phrase"


def _section(visit: Callable[..., Visitor], name: str) -> tuple[Visitor, Locator]:
    ann = visit(at=f"#/settings?section={name}")
    section = ann.page.locator("section.card")
    expect(section.get_by_role("heading", level=2)).to_be_visible()
    return ann, section


def test_the_profile_is_changed_and_the_page_speaks_the_language(visit: Callable[..., Visitor]) -> None:
    ann, section = _section(visit, "profile")
    section.get_by_label("Name").fill("Ann Lee")
    section.get_by_label("Time zone").fill("Nowhere/Else")
    section.get_by_role("button", name="Save").click()
    expect(section.locator(".fault:visible")).to_contain_text("Time zone")
    expect(section.get_by_label("Name")).to_have_value("Ann Lee")
    section.get_by_label("Time zone").fill("Asia/Tokyo")
    section.get_by_role("button", name="Save").click()
    expect(ann.notice("Saved.")).to_be_visible()
    expect(ann.page.locator(".who")).to_have_text("Ann Lee")
    section.get_by_label("Language", exact=True).select_option("de")
    section.get_by_role("button", name="Save").click()
    expect(ann.page.get_by_role("heading", name="Einstellungen")).to_be_visible()
    assert ann.page.locator("html").get_attribute("lang") == "de"
    with ann.api() as api:
        me = api.get("/me").json()
    assert (me["name"], me["timezone"], me["language"]) == ("Ann Lee", "Asia/Tokyo", "de")


def test_colours_and_language_may_be_those_of_this_browser_alone(visit: Callable[..., Visitor]) -> None:
    ann, section = _section(visit, "profile")
    section.get_by_label("Colours").select_option("dark")
    expect(ann.page.locator("html")).to_have_attribute("data-theme", "dark")
    section.get_by_label("Name").fill("Half a name")
    section.get_by_label("Language of this page").select_option("de")
    expect(ann.page.get_by_role("heading", name="Einstellungen")).to_be_visible()
    expect(section.get_by_label("Name")).to_have_value("Half a name")
    expect(ann.page.locator("html")).to_have_attribute("data-theme", "dark")
    with ann.api() as api:
        assert api.get("/me").json()["language"] == "en"


def test_the_password_is_changed_by_keys_and_other_sessions_end(visit: Callable[..., Visitor]) -> None:
    ann, section = _section(visit, "password")
    with ann.api() as elsewhere:
        section.get_by_label("Current password").focus()
        ann.page.keyboard.type("wrong wrong wrong")
        ann.press("Tab", "Tab")
        ann.page.keyboard.type(NEW_PASSWORD)
        ann.press("Enter")
        expect(section.locator(".fault:visible, .problem:visible").first).to_be_visible()
        expect(section.get_by_label("New password")).to_have_value(NEW_PASSWORD)
        section.get_by_label("Current password").fill(PASSWORD)
        ann.press("Enter")
        expect(ann.notice("all other sessions ended")).to_be_visible()
        assert elsewhere.get("/me").status_code == 401
    credentials = {"email": ann.account[0], "password": NEW_PASSWORD}
    assert httpx.post(f"{ann.url}/api/v1/auth/login", json=credentials).status_code == 200
    ann.page.reload()
    expect(ann.page.get_by_role("heading", name="Settings")).to_be_visible()


def test_the_address_changes_by_a_mail(visit: Callable[..., Visitor]) -> None:
    ann, section = _section(visit, "email")
    expect(section).to_contain_text(ann.account[0])
    section.get_by_label("New address").fill(f"new-{ann.account[0]}")
    section.get_by_label("Current password").fill(PASSWORD)
    section.get_by_role("button", name="Change the address").click()
    expect(section.get_by_text(f"We wrote to new-{ann.account[0]}.")).to_be_visible()


def test_sessions_are_told_apart_and_ended(visit: Callable[..., Visitor]) -> None:
    ann, section = _section(visit, "sessions")
    login = {"email": ann.account[0], "password": PASSWORD}
    for agent in ("Mozilla/5.0 (iPhone) Safari/605", "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0", "curl/8"):
        httpx.post(f"{ann.url}/api/v1/auth/login", json=login, headers={"User-Agent": agent})
    ann.page.reload()
    expect(section.locator(".line")).to_have_count(4)
    expect(section.locator(".line", has_text="Chrome on Linux")).to_contain_text("This one")
    section.get_by_role("button", name="End the session of Safari on iPhone").click()
    expect(section.locator(".line")).to_have_count(3)
    section.get_by_role("button", name="End all others").focus()
    ann.press("Enter")
    ann.page.get_by_role("dialog").get_by_role("button", name="End all others").press("Enter")
    expect(section.locator(".line")).to_have_count(1)


def test_a_token_is_made_shown_once_used_and_revoked(visit: Callable[..., Visitor]) -> None:
    ann, section = _section(visit, "tokens")
    section.get_by_role("button", name="Make a token").focus()
    ann.press("Enter")
    dialog = ann.page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Laptop")
    dialog.get_by_label("It may").select_option("read")
    dialog.get_by_role("button", name="Make a token").click()
    token = ann.page.get_by_label("Token", exact=True).input_value()
    authorization = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{ann.url}/api/v1/tasks", headers=authorization).status_code == 200
    refused = httpx.post(f"{ann.url}/api/v1/tasks", headers=authorization, json={"title": "x"})
    assert refused.status_code == 403
    ann.press("Escape")
    expect(ann.page.get_by_label("Token", exact=True)).to_be_visible()
    ann.page.get_by_role("button", name="I have copied it").click()
    expect(section.locator(".line")).to_contain_text("read tasks")
    assert token not in ann.page.content()
    section.get_by_role("button", name="Revoke the token Laptop").click()
    ann.page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(section.get_by_text("No tokens yet")).to_be_visible()
    assert httpx.get(f"{ann.url}/api/v1/tasks", headers=authorization).status_code == 401


def test_an_account_goes_after_it_was_asked_twice_and_a_log_in_keeps_it(
    visit: Callable[..., Visitor],
) -> None:
    ann, section = _section(visit, "account")
    section.get_by_label("Current password").fill(PASSWORD)
    section.get_by_role("button", name="Delete my account").click()
    ann.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    section.get_by_role("button", name="Delete my account").click()
    ann.page.get_by_role("dialog").get_by_role("button", name="Delete my account").click()
    expect(ann.page.get_by_text("will be deleted in 14 days")).to_be_visible()
    ann.page.get_by_label("Address").fill(ann.account[0])
    ann.page.get_by_label("Password").fill(PASSWORD)
    ann.press("Enter")
    expect(ann.page.get_by_role("heading", name="Settings")).to_be_visible()


def test_sections_are_walked_by_keys_and_say_where_one_is(visit: Callable[..., Visitor]) -> None:
    ann, _ = _section(visit, "profile")
    for name in ("Password", "E-mail", "Sessions", "Personal tokens", "Limits", "Delete account"):
        link = ann.page.get_by_role("navigation", name="Settings").get_by_role("link", name=name)
        link.focus()
        ann.press("Enter")
        expect(ann.page.get_by_role("heading", name=name, level=2)).to_be_focused()
        expect(link).to_have_attribute("aria-current", "page")

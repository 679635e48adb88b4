"""Mails about tasks, as somebody sets them: reminders, the digest, and how both end."""

from collections.abc import Callable

import httpx
from playwright.sync_api import Browser, expect

from tests.browser.visitors import Visitor


def test_preferences_are_set_by_keys_alone_and_kept(visit: Callable[..., Visitor]) -> None:
    ann = visit(at="#/settings?section=mails")
    remind = ann.page.get_by_label("Remind me of tasks by mail")
    before = ann.page.get_by_label("When a task with a time has no reminder of its own")
    digest, hour = (
        ann.page.get_by_label("Send me what is due each day"),
        ann.page.get_by_label("At", exact=True),
    )
    expect(remind).to_be_checked()
    expect(hour).to_be_disabled()
    ann.tab_to(before)
    ann.page.keyboard.type("30")
    ann.tab_to(digest)
    ann.press("Space")
    expect(hour).to_be_enabled()
    expect(ann.page.get_by_text("By the clock of Europe/Berlin.")).to_be_visible()
    ann.tab_to(ann.page.get_by_role("button", name="Save"))
    ann.press("Enter")
    expect(ann.notice("Saved.")).to_be_visible()
    with ann.api() as api:
        kept = api.get("/me/notifications").json()
    assert kept == {"reminders": True, "remind_before": 30, "digest": True, "digest_hour": 7}
    ann.page.reload()
    expect(before).to_have_value("30")
    expect(digest).to_be_checked()


def test_what_is_not_saved_yet_stays_while_the_page_is_read_anew(visit: Callable[..., Visitor]) -> None:
    ann = visit(at="#/settings?section=mails")
    digest = ann.page.get_by_label("Send me what is due each day")
    digest.check()
    digest.blur()
    with ann.page.expect_response("**/me/notifications"):
        ann.page.evaluate("dispatchEvent(new Event('focus'))")
    ann.page.wait_for_timeout(100)
    expect(digest).to_be_checked()


def test_a_reminder_is_set_in_the_panel_and_taken_off_again(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("Pay rent")
    ann.name("Pay rent").click()
    panel = ann.page.get_by_role("complementary")
    field = panel.get_by_label("Reminder", exact=True)
    field.fill("2031-07-01T09:30")
    field.blur()
    expect(panel.get_by_role("button", name="No reminder")).to_be_visible()
    expect(panel.locator(".history")).to_contain_text("Reminder")
    # Half past nine on the clock of its owner.
    assert ann.stored()[0]["remind_at"] == "2031-07-01T07:30:00Z"
    panel.get_by_role("button", name="No reminder").click()
    expect(field).to_have_value("")
    assert ann.stored()[0]["remind_at"] is None


def test_a_mail_is_declined_by_a_click_and_not_by_opening_it(
    visit: Callable[..., Visitor], browser: Browser
) -> None:
    ann = visit()
    opened = browser.new_page()
    opened.goto(f"{ann.url}/unsubscribe?token=made-up")
    opened.get_by_role("button", name="Stop these mails").click()
    expect(opened.get_by_role("alert")).to_contain_text("does not work")
    with ann.api() as api:
        assert api.get("/me/notifications").json()["reminders"] is True
    # A mail program sends a form, and is told in words where it is wrong.
    answer = httpx.post(f"{ann.url}/unsubscribe?token=made-up", data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 422
    opened.close()

"""The administration, by mouse and by keys."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.visitors import PASSWORD, Visitor, new_account
from tests.servers import Server, running

ADMIN = ("admin@example.test", PASSWORD)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an admin."""
    home: Path = tmp_path_factory.mktemp("administered") / "home"
    given = {"TASKAPI_ADMIN_EMAIL": ADMIN[0], "TASKAPI_ADMIN_PASSWORD": ADMIN[1], "TASKAPI_LIMITS": "off"}
    with running(home, **given) as server:
        yield server


def _logged_in(visitor: Visitor, account: tuple[str, str]) -> int:
    credentials = {"email": account[0], "password": account[1]}
    return httpx.post(f"{visitor.url}/api/v1/auth/login", json=credentials).status_code


def test_somebody_is_found_shut_out_and_let_in_again(visit: Callable[..., Visitor]) -> None:
    admin = visit(ADMIN, at="#/admin")
    bob = new_account(admin.url)
    page = admin.page
    page.get_by_role("searchbox").fill(bob[0])
    expect(page).to_have_url(re.compile("q="))
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name=f"Change {bob[0]}").click()
    page.get_by_role("dialog").get_by_role("button", name="Shut out").click()
    page.get_by_role("dialog").get_by_role("button", name="Shut out").click()
    expect(page.locator("tbody tr")).to_contain_text("Shut out")
    assert _logged_in(admin, bob) == 401
    # And back, by keys.
    page.get_by_role("button", name=f"Change {bob[0]}").focus()
    admin.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Let in again").press("Enter")
    expect(page.locator("tbody tr")).not_to_contain_text("Shut out")
    assert _logged_in(admin, bob) == 200
    page.get_by_role("button", name=f"Change {bob[0]}").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Bob")
    admin.press("Enter")
    expect(page.locator("tbody tr")).to_contain_text("Bob")


def test_a_new_admin_sees_the_administration_and_a_former_one_does_not(visit: Callable[..., Visitor]) -> None:
    admin = visit(ADMIN, at="#/admin")
    bob = visit(new_account(admin.url))
    expect(bob.page.get_by_role("link", name="Administration")).to_have_count(0)
    for act in ("Make an admin", "Take the admin role away"):
        admin.page.get_by_role("searchbox").fill(bob.account[0])
        expect(admin.page.locator("tbody tr")).to_have_count(1)
        admin.page.get_by_role("button", name=f"Change {bob.account[0]}").click()
        admin.page.get_by_role("dialog").get_by_role("button", name=act).click()
        admin.page.get_by_role("dialog").get_by_role("button", name=act).click()
        expect(admin.notice("is changed")).to_be_visible()
        admin.notice("is changed").get_by_role("button", name="Dismiss").click()
        bob.page.reload()
        expect(bob.page.get_by_role("link", name="Administration")).to_have_count(int(act == "Make an admin"))
    bob.go("#/admin")
    expect(bob.page.get_by_text("This place is for admins.")).to_be_visible()


def test_the_last_admin_stays_and_is_told_why(visit: Callable[..., Visitor]) -> None:
    admin = visit(ADMIN, at="#/admin?q=admin@example.test")
    admin.page.get_by_role("button", name="Change admin@example.test").click()
    admin.page.get_by_role("dialog").get_by_role("button", name="Take the admin role away").click()
    expect(admin.page.get_by_role("dialog")).to_contain_text("your own account")
    admin.page.get_by_role("dialog").get_by_role("button", name="Take the admin role away").click()
    expect(admin.notice("the last admin")).to_be_visible()
    expect(admin.page.locator("tbody tr .badge")).to_have_text("Admin")


def test_what_was_done_is_in_the_audit_log(visit: Callable[..., Visitor]) -> None:
    admin = visit(ADMIN, at="#/admin?tab=audit")
    page = admin.page
    expect(page.locator("tbody tr").first).to_be_visible()
    page.get_by_label("What, such as").fill("session.opened")
    admin.press("Enter")
    expect(page.locator("tbody tr", has_text="user.")).to_have_count(0)
    page.locator("tbody tr").first.get_by_role("button").click()
    expect(page.locator("tbody tr").first).to_be_visible()
    expect(page).to_have_url(re.compile("actor="))
    page.get_by_label("Before").fill("2020-01-01")
    admin.press("Tab")
    expect(page.get_by_text("Nothing is remembered that fits.")).to_be_visible()


def test_jobs_are_told_by_their_state(visit: Callable[..., Visitor]) -> None:
    admin = visit(ADMIN, at="#/admin?tab=jobs")
    expect(admin.page.locator("tbody tr").first).to_be_visible()
    admin.page.get_by_label("State").select_option("parked")
    expect(admin.page.get_by_text("There are no such jobs.")).to_be_visible()
    admin.page.get_by_role("link", name="Overview").focus()
    admin.press("Enter")
    expect(admin.page.get_by_text("Longest wait, s")).to_be_visible()

"""The administration, by mouse and by keys."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.visitors import PASSWORD, Visitor, api_of, new_account
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
    page.get_by_label("What was done").fill("session.opened")
    admin.press("Enter")
    expect(page.locator("tbody tr", has_text="user.")).to_have_count(0)
    page.locator("tbody tr").first.get_by_role("button").click()
    expect(page.locator("tbody tr").first).to_be_visible()
    expect(page).to_have_url(re.compile("actor="))
    page.get_by_label("Before").fill("2020-01-01")
    admin.press("Tab")
    expect(page.get_by_text("Nothing like that is remembered.")).to_be_visible()


def test_jobs_are_told_by_their_state(visit: Callable[..., Visitor]) -> None:
    admin = visit(ADMIN, at="#/admin?tab=jobs")
    expect(admin.page.locator("tbody tr").first).to_be_visible()
    admin.page.get_by_label("State").select_option("parked")
    expect(admin.page.get_by_text("No jobs are like that.")).to_be_visible()
    admin.page.get_by_role("link", name="Overview").focus()
    admin.press("Enter")
    expect(admin.page.get_by_text("Longest wait")).to_be_visible()


def _wake(page: Page) -> None:
    page.evaluate("dispatchEvent(new Event('focus'))")


def _by_two(route: Route) -> None:
    """As if the pages of lists were of two."""
    route.continue_(url=route.request.url.replace("limit=50", "limit=2"))


def test_filters_of_the_audit_log_are_seen_and_can_be_cleared(visit: Callable[..., Visitor]) -> None:
    admin = visit(ADMIN, at="#/admin?tab=audit")
    page = admin.page
    actor = page.get_by_label("Id of who did it")
    page.locator("tbody tr").first.get_by_role("button").press("Enter")
    expect(actor).to_have_value(re.compile("^[0-9a-f-]{36}$"))
    page.get_by_role("button", name="Clear the filters").focus()
    admin.press("Enter")
    expect(actor).to_have_value("")
    expect(actor).to_be_focused()
    expect(page).not_to_have_url(re.compile("actor="))
    # An id that is none is said to be none, and kept to be mended.
    page.keyboard.type("anna")
    admin.press("Tab")
    expect(page.get_by_text("This is no whole id.")).to_be_visible()
    expect(actor).to_have_value("anna")
    expect(page.locator("tbody tr").first).to_be_visible()
    page.get_by_label("From").fill("2020-01-01")
    admin.press("Tab")
    expect(page).to_have_url(re.compile("since="))
    expect(actor).to_have_value("anna")
    # The way back shows the filter again, in the field too.
    page.go_back()
    expect(page).to_have_url(re.compile("actor="))
    expect(actor).to_have_value(re.compile("^[0-9a-f-]{36}$"))
    expect(page.get_by_text("This is no whole id.")).to_be_hidden()


def test_entries_come_page_by_page_by_keys(visit: Callable[..., Visitor]) -> None:
    admin = visit(ADMIN)
    with api_of(admin.url, ADMIN) as api:
        everything = len(api.get("/admin/audit", params={"limit": 200}).json()["items"])
    admin.page.route("**/api/v1/admin/audit?*", _by_two)
    admin.go("#/admin?tab=audit")
    rows = admin.page.locator("tbody tr")
    expect(rows).to_have_count(2)
    more = admin.page.get_by_role("button", name="Show more")
    more.focus()
    for shown in range(4, everything + 2, 2):
        admin.press("Enter")
        expect(rows).to_have_count(min(shown, everything))
    expect(more).to_be_hidden()
    expect(admin.page.locator(".table-frame")).to_be_focused()


def test_a_job_that_was_given_up_is_tried_again_by_keys(
    visit: Callable[..., Visitor], site: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    admin = visit(ADMIN, at="#/admin?tab=jobs")
    (database,) = tmp_path_factory.getbasetemp().glob("administered0/home/taskapi.db")
    with sqlite3.connect(database) as connection:
        connection.execute(
            "update outbox set done_at = null, parked_at = created_at, last_error = 'No answer.' where id ="
            " (select id from outbox where kind = 'trash.empty' limit 1)"
        )
    connection.close()
    admin.page.get_by_label("State").select_option("parked")
    row = admin.page.locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("No answer.")
    row.get_by_role("button", name="Try trash.empty now").focus()
    admin.press("Enter")
    expect(admin.notice("as soon as can be")).to_be_visible()
    expect(row).to_have_count(0)


def test_who_is_no_admin_any_more_is_told_so_at_the_next_look(visit: Callable[..., Visitor]) -> None:
    bob = visit()
    with bob.api() as own, api_of(bob.url, ADMIN) as api:
        path = f"/admin/users/{own.get('/me').json()['id']}"
        assert api.patch(path, json={"role": "admin"}).status_code == 200
        bob.go("#/admin")
        bob.page.reload()
        expect(bob.page.locator("tbody tr").first).to_be_visible()
        assert api.patch(path, json={"role": "user"}).status_code == 200
    _wake(bob.page)
    expect(bob.page.get_by_text("This place is for admins.")).to_be_visible()
    expect(bob.page.locator("tbody")).to_have_count(0)
    expect(bob.page.get_by_role("link", name="Administration")).to_have_count(0)


def test_the_focus_stays_where_it_is_while_users_are_read_anew(visit: Callable[..., Visitor]) -> None:
    admin = visit(ADMIN, at="#/admin?sort=email")
    change = admin.page.get_by_role("button", name=f"Change {ADMIN[0]}")
    change.focus()
    count = admin.page.get_by_role("status").filter(has_text="user")
    before = count.inner_text()
    new_account(admin.url)
    _wake(admin.page)
    expect(count).not_to_have_text(before)
    expect(change).to_be_focused()


def test_tabs_are_walked_by_keys(visit: Callable[..., Visitor]) -> None:
    admin = visit(ADMIN, at="#/admin")
    tabs = admin.page.get_by_role("navigation", name="Administration")
    for name in ("Audit log", "Jobs", "Overview", "Service", "Users"):
        link = tabs.get_by_role("link", name=name)
        link.focus()
        admin.press("Enter")
        expect(link).to_have_attribute("aria-current", "page")
        expect(link).to_be_focused()
        expect(admin.page.get_by_role("heading", name=name, level=2)).to_be_attached()


@pytest.mark.parametrize("language", ["de", "qps-rtl"])
def test_rows_are_stacked_where_there_is_no_room(visit: Callable[..., Visitor], language: str) -> None:
    phone = {"viewport": {"width": 320, "height": 700}, "has_touch": True, "is_mobile": True}
    admin = visit(ADMIN, **phone)
    page = admin.page
    page.evaluate("language => localStorage.setItem('taskapi.language', language)", language)
    page.reload()
    for tab in ("users", "audit", "jobs", "overview", "service"):
        admin.go(f"#/admin?tab={tab}")
        expect(page.locator(".section :is(tbody tr, .tile, .plot)").first).to_be_visible()
        assert page.evaluate(
            "[document.documentElement, document.querySelector('main')]"
            ".every((one) => one.scrollWidth <= one.clientWidth)"
        ), tab
    admin.go("#/admin?tab=users")
    box = page.locator("tbody tr").first.get_by_role("button").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    # It is a table still, for whoever hears it.
    expect(page.get_by_role("columnheader")).to_have_count(5)
    expect(page.locator("tbody tr").first.get_by_role("rowheader")).to_have_count(1)


def _as_after_an_hour(route: Route) -> None:
    """As if the service had done something for fifty minutes, and failed for a minute."""
    answer = route.fetch()
    hour = answer.json()
    steps = range(len(hour["requests"]))
    hour |= {name: [None if step < 60 else 100 for step in steps] for name in ("requests", "hits", "refused")}
    hour["failed"] = [None if step < 60 else 50 * (340 <= step < 346) for step in steps]
    hour |= {name: [None if step < 60 else step / 10 for step in steps] for name in ("p50_ms", "p99_ms")}
    route.fulfill(response=answer, json=hour)


def test_the_service_is_looked_at_while_it_works(visit: Callable[..., Visitor]) -> None:
    admin = visit(ADMIN, at="#/admin?tab=service")
    page = admin.page
    expect(page.get_by_text(re.compile("on SQLite, started .*Shown is the process"))).to_be_visible()
    plots = page.get_by_role("slider")
    expect(plots).to_have_count(4)
    # The first sample comes within ten seconds, and the page asks every ten.
    expect(plots.first).to_have_attribute("aria-valuetext", re.compile(r"Requests [0-9.]+/s"), timeout=30_000)
    expect(page.locator(".plot path").first).to_have_attribute("d", re.compile("M35[0-9]"))


def test_moments_are_pointed_at_in_all_plots_together(visit: Callable[..., Visitor]) -> None:
    admin = visit(ADMIN)
    page = admin.page
    page.route("**/api/v1/admin/service", _as_after_an_hour)
    admin.go("#/admin?tab=service")
    errors, latency = page.get_by_role("slider", name="Errors"), page.get_by_role("slider", name="Latency")
    expect(errors).to_have_attribute(
        "aria-valuetext", re.compile(r": Failed \(5xx\) 0/s, Refused \(4xx\) 10/s$")
    )
    errors.focus()
    for key in ("ArrowLeft",) * 14:
        admin.press(key)
    expect(errors).to_have_attribute("aria-valuetext", re.compile(r"Failed \(5xx\) 5/s"))
    expect(latency).to_have_attribute("aria-valuetext", re.compile(r"99 of 100 within 34.5 ms"))
    # What is pointed at stays what it was, and the focus where it is, when it is read anew.
    with page.expect_response("**/api/v1/admin/service"):
        _wake(page)
    expect(errors).to_be_focused()
    expect(errors).to_have_attribute("aria-valuetext", re.compile(r"Failed \(5xx\) 5/s"))
    admin.press("Home")
    expect(errors).to_have_attribute("aria-valuetext", re.compile(r"Failed \(5xx\) –"))
    box = latency.locator(".plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 5)
    expect(errors).to_have_attribute("aria-valuenow", "359")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5)
    expect(errors).to_have_attribute("aria-valuenow", re.compile("^(179|180)$"))
    page.mouse.move(1, 1)
    expect(errors).to_have_attribute("aria-valuenow", "359")
    page.get_by_text("Show as a table").focus()
    admin.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.locator("tbody tr").nth(2)).to_contain_text("5/s")

"""Several tabs of one person, and several people in one browser."""

from collections.abc import Callable
from functools import partial

from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.visitors import PASSWORD, Visitor, new_account


def _refreshes(context: BrowserContext) -> list[str]:
    seen: list[str] = []
    context.on(
        "request", lambda request: seen.append(request.url) if request.url.endswith("/auth/refresh") else None
    )
    return seen


def _tab(ann: Visitor, at: str = "") -> Page:
    page = ann.page.context.new_page()
    page.goto(f"{ann.url}/{at}")
    return page


def test_a_new_tab_takes_the_token_over_and_a_reload_asks_for_one(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("Pay rent")
    seen = _refreshes(ann.page.context)
    second = _tab(ann)
    expect(second.locator(".row")).to_have_count(1)
    assert seen == []
    second.close()
    ann.page.reload()
    ann.settled()
    assert len(seen) == 1


def test_one_refresh_serves_all_tabs_when_the_token_is_over(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("Pay rent")
    tabs = [ann.page, *(_tab(ann) for _ in range(3))]
    for page in tabs:
        expect(page.locator(".row")).to_have_count(1)
    seen = _refreshes(ann.page.context)
    # The server takes the token that all of them have no longer: they find out at the same time.
    spent: set[str] = set()
    for page in tabs:
        page.route("**/api/v1/tasks?*", partial(_refuse_first_token, spent))
    for page in tabs:
        page.evaluate("dispatchEvent(new Event('focus'))")
    for page in tabs:
        with page.expect_response(lambda answer: "/tasks?" in answer.url and answer.status == 304):
            page.evaluate("dispatchEvent(new Event('focus'))")
    assert len(spent) == 1
    assert len(seen) == 1


def _refuse_first_token(spent: set[str], route: Route) -> None:
    token = route.request.headers["authorization"]
    spent.update(() if spent else (token,))
    if token not in spent:
        route.continue_()
        return
    body = '{"status": 401, "code": "unauthorized", "title": "Unauthorized", "detail": "It is over."}'
    route.fulfill(status=401, body=body, headers={"Content-Type": "application/problem+json"})


def test_signing_out_in_one_tab_ends_the_other_and_leaves_nothing_behind(
    visit: Callable[..., Visitor],
) -> None:
    ann = visit()
    ann.add("A secret of Ann's")
    second = _tab(ann)
    expect(second.locator(".row")).to_have_count(1)
    second.get_by_role("button", name="Sign out").click()
    expect(second.get_by_text("You signed out.")).to_be_visible()
    expect(ann.page.get_by_text("You signed out in another tab.")).to_be_visible()
    for page in (ann.page, second):
        assert "A secret" not in page.content()
        page.goto(f"{ann.url}/#/board")
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        assert "A secret" not in page.content()


def test_signing_in_in_one_tab_brings_the_other_in(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("Pay rent")
    second = _tab(ann)
    expect(second.locator(".row")).to_have_count(1)
    ann.page.get_by_role("button", name="Sign out").click()
    expect(second.get_by_role("button", name="Sign in")).to_be_visible()
    ann.page.get_by_label("Address").fill(ann.account[0])
    ann.page.get_by_label("Password").fill(PASSWORD)
    ann.press("Enter")
    expect(ann.row("Pay rent")).to_be_visible()
    expect(second.locator(".row")).to_have_count(1)


def test_somebody_else_in_the_same_browser_never_sees_what_was_anothers(
    visit: Callable[..., Visitor],
) -> None:
    ann = visit()
    ann.add("Ann's own")
    second = _tab(ann)
    expect(second.locator(".row")).to_have_count(1)
    for page in (second, ann.page):
        page.get_by_label("New task").fill("Nobody's business")
    bob = new_account(ann.url)
    # Bob signs in from outside of the page, so that its tabs learn of it only by his token.
    second.get_by_role("button", name="Sign out").click()
    second.get_by_label("Address").fill(bob[0])
    second.get_by_label("Password").fill(bob[1])
    second.keyboard.press("Enter")
    for page in (second, ann.page):
        expect(page.get_by_role("heading", name="No open tasks")).to_be_visible()
        expect(page.get_by_label("New task")).to_have_value("")
        assert "Ann's own" not in page.content()
        expect(page.locator(".who")).to_have_text(bob[0])


def test_ending_all_others_reaches_another_profile_at_its_next_call(visit: Callable[..., Visitor]) -> None:
    ann = visit(at="#/settings?section=sessions")
    away = visit(ann.account)
    ann.page.reload()
    ann.page.get_by_role("button", name="End all others").click()
    ann.page.get_by_role("dialog").get_by_role("button", name="End all others").click()
    expect(ann.notice("All other sessions ended")).to_be_visible()
    field = away.page.get_by_label("New task")
    field.fill("Written before the session ended")
    field.press("Enter")
    dialog = away.page.get_by_role("dialog", name="Sign in to go on")
    expect(dialog).to_be_visible()
    away.press("Escape")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Password")).to_be_focused()
    away.page.keyboard.type(PASSWORD)
    away.press("Enter")
    expect(dialog).to_have_count(0)
    expect(away.row("Written before the session ended")).to_be_visible()
    assert [task["title"] for task in away.stored()] == ["Written before the session ended"]


def test_what_one_tab_changes_shows_in_the_other_and_in_another_profile_when_it_wakes(
    visit: Callable[..., Visitor],
) -> None:
    ann = visit()
    second = _tab(ann)
    second.locator(".state .empty").wait_for()
    elsewhere = visit(ann.account)
    ann.add("Pay rent")
    expect(second.locator(".row")).to_have_count(1)
    elsewhere.page.evaluate("dispatchEvent(new Event('focus'))")
    expect(elsewhere.row("Pay rent")).to_be_visible()


def test_while_it_is_looked_at_a_page_asks_every_ten_seconds_and_gets_304(
    visit: Callable[..., Visitor], new_context: Callable[..., BrowserContext]
) -> None:
    ann = visit()
    ann.add("Pay rent")
    expect(ann.row("Pay rent")).to_be_visible()
    ann.page.wait_for_load_state("networkidle")
    statuses: list[int] = []
    ann.page.on(
        "response", lambda answer: statuses.append(answer.status) if "/tasks?" in answer.url else None
    )
    with ann.page.expect_response("**/api/v1/tasks?*", timeout=15_000):
        pass
    assert statuses == [304]

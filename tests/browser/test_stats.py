"""Statistics, by mouse and by keys."""

from collections.abc import Callable

import httpx
from playwright.sync_api import Locator, Route, expect

from tests.browser.visitors import Visitor

REFUSAL = {"type": "about:blank", "title": "No", "status": 404, "detail": "Not now.", "code": "not_now"}


def _do(api: httpx.Client, title: str) -> None:
    made = api.post("/tasks", json={"title": title}).json()
    assert api.patch(f"/tasks/{made['id']}", json={"status": "done"}).status_code == 200


def _days(ann: Visitor) -> Locator:
    """The plot, as assistive technology sees it: one day chosen out of thirty."""
    return ann.page.get_by_role("slider", name="Done per day")


def test_statistics_are_a_picture_and_a_table(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    with ann.api() as api:
        for title in ("One", "Two", "Three"):
            made = api.post("/tasks", json={"title": title}).json()
            if title != "Three":
                api.patch(f"/tasks/{made['id']}", json={"status": "done"})
        api.post("/tasks", json={"title": "Late", "due_on": "2020-01-01"})
    ann.press("g", "s")
    expect(ann.page.get_by_text("2 tasks done in the last 30 days.")).to_be_visible()
    tiles = dict(
        zip(
            ann.page.locator(".tile dt").all_inner_texts(),
            ann.page.locator(".tile dd").all_inner_texts(),
            strict=True,
        )
    )
    assert tiles == {"Open": "2", "Overdue": "1", "Done in 7 days": "2", "In the trash": "0"}
    assert ann.page.locator(".plot rect").count() == 30
    ann.page.get_by_text("Show as a table").focus()
    ann.press("Enter")
    row = ann.page.get_by_role("row", name="today 2")
    expect(row).to_be_visible()
    assert ann.page.get_by_role("row").count() == 31


def test_days_are_pointed_at_by_keys_and_by_mouse(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    with ann.api() as api:
        _do(api, "One")
        _do(api, "Two")
    ann.go("#/stats")
    days = _days(ann)
    expect(days).to_have_attribute("aria-valuetext", "today: 2 done")
    days.focus()
    ann.press("ArrowRight")
    expect(days).to_have_attribute("aria-valuenow", "29")
    ann.press("ArrowLeft")
    expect(days).to_have_attribute("aria-valuetext", "yesterday: 0 done")
    expect(ann.page.locator(".of-day")).to_have_text("yesterday: 0 done")
    for key, at in (("PageDown", "21"), ("Home", "0"), ("ArrowUp", "1"), ("End", "29")):
        ann.press(key)
        expect(days).to_have_attribute("aria-valuenow", at)
    box = ann.page.locator(".plot").bounding_box()
    assert box is not None
    ann.page.mouse.move(box["x"] + 3, box["y"] + 5)
    expect(days).to_have_attribute("aria-valuenow", "0")
    ann.page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 5)
    expect(ann.page.locator(".of-day")).to_have_text("today: 2 done")


def test_days_are_mirrored_where_one_reads_from_the_right(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    with ann.api() as api:
        _do(api, "One")
    ann.page.evaluate("localStorage.setItem('taskapi.language', 'qps-rtl')")
    ann.go("#/stats")
    ann.page.reload()
    days = ann.page.get_by_role("slider")
    box, bar = ann.page.locator(".plot").bounding_box(), ann.page.locator(".bar-of-day").bounding_box()
    assert box is not None
    assert bar is not None
    assert bar["x"] < box["x"] + box["width"] / 30
    days.focus()
    ann.press("ArrowRight")
    expect(days).to_have_attribute("aria-valuenow", "28")
    ann.page.mouse.move(box["x"] + 3, box["y"] + 5)
    expect(days).to_have_attribute("aria-valuenow", "29")


def test_news_leave_the_table_open_and_the_focus_where_it_is(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    with ann.api() as api:
        _do(api, "One")
        ann.go("#/stats")
        ann.page.get_by_text("Show as a table").click()
        _days(ann).focus()
        ann.press("Home")
        _do(api, "Two")
    ann.page.evaluate("dispatchEvent(new Event('focus'))")
    expect(ann.page.get_by_text("2 tasks done in the last 30 days.")).to_be_visible()
    expect(ann.page.get_by_role("row", name="today 2")).to_be_visible()
    expect(_days(ann)).to_be_focused()
    expect(_days(ann)).to_have_attribute("aria-valuenow", "0")


def test_who_has_no_tasks_is_told_what_will_be_here(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.go("#/stats")
    expect(ann.page.get_by_text("No tasks yet.")).to_be_visible()
    expect(ann.page.get_by_text("The first bar comes with the first task you tick.")).to_be_visible()
    expect(_days(ann)).to_be_hidden()


def test_what_could_not_be_read_is_said_and_tried_again(visit: Callable[..., Visitor]) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=404, json=REFUSAL, content_type="application/problem+json")

    ann = visit()
    ann.page.route("**/api/v1/stats", refuse)
    ann.go("#/stats")
    expect(ann.page.get_by_role("alert").filter(has_text="Not now.")).to_be_visible()
    ann.page.unroute("**/api/v1/stats")
    ann.page.get_by_role("button", name="Try again").focus()
    ann.press("Enter")
    expect(ann.page.locator(".tile")).to_have_count(4)
    expect(ann.page.get_by_role("button", name="Try again")).to_have_count(0)


def test_what_takes_long_is_said_to_be_on_its_way(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    ann.page.route("**/api/v1/stats", hold)
    ann.go("#/stats")
    loading = ann.page.get_by_role("img", name="Loading")
    expect(loading).to_be_visible()
    held[0].continue_()
    expect(ann.page.locator(".tile")).to_have_count(4)
    expect(loading).to_have_count(0)

"""The list, by mouse and by keys alone."""

import re
from collections.abc import Callable

from playwright.sync_api import Route, expect

from tests.browser.visitors import Visitor


def test_a_line_becomes_a_task_with_what_was_understood_of_it(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    field = ann.page.get_by_label("New task")
    field.fill("Pay rent !high #home tomorrow 9am")
    chips = ann.page.locator(".preview .chip")
    assert chips.all_inner_texts() == ["Pay rent", "High", "home", "tomorrow, 9:00"]
    field.press("Enter")
    expect(ann.row("Pay rent")).to_be_visible()
    (task,) = ann.stored()
    assert (task["title"], task["priority"], task["labels"]) == ("Pay rent", "high", ["home"])
    assert task["due_at"] is not None


def test_a_task_is_done_undone_and_deleted_by_mouse(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("Water plants")
    ann.row("Water plants").get_by_role("checkbox", name="Done").click()
    expect(ann.notice("is done")).to_be_visible()
    expect(ann.row("Water plants")).to_have_count(0)
    assert ann.stored()[0]["status"] == "done"
    ann.notice("is done").get_by_role("button", name="Undo").click()
    expect(ann.row("Water plants")).to_be_visible()
    assert ann.stored()[0]["status"] == "todo"
    ann.name("Water plants").click()
    ann.page.get_by_role("complementary").get_by_role("button", name="Delete").click()
    expect(ann.row("Water plants")).to_have_count(0)
    assert ann.stored() == []
    ann.notice("in the trash").get_by_role("button", name="Undo").click()
    expect(ann.row("Water plants")).to_be_visible()


def test_a_day_is_kept_by_keys_alone(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.press("n")
    for title in ("Third", "Second", "First"):
        ann.page.keyboard.type(title)
        ann.press("Enter")
        expect(ann.row(title)).to_be_visible()
    ann.press("Escape")
    first = ann.name("First")
    first.focus()
    # Walk, edit the title where it stands, and give it up once.
    ann.press("ArrowDown", "e")
    ann.page.keyboard.type("never kept")
    ann.press("Escape")
    expect(ann.name("Second")).to_be_focused()
    ann.press("e")
    ann.page.keyboard.type("Second, better")
    ann.press("Enter")
    expect(ann.name("Second, better")).to_be_focused()
    # Priority, then one place up.
    ann.press("p")
    expect(ann.row("Second, better").locator(".priority")).to_have_text("Low")
    ann.press("Alt+ArrowUp")
    expect(ann.page.locator("#said")).to_contain_text("was moved")
    assert [task["title"] for task in ann.stored()] == ["Second, better", "First", "Third"]
    expect(ann.name("Second, better")).to_be_focused()
    # Done; the focus goes to the task that took its place; and back.
    ann.press("d")
    expect(ann.row("Second, better")).to_have_count(0)
    expect(ann.name("First")).to_be_focused()
    ann.press("Control+z")
    expect(ann.row("Second, better")).to_be_visible()
    # Into the panel, and out of it to where one was.
    ann.press("Enter")
    expect(ann.page.get_by_role("complementary").get_by_label("Title")).to_have_value("First")
    ann.press("Escape", "Escape")
    expect(ann.name("First")).to_be_focused()
    ann.press("Delete")
    expect(ann.row("First")).to_have_count(0)
    assert [task["title"] for task in ann.stored()] == ["Second, better", "Third"]


def test_many_tasks_are_changed_at_once_and_taken_back_at_once(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    with ann.api() as api:
        for title in ("Five", "Four", "Three", "Two", "One"):
            api.post("/tasks", json={"title": title, "labels": ["old"]})
    ann.page.reload()
    ann.settled()
    ann.row("Two").locator(".pick").click()
    ann.name("Four").click(modifiers=["Shift"])
    expect(ann.page.locator(".bulk .count")).to_have_text("3 selected")
    ann.page.get_by_role("button", name="Add a label").click()
    ann.page.get_by_role("dialog").get_by_label("Label").fill("new")
    ann.press("Enter")
    expect(ann.notice("3 tasks were changed")).to_be_visible()
    assert [task["labels"] for task in ann.stored()] == [["old"], *[["old", "new"]] * 3, ["old"]]
    ann.press("Control+z")
    expect(ann.notice("3 tasks are as they were")).to_be_visible()
    assert [task["labels"] for task in ann.stored()] == [["old"]] * 5


def test_the_bar_says_how_far_it_is_and_gives_the_focus_back(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    with ann.api() as api:
        for part in range(2):
            new = [{"op": "create", "data": {"title": f"{part}-{at}"}} for at in range(100)]
            assert api.post("/tasks/bulk", json={"operations": new}).status_code == 200
    page, bar = ann.page, ann.page.get_by_role("toolbar")
    page.reload()
    ann.settled()
    held: list[Route] = []

    def hold(route: Route) -> None:
        if held:
            route.continue_()
        held.append(route)

    page.route("**/api/v1/tasks/bulk", hold)
    page.locator(".scroller").press("End")
    expect(page.locator(".count").first).to_have_text("200")
    ann.press("Control+a")
    expect(bar.locator(".count")).to_contain_text("selected")
    ann.tab_to(bar.get_by_role("button", name="Done"), back=True)
    ann.press("Enter")
    expect(bar.get_by_text("0 of 200")).to_be_visible()
    expect(bar.get_by_role("button", name="Done")).to_be_hidden()
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    held[0].continue_()
    expect(bar).to_be_hidden()
    expect(ann.notice("200 tasks were changed")).to_be_visible()
    assert page.evaluate("document.activeElement !== document.body")


def test_escape_and_arrows_lead_from_anywhere_into_the_list(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    page = ann.page
    expect(page.locator("main")).to_be_focused()
    for title in ("Two", "One"):
        ann.add(title)
        expect(ann.row(title)).to_be_visible()
    ann.press("Escape")
    expect(page.locator(".row .name:focus")).to_have_count(1)
    ann.press("End")
    expect(ann.name("Two")).to_be_focused()
    ann.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    ann.press("Escape")
    expect(ann.name("Two")).to_be_focused()
    page.locator("main").focus()
    ann.press("ArrowUp")
    expect(ann.name("Two")).to_be_focused()


def test_a_range_is_selected_and_deleted_by_keys(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    for title in ("Four", "Three", "Two", "One"):
        ann.add(title)
    ann.press("Escape")
    ann.name("Two").focus()
    ann.press("Shift+ArrowDown")
    expect(ann.page.locator(".bulk .count")).to_have_text("2 selected")
    ann.press("Delete")
    expect(ann.notice("2 tasks are in the trash")).to_be_visible()
    expect(ann.page.locator(".row")).to_have_count(2)
    assert ann.titles() == ["One", "Four"]
    ann.press("Control+z")
    expect(ann.page.locator(".row")).to_have_count(4)
    ann.name("One").focus()
    ann.press("x", "ArrowDown", "x")
    expect(ann.page.locator(".bulk .count")).to_have_text("2 selected")
    ann.press("Escape")
    expect(ann.page.locator(".bulk")).to_be_hidden()


def test_search_and_filters_stand_in_the_address(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    for line in ("Pay rent !high #home", "Call Bob !low #work", "Pay taxes !high #work"):
        ann.add(line)
    ann.press("Escape", "/")
    ann.page.keyboard.type("pay")
    expect(ann.page.locator(".row")).to_have_count(2)
    expect(ann.page).to_have_url(re.compile("q=pay"))
    ann.page.get_by_role("button", name="Filters").click()
    ann.page.get_by_label("Label", exact=True).select_option("work")
    expect(ann.page.locator(".row")).to_have_count(1)
    ann.page.reload()
    expect(ann.row("Pay taxes")).to_be_visible()
    expect(ann.page.get_by_role("searchbox")).to_have_value("pay")
    ann.page.get_by_role("button", name="Clear all").click()
    expect(ann.page.locator(".row")).to_have_count(3)
    ann.page.get_by_label("Order").select_option("title")
    expect(ann.page.locator(".row .name").first).to_have_text("Call Bob")
    ann.page.locator(".filters").get_by_label("Status").select_option("done")
    expect(ann.page.get_by_role("heading", name="Nothing fits")).to_be_visible()


def test_what_is_refused_is_said_and_what_was_typed_stays(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    field = ann.page.get_by_label("New task")
    ann.page.route(
        "**/api/v1/tasks",
        lambda route: (
            route.fulfill(
                status=429,
                headers={"Retry-After": "1800", "Content-Type": "application/problem+json"},
                body='{"status": 429, "code": "too_many", "detail": "Too many."}',
            )
            if route.request.method == "POST"
            else route.continue_()
        ),
    )
    field.fill("Pay rent")
    field.press("Enter")
    expect(ann.page.get_by_role("alert").filter(has_text="tried too often")).to_be_visible()
    expect(field).to_have_value("Pay rent")
    ann.page.unroute("**/api/v1/tasks")
    ann.page.reload()
    ann.settled()
    expect(ann.page.get_by_label("New task")).to_have_value("Pay rent")


def test_nothing_moves_below_the_mouse_when_the_line_is_left(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("Pay rent")
    expect(ann.row("Pay rent")).to_be_visible()
    before = ann.row("Pay rent").bounding_box()
    ann.page.get_by_label("New task").blur()
    assert ann.row("Pay rent").bounding_box() == before
    ann.row("Pay rent").locator(".pick").click()
    expect(ann.page.locator(".bulk")).to_be_visible()
    expect(ann.page.locator(".row.selected")).to_have_count(1)
    assert ann.row("Pay rent").bounding_box() == before


def test_a_title_is_edited_where_it_stands_by_mouse(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("Pay rent")
    ann.row("Pay rent").hover()
    ann.row("Pay rent").get_by_role("button", name="Edit the title").click()
    line = ann.page.get_by_role("listitem").get_by_role("textbox", name="Title")
    line.fill("Pay the rent")
    ann.page.get_by_role("heading", level=1).click()
    expect(ann.row("Pay the rent")).to_be_visible()
    assert [task["title"] for task in ann.stored()] == ["Pay the rent"]


def test_fingers_select_by_boxes_that_a_button_shows(visit: Callable[..., Visitor]) -> None:
    ann = visit(viewport={"width": 390, "height": 800}, has_touch=True)
    ann.add("One")
    ann.add("Two")
    expect(ann.row("One").locator(".pick")).to_be_hidden()
    ann.page.get_by_role("button", name="Select tasks").tap()
    ann.row("One").locator(".pick").tap()
    ann.row("Two").locator(".pick").tap()
    ann.page.get_by_role("toolbar").get_by_role("button", name="Done").tap()
    expect(ann.notice("2 tasks were changed")).to_be_visible()
    assert {task["status"] for task in ann.stored()} == {"done"}
    expect(ann.row("One")).to_have_count(0)

"""The panel of a task: every field is saved as it is left."""

from collections.abc import Callable

from playwright.sync_api import Locator, Route, expect

from tests.browser.visitors import Visitor


def _panel(ann: Visitor, title: str) -> Locator:
    ann.name(title).click()
    panel = ann.page.get_by_role("complementary")
    expect(panel.get_by_label("Title")).to_have_value(title)
    return panel


def test_every_field_is_saved_and_each_can_be_taken_back(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    with ann.api() as api:
        home = api.post("/projects", json={"name": "Home"}).json()
    ann.add("Pay rent")
    panel = _panel(ann, "Pay rent")
    panel.get_by_label("Title").fill("Pay the rent")
    panel.get_by_label("Title").press("Enter")
    expect(ann.notice("was changed")).to_be_visible()
    panel.get_by_label("Status").select_option("in_progress")
    panel.get_by_label("Priority").select_option("urgent")
    panel.get_by_label("Project").select_option("Home")
    panel.get_by_label("Due", exact=True).fill("2027-03-01")
    panel.get_by_label("Time").fill("09:30")
    panel.get_by_label("Labels").last.fill("money")
    panel.get_by_label("Labels").last.press("Enter")
    panel.get_by_role("button", name="Edit").click()
    panel.get_by_label("Description").last.fill("**By** transfer")
    panel.get_by_label("Description").last.press("Control+Enter")
    expect(panel.locator(".prose strong")).to_have_text("By")
    expect(panel.locator(".history li").first).to_contain_text("Description changed")
    (task,) = ann.stored()
    kept = {
        name: task[name]
        for name in ("title", "status", "priority", "project_id", "due_at", "labels", "description")
    }
    assert kept == {
        "title": "Pay the rent",
        "status": "in_progress",
        "priority": "urgent",
        "project_id": home["id"],
        "due_at": "2027-03-01T08:30:00Z",
        "labels": ["money"],
        "description": "**By** transfer",
    }
    panel.get_by_label("Description").last.blur()
    for _ in range(8):
        ann.press("Control+z")
        expect(ann.notice("Taken back")).to_be_visible()
        ann.notice("Taken back").get_by_role("button", name="Dismiss").click()
    (task,) = ann.stored()
    assert (task["title"], task["status"], task["description"], task["labels"]) == (
        "Pay rent",
        "todo",
        "",
        [],
    )
    assert (task["due_at"], task["due_on"], task["project_id"]) == (None, None, None)


def test_the_panel_is_used_by_keys_alone(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("Pay rent")
    ann.press("Escape")
    ann.name("Pay rent").focus()
    ann.press("Enter")
    panel = ann.page.get_by_role("complementary")
    expect(panel.get_by_role("button", name="Close")).to_be_focused()
    ann.press("Tab")
    expect(panel.get_by_label("Title")).to_be_focused()
    ann.press("Tab")
    expect(panel.get_by_label("Status")).to_be_focused()
    ann.page.keyboard.type("In p")
    ann.press("Tab")
    ann.page.keyboard.type("High")
    ann.press("Tab")
    expect(ann.row("Pay rent").locator(".priority")).to_have_text("High")
    ann.press("Escape")
    expect(panel.get_by_role("button", name="Close")).to_be_focused()
    ann.press("Escape")
    expect(ann.page.get_by_role("complementary")).to_have_count(0)
    (task,) = ann.stored()
    assert (task["status"], task["priority"]) == ("in_progress", "high")


def test_what_is_written_of_a_description_outlives_the_tab(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("Pay rent")
    panel = _panel(ann, "Pay rent")
    panel.get_by_role("button", name="Edit").click()
    panel.get_by_label("Description").last.fill("half a thought")
    ann.page.reload()
    expect(ann.page.get_by_role("complementary").get_by_label("Description").last).to_have_value(
        "half a thought"
    )


def test_who_writes_before_all_is_there_is_not_interrupted(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("Pay rent")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    ann.page.route("**/api/v1/tasks/*/history*", hold)
    panel = _panel(ann, "Pay rent")
    panel.get_by_role("button", name="Edit").click()
    panel.get_by_label("Description").last.fill("half a thought")
    assert held
    for route in held:
        route.continue_()
    ann.page.unroute("**/api/v1/tasks/*/history*", hold)
    expect(panel.locator(".history li").first).to_be_visible()
    expect(panel.get_by_label("Description").last).to_be_focused()
    expect(panel.get_by_label("Description").last).to_have_value("half a thought")


def test_a_task_that_is_gone_says_so(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.go("#/list?task=01936f2e-7c4a-7d1b-9a35-2f6c8e0b4d17")
    expect(ann.page.get_by_role("complementary")).to_contain_text("not there any more")
    ann.page.get_by_role("complementary").get_by_role("button", name="Close").click()
    expect(ann.page.get_by_role("complementary")).to_have_count(0)

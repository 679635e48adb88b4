"""Projects, labels, the trash, the palette and the keys of the page."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.visitors import PASSWORD, Visitor


def test_a_project_is_made_renamed_archived_and_deleted(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    side = ann.page.get_by_role("navigation")
    side.get_by_role("button", name="New project").click()
    ann.page.get_by_role("dialog").get_by_label("Name").fill("Home")
    ann.press("Enter")
    expect(ann.page.get_by_role("heading", name="Home", level=1)).to_be_visible()
    ann.add("Mow the lawn")
    expect(ann.row("Mow the lawn")).to_be_visible()
    expect(side.get_by_role("link", name="Home 1")).to_be_visible()
    side.get_by_role("button", name="Edit the project Home").click()
    ann.page.get_by_role("dialog").get_by_label("Name").fill("Garden")
    ann.press("Enter")
    expect(ann.page.get_by_role("heading", name="Garden", level=1)).to_be_visible()
    side.get_by_role("button", name="Edit the project Garden").click()
    ann.page.get_by_role("button", name="Archive").click()
    expect(side.get_by_text("1 archived")).to_be_visible()
    ann.notice("is archived").get_by_role("button", name="Undo").click()
    expect(side.get_by_text("1 archived")).to_have_count(0)
    side.get_by_role("button", name="Edit the project Garden").click()
    ann.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    ann.page.get_by_role("button", name="To the inbox").click()
    expect(ann.page.get_by_role("heading", name="Inbox", level=1)).to_be_visible()
    expect(ann.row("Mow the lawn")).to_be_visible()
    assert [task["project_id"] for task in ann.stored()] == [None]


def test_a_label_is_renamed_on_all_tasks(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("One #hous")
    ann.add("Two #hous")
    side = ann.page.get_by_role("navigation")
    side.get_by_role("link", name="hous 2").click()
    expect(ann.page.get_by_role("heading", name="#hous", level=1)).to_be_visible()
    side.get_by_role("button", name="Rename the label hous").click()
    ann.page.get_by_role("dialog").get_by_label("Name").fill("house")
    ann.press("Enter")
    expect(ann.page.get_by_role("heading", name="#house", level=1)).to_be_visible()
    expect(ann.page.locator(".row")).to_have_count(2)
    assert {tuple(task["labels"]) for task in ann.stored()} == {("house",)}
    ann.press("Control+z")
    expect(ann.page.get_by_role("heading", name="#hous", exact=True, level=1)).to_be_visible()
    assert {tuple(task["labels"]) for task in ann.stored()} == {("hous",)}


def test_labels_that_became_one_cannot_be_told_apart_again(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("One #a")
    ann.add("Two #b")
    side = ann.page.get_by_role("navigation")
    expect(side.get_by_role("link", name="b 1")).to_be_visible()
    side.get_by_role("button", name="Rename the label a").click()
    ann.page.get_by_role("dialog").get_by_label("Name").fill("B")
    ann.press("Enter")
    expect(side.get_by_role("link", name="b 2")).to_be_visible()
    expect(ann.page.locator(".notice")).to_have_count(1)
    expect(ann.page.locator(".notice .undo")).to_have_count(0)


def test_the_trash_gives_back_and_deletes_for_good(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    with ann.api() as api:
        for title in ("One", "Two", "Three", "Four"):
            made = api.post("/tasks", json={"title": title}).json()
            api.delete(f"/tasks/{made['id']}")
    ann.press("g", "d")
    expect(ann.page.get_by_role("heading", name="Trash")).to_be_visible()
    ann.page.get_by_role("button", name="Bring “Two” back").click()
    expect(ann.notice("“Two” is back")).to_be_visible()
    expect(ann.page.get_by_text("Two", exact=True)).to_have_count(0)
    ann.page.get_by_role("button", name="Delete “One” for good").click()
    ann.page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    expect(ann.notice("Deleted for good")).to_be_visible()
    ann.page.get_by_role("checkbox", name="Select “Three”").check()
    ann.page.get_by_role("toolbar").get_by_role("button", name="Bring back").click()
    expect(ann.notice("1 task is back")).to_be_visible()
    ann.press("Control+z")
    expect(ann.notice("1 task")).to_be_visible()
    expect(ann.page.get_by_role("checkbox", name="Select “Three”")).to_be_visible()
    ann.page.get_by_role("checkbox", name="Select “Three”").check()
    ann.page.get_by_role("toolbar").get_by_role("button", name="Bring back").click()
    expect(ann.notice("1 task is back")).to_be_visible()
    ann.page.get_by_role("button", name="Empty the trash").click()
    ann.page.get_by_role("dialog").get_by_role("button", name="Empty the trash").click()
    expect(ann.page.get_by_role("heading", name="The trash is empty")).to_be_visible()
    with ann.api() as api:
        assert api.get("/tasks", params={"trashed": True}).json()["items"] == []
        assert {task["title"] for task in ann.stored()} == {"Two", "Three"}


def test_projects_and_labels_are_kept_by_keys_alone(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    page, dialog = ann.page, ann.page.get_by_role("dialog")
    ann.tab_to(page.get_by_role("button", name="New project"))
    ann.press("Enter")
    expect(dialog.get_by_label("Name")).to_be_focused()
    page.keyboard.type("Home")
    ann.press("Tab", "ArrowRight", "Enter")
    expect(page.get_by_role("heading", name="Home", level=1)).to_be_visible()
    expect(page.get_by_text("Home", exact=True).last).to_be_visible()
    ann.press("n")
    page.keyboard.type("Mow the lawn #garden")
    ann.press("Enter")
    expect(ann.row("Mow the lawn")).to_be_visible()
    edit = page.get_by_role("button", name="Edit the project Home")
    ann.tab_to(edit, back=True)
    ann.press("Enter")
    expect(dialog.get_by_label("Name")).to_be_focused()
    ann.press("Control+a")
    page.keyboard.type("House")
    ann.press("Enter")
    expect(page.get_by_role("heading", name="House", level=1)).to_be_visible()
    expect(page.get_by_role("button", name="Edit the project House")).to_be_focused()
    ann.tab_to(page.get_by_role("button", name="Rename the label garden"))
    ann.press("Enter")
    expect(dialog.get_by_label("Name")).to_be_focused()
    ann.press("Control+a")
    page.keyboard.type("outside")
    ann.press("Enter")
    expect(page.get_by_role("button", name="Rename the label outside")).to_be_visible()
    assert page.evaluate("document.querySelector('nav').contains(document.activeElement)")
    for act, seen in (("Archive", "1 archived"), ("Bring back", "House 1"), ("Delete", "")):
        if act == "Bring back":
            ann.tab_to(page.locator("summary"), back=True)
            ann.press("Enter")
            ann.tab_to(page.get_by_role("button", name="Edit the project House"))
        else:
            ann.tab_to(page.get_by_role("button", name="Edit the project House"), back=True)
        ann.press("Enter")
        ann.tab_to(dialog.get_by_role("button", name=act))
        ann.press("Enter")
        if seen:
            expect(
                page.get_by_role("navigation").get_by_text(seen).or_(page.get_by_role("link", name=seen))
            ).to_be_visible()
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    ann.tab_to(dialog.get_by_role("button", name="To the trash"))
    ann.press("Enter")
    expect(page.get_by_role("heading", name="Inbox", level=1)).to_be_visible()
    assert ann.stored() == []
    assert page.evaluate("document.activeElement !== document.body")


def test_the_trash_is_kept_by_keys_alone(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    with ann.api() as api:
        for title in ("One", "Two", "Three", "Four", "Five"):
            made = api.post("/tasks", json={"title": title}).json()
            api.delete(f"/tasks/{made['id']}")
    page, dialog = ann.page, ann.page.get_by_role("dialog")
    ann.press("g", "d")
    expect(page.locator("main .line")).to_have_count(5)
    ann.tab_to(page.get_by_role("button", name="Bring “Two” back"))
    ann.press("Enter")
    expect(page.locator("main .line")).to_have_count(4)
    ann.tab_to(page.get_by_role("button", name="Delete “Three” for good"))
    ann.press("Enter")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    ann.press("Tab", "Enter")
    expect(page.locator("main .line")).to_have_count(3)
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    ann.tab_to(page.get_by_role("checkbox", name="Select “Four”"), back=True)
    ann.press("Space")
    ann.tab_to(page.get_by_role("toolbar").get_by_role("button", name="Bring back"), back=True)
    ann.press("Enter")
    expect(page.locator("main .line")).to_have_count(2)
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    ann.tab_to(page.get_by_role("button", name="Empty the trash"), back=True)
    ann.press("Enter")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    ann.press("Tab", "Enter")
    expect(page.get_by_role("heading", name="The trash is empty")).to_be_visible()
    assert {task["title"] for task in ann.stored()} == {"Two", "Four"}
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_the_palette_finds_places_tasks_and_acts(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("Call the plumber")
    ann.press("Control+k")
    expect(ann.page.get_by_role("combobox", name="Find and do")).to_be_focused()
    ann.page.keyboard.type("boa")
    ann.press("Enter")
    expect(ann.page.get_by_role("heading", name="Board")).to_be_visible()
    ann.press("Control+k")
    expect(ann.page.get_by_role("combobox", name="Find and do")).to_be_focused()
    ann.page.keyboard.type("plumb")
    expect(ann.page.get_by_role("option", name="Call the plumber")).to_be_visible()
    ann.press("ArrowDown", "ArrowUp", "Enter")
    expect(ann.page.get_by_role("complementary").get_by_label("Title")).to_have_value("Call the plumber")
    ann.press("Control+k")
    expect(ann.page.get_by_role("combobox", name="Find and do")).to_be_focused()
    ann.page.keyboard.type("dark")
    ann.press("Enter")
    expect(ann.page.locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize(
    ("keys", "heading"),
    [("i", "Inbox"), ("t", "Today"), ("a", "All tasks"), ("b", "Board"), ("d", "Trash")],
)
def test_two_keys_go_to_a_place(visit: Callable[..., Visitor], keys: str, heading: str) -> None:
    ann = visit(at="#/trash" if keys != "d" else "")
    ann.page.get_by_role("heading", level=1).wait_for()
    ann.press("g", keys)
    expect(ann.page.get_by_role("heading", name=heading, level=1)).to_be_visible()
    assert ann.page.title() == f"{heading} · taskapi"


def test_the_sheet_tells_every_key_and_keys_keep_still_below_it(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.press("?")
    sheet = ann.page.get_by_role("dialog")
    expect(sheet.get_by_role("heading", name="In a list")).to_be_visible()
    ann.press("n")
    expect(ann.page.get_by_label("New task")).not_to_be_focused()
    ann.press("Escape")
    expect(sheet).to_have_count(0)


def test_nowhere_says_so_and_leads_back(visit: Callable[..., Visitor]) -> None:
    ann = visit(at="#/nowhere")
    expect(ann.page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    ann.page.get_by_role("main").get_by_role("link", name="All tasks").click()
    expect(ann.page.get_by_role("heading", name="All tasks", level=1)).to_be_visible()


def test_on_a_phone_the_menu_is_opened_and_leads_on(visit: Callable[..., Visitor]) -> None:
    ann = visit(viewport={"width": 390, "height": 800})
    expect(ann.page.get_by_role("link", name="Board")).to_be_hidden()
    ann.page.get_by_role("button", name="Menu").click()
    ann.page.get_by_role("link", name="Board").click()
    expect(ann.page.get_by_role("heading", name="Board")).to_be_visible()
    expect(ann.page.get_by_role("link", name="Board")).to_be_hidden()
    ann.page.get_by_role("button", name="Menu").click()
    ann.press("Escape")
    expect(ann.page.get_by_role("link", name="Board")).to_be_hidden()


def test_somebody_new_registers_and_is_in(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    page = ann.page
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You signed out.")).to_be_visible()
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("Address").fill("not an address")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create your account").click()
    expect(page.locator(".fault:visible")).to_have_count(2)
    page.get_by_label("Address").fill(f"new-{ann.account[0]}")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create your account").press("Enter")
    expect(page.get_by_role("heading", name="No open tasks")).to_be_visible()


def test_who_forgot_the_password_is_sent_a_mail(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.page.get_by_role("button", name="Sign out").click()
    ann.page.get_by_role("link", name="Forgot your password?").click()
    ann.page.get_by_label("Address").fill(ann.account[0])
    ann.press("Enter")
    expect(ann.page.get_by_text("a mail is on its way")).to_be_visible()


def test_a_wrong_password_is_said_and_the_address_stays(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.page.get_by_role("button", name="Sign out").click()
    ann.page.get_by_label("Address").fill(ann.account[0])
    ann.page.get_by_label("Password").fill("wrong wrong wrong")
    ann.press("Enter")
    expect(ann.page.get_by_role("alert").filter(has_text="do not belong together")).to_be_visible()
    expect(ann.page.get_by_label("Address")).to_have_value(ann.account[0])

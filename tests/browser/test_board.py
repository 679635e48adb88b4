"""The board: cards moved by mouse, by finger and by keys."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.visitors import Visitor


def _board(visit: Callable[..., Visitor], **options: object) -> Visitor:
    ann = visit(**options)
    with ann.api() as api:
        for title in ("C", "B", "A"):
            api.post("/tasks", json={"title": title})
        api.post("/tasks", json={"title": "X", "status": "in_progress"})
    ann.go("#/board")
    expect(ann.card("A")).to_be_visible()
    expect(ann.card("X")).to_be_visible()
    return ann


def test_a_card_is_dragged_to_another_column_and_taken_back(visit: Callable[..., Visitor]) -> None:
    ann = _board(visit)
    ann.card("B").drag_to(ann.page.locator("[data-status=done]"))
    expect(ann.notice("“B” is under Done now")).to_be_visible()
    assert (ann.column("todo"), ann.column("done")) == (["A", "C"], ["B"])
    assert {task["title"]: task["status"] for task in ann.stored()}["B"] == "done"
    ann.notice("“B” is under Done").get_by_role("button", name="Undo").click()
    expect(ann.page.locator(".cards[data-status=todo] .card .name")).to_have_text(["A", "B", "C"])
    assert {task["title"]: task["status"] for task in ann.stored()}["B"] == "todo"


def test_a_card_is_dragged_within_its_column_and_a_drag_can_be_given_up(
    visit: Callable[..., Visitor],
) -> None:
    ann = _board(visit)
    target = ann.card("A").bounding_box()
    assert target is not None
    ann.card("C").hover()
    ann.page.mouse.down()
    ann.page.mouse.move(target["x"] + 40, target["y"] + 3, steps=5)
    expect(ann.page.locator(".cards[data-status=todo] .card .name")).to_have_text(["C", "A", "B"])
    ann.press("Escape")
    ann.page.mouse.up()
    expect(ann.page.locator(".cards[data-status=todo] .card .name")).to_have_text(["A", "B", "C"])
    ann.card("C").hover()
    ann.page.mouse.down()
    ann.page.mouse.move(target["x"] + 40, target["y"] + 3, steps=5)
    ann.page.mouse.up()
    expect(ann.notice("is under To do now")).to_be_visible()
    assert [task["title"] for task in ann.stored() if task["status"] == "todo"] == ["C", "A", "B"]


def test_a_click_opens_the_card_and_drags_nothing(visit: Callable[..., Visitor]) -> None:
    ann = _board(visit)
    ann.card("B").get_by_role("button", name="B").click()
    expect(ann.page.get_by_role("complementary").get_by_label("Title")).to_have_value("B")
    expect(ann.page.locator(".ghost")).to_have_count(0)


def test_a_card_is_carried_by_keys_and_every_step_is_said(visit: Callable[..., Visitor]) -> None:
    ann = _board(visit)
    said = ann.page.locator("#said-now")
    ann.card("B").get_by_role("button", name="B").focus()
    ann.press("Space")
    expect(said).to_contain_text("B lifted. To do, place 2 of 3.")
    ann.press("ArrowRight")
    expect(said).to_have_text("In progress, place 2 of 2.")
    expect(ann.card("B").get_by_role("button", name="B")).to_be_focused()
    ann.press("ArrowUp")
    expect(said).to_have_text("In progress, place 1 of 2.")
    ann.press("Space")
    expect(said).to_contain_text("B dropped. In progress, place 1 of 2.")
    expect(ann.notice("“B” is under In progress now")).to_be_visible()
    assert [task["title"] for task in ann.stored() if task["status"] == "in_progress"] == ["B", "X"]
    expect(ann.card("B").get_by_role("button", name="B")).to_be_focused()


def test_a_lifted_card_goes_back_on_escape(visit: Callable[..., Visitor]) -> None:
    ann = _board(visit)
    ann.card("A").get_by_role("button", name="A").focus()
    ann.press("Space", "ArrowRight", "ArrowDown", "Escape")
    expect(ann.page.locator("#said-now")).to_contain_text("A is back where it was")
    assert ann.column("todo") == ["A", "B", "C"]
    assert [task["title"] for task in ann.stored() if task["status"] == "in_progress"] == ["X"]


def test_in_a_language_from_right_to_left_the_arrows_are_mirrored(visit: Callable[..., Visitor]) -> None:
    ann = _board(visit)
    ann.page.evaluate("localStorage.setItem('taskapi.language', 'qps-rtl')")
    ann.page.reload()
    name = ann.card("B").get_by_role("button", name="B", exact=True)
    name.focus()
    ann.press("Space", "ArrowLeft", "Space")
    expect(ann.page.locator(".cards[data-status=in_progress] .card .name", has_text="B")).to_be_focused()


def test_a_finger_lifts_a_card_by_resting_on_it(visit: Callable[..., Visitor]) -> None:
    ann = _board(visit, has_touch=True)
    box, target = ann.card("B").bounding_box(), ann.page.locator("[data-status=in_progress]").bounding_box()
    assert box is not None
    assert target is not None
    touch = ann.page.context.new_cdp_session(ann.page)
    place = {"x": box["x"] + 120, "y": box["y"] + 20}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [place]})
    expect(ann.page.locator(".ghost")).to_be_visible()
    over = {"x": target["x"] + 60, "y": target["y"] + 30}
    touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [over]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(ann.notice("is under In progress now")).to_be_visible()
    assert "B" in [task["title"] for task in ann.stored() if task["status"] == "in_progress"]


@pytest.mark.parametrize("done", ["mouse", "keys"])
def test_a_board_may_be_of_one_project(visit: Callable[..., Visitor], done: str) -> None:
    ann = _board(visit)
    with ann.api() as api:
        project = api.post("/projects", json={"name": "Home"}).json()
        api.post("/tasks", json={"title": "Of the project", "project_id": project["id"]})
    ann.page.reload()
    chooser = ann.page.get_by_label("Project", exact=True)
    expect(chooser.locator("option", has_text="Home")).to_be_attached()
    if done == "mouse":
        chooser.select_option("Home")
    else:
        chooser.focus()
        ann.page.keyboard.type("Home")
    expect(ann.card("Of the project")).to_be_visible()
    expect(ann.card("A")).to_have_count(0)
    expect(ann.page.get_by_role("heading", name="Board: Home")).to_be_visible()


def test_a_lifted_card_that_is_left_goes_back(visit: Callable[..., Visitor]) -> None:
    ann = _board(visit)
    ann.card("A").get_by_role("button", name="A").focus()
    ann.press("Space", "ArrowRight")
    expect(ann.page.locator(".cards[data-status=in_progress] .card .name")).to_have_text(["A", "X"])
    ann.page.get_by_label("New task").click()
    expect(ann.page.locator(".cards[data-status=todo] .card .name")).to_have_text(["A", "B", "C"])
    assert [task["title"] for task in ann.stored() if task["status"] == "in_progress"] == ["X"]


def test_cards_are_ticked_ranked_and_deleted_by_keys(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    for title in ("Three", "Two", "One"):
        ann.add(title)
    ann.press("Escape", "g", "b")
    expect(ann.card("One")).to_be_visible()
    expect(ann.page.locator("main")).to_be_focused()
    ann.press("ArrowDown", "p")
    expect(ann.card("One").locator(".priority")).to_have_text("Low")
    ann.press("d")
    expect(ann.page.locator(".cards[data-status=done]").get_by_text("One")).to_be_visible()
    expect(ann.page.locator(".card :focus")).to_have_count(1)
    ann.card("Two").get_by_role("button", name="Two", exact=True).focus()
    ann.press("Delete")
    expect(ann.card("Two")).to_have_count(0)
    expect(ann.page.locator(".card :focus")).to_have_text("Three")
    assert [(task["title"], task["status"]) for task in ann.stored()] == [("One", "done"), ("Three", "todo")]


def test_the_last_card_that_goes_leaves_the_focus_in_reach(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("One")
    ann.go("#/board")
    ann.card("One").get_by_role("button", name="One", exact=True).focus()
    ann.press("Delete")
    expect(ann.page.get_by_label("New task")).to_be_focused()

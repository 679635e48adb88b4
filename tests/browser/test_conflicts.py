"""Two people, or one in two places, change the same task."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.visitors import Visitor


def _both(visit: Callable[..., Visitor]) -> tuple[Visitor, str]:
    """A page that shows a task, and its id: what is changed by the API is news to the page."""
    ann = visit()
    ann.add("Pay rent")
    expect(ann.row("Pay rent")).to_be_visible()
    ann.page.wait_for_load_state("networkidle")
    return ann, str(ann.stored()[0]["id"])


def _elsewhere(ann: Visitor, task_id: str, **fields: Any) -> None:
    with ann.api() as api:
        assert api.patch(f"/tasks/{task_id}", json=fields).status_code == 200


def _retitle(ann: Visitor, title: str) -> None:
    ann.name("Pay rent").focus()
    ann.press("e")
    ann.page.keyboard.type(title)
    ann.press("Enter")


def test_other_fields_merge_by_themselves(visit: Callable[..., Visitor]) -> None:
    ann, task_id = _both(visit)
    _elsewhere(ann, task_id, priority="high", labels=["home"])
    _retitle(ann, "Pay the rent")
    expect(ann.notice("was changed")).to_be_visible()
    expect(ann.page.get_by_role("dialog")).to_have_count(0)
    (task,) = ann.stored()
    assert (task["title"], task["priority"], task["labels"]) == ("Pay the rent", "high", ["home"])
    expect(ann.row("Pay the rent").locator(".priority")).to_have_text("High")


@pytest.mark.parametrize(
    ("kept", "act", "title"),
    [
        ("mine", "Keep these", "Mine"),
        ("theirs", "Keep these", "Theirs"),
        (None, "Leave it as it is now", "Theirs"),
        (None, "Escape", "Theirs"),
    ],
)
def test_of_the_same_field_the_person_decides(
    visit: Callable[..., Visitor], kept: str | None, act: str, title: str
) -> None:
    ann, task_id = _both(visit)
    _elsewhere(ann, task_id, title="Theirs")
    _retitle(ann, "Mine")
    dialog = ann.page.get_by_role("dialog", name="Changed in two places")
    expect(dialog.get_by_role("radio", name="Yours Mine")).to_be_checked()
    if kept is not None:
        dialog.locator(f"input[value={kept}]").check()
    if act == "Escape":
        ann.press("Escape")
    else:
        dialog.get_by_role("button", name=act).click()
    expect(ann.row(title)).to_be_visible()
    expect(ann.page.locator(".saving")).to_have_count(0)
    assert [task["title"] for task in ann.stored()] == [title]


def test_the_same_change_on_both_sides_is_no_conflict(visit: Callable[..., Visitor]) -> None:
    ann, task_id = _both(visit)
    _elsewhere(ann, task_id, title="Same")
    _retitle(ann, "Same")
    expect(ann.row("Same")).to_be_visible()
    expect(ann.page.get_by_role("dialog")).to_have_count(0)


def test_many_own_changes_in_a_row_never_conflict(visit: Callable[..., Visitor]) -> None:
    ann, _ = _both(visit)
    ann.page.route("**/api/v1/tasks/*", lambda route: route.continue_())
    ann.name("Pay rent").focus()
    for _ in range(7):
        ann.press("p")
    ann.press("d")
    expect(ann.row("Pay rent")).to_have_count(0)
    expect(ann.page.get_by_role("dialog")).to_have_count(0)
    (task,) = ann.stored()
    assert (task["priority"], task["status"]) == ("medium", "done")


def test_a_change_of_what_was_deleted_elsewhere_is_said(visit: Callable[..., Visitor]) -> None:
    ann, task_id = _both(visit)
    with ann.api() as api:
        api.delete(f"/tasks/{task_id}")
    _retitle(ann, "Too late")
    expect(ann.notice("not there any more")).to_be_visible()
    expect(ann.page.locator(".row")).to_have_count(0)


def test_an_undo_leaves_what_was_changed_since(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    for title in ("Three", "Two", "One"):
        ann.add(title)
    expect(ann.page.locator(".row")).to_have_count(3)
    ann.press("Escape")
    ann.name("One").click(modifiers=["Control"])
    ann.name("Three").click(modifiers=["Shift"])
    ann.page.get_by_role("toolbar").get_by_label("Priority").select_option("high")
    expect(ann.notice("3 tasks were changed")).to_be_visible()
    _elsewhere(ann, str(ann.stored()[1]["id"]), priority="urgent")
    ann.press("Control+z")
    expect(ann.notice("2 tasks are as they were. 1 stayed as it is.")).to_be_visible()
    assert [task["priority"] for task in ann.stored()] == ["none", "urgent", "none"]


def test_a_single_undo_asks_where_somebody_changed_the_same_since(visit: Callable[..., Visitor]) -> None:
    ann, task_id = _both(visit)
    _retitle(ann, "Pay the rent")
    expect(ann.notice("was changed")).to_be_visible()
    ann.page.wait_for_load_state("networkidle")
    _elsewhere(ann, task_id, title="Another")
    ann.notice("was changed").get_by_role("button", name="Undo").click()
    dialog = ann.page.get_by_role("dialog", name="Changed in two places")
    expect(dialog).to_contain_text("Another")
    dialog.get_by_role("button", name="Leave it").click()
    assert [task["title"] for task in ann.stored()] == ["Another"]

"""The list, by mouse and by keys alone."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.visitors import Visitor


def test_a_line_becomes_a_task_with_what_was_understood_of_it(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    field = ann.page.get_by_label("New task")
    field.fill("Pay rent !high #home tomorrow 9am")
    chips = ann.page.locator(".preview .chip")
    assert chips.all_inner_texts() == ["Pay rent", "High", "home", "tomorrow, 09:00"]
    field.press("Enter")
    expect(ann.row("Pay rent")).to_be_visible()
    (task,) = ann.stored()
    assert (task["title"], task["priority"], task["labels"]) == ("Pay rent", "high", ["home"])
    assert task["due_at"] is not None

"""Files of tasks in the settings: an export that is fetched, an import that is looked at first."""

import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.visitors import Visitor

PLACE = "#/settings?section=data"


def test_an_export_is_made_shown_and_fetched(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    ann.add("Pay rent #home")
    ann.go(PLACE)
    expect(ann.page.get_by_text("No exports yet.")).to_be_visible()
    ann.tab_to(ann.page.get_by_role("button", name="Make a file"))
    ann.press("Enter")
    link = ann.page.get_by_role("link", name="Download")
    expect(link).to_be_visible(timeout=20_000)
    expect(ann.page.get_by_text("1 task ·")).to_be_visible()
    with ann.page.expect_download() as fetched:
        link.click()
    assert fetched.value.suggested_filename.endswith(".json")
    told = json.loads(Path(fetched.value.path()).read_text())
    assert [task["title"] for task in told["tasks"]] == ["Pay rent"]
    ann.page.get_by_role("button", name="Delete").click()
    expect(link).to_have_count(0)
    expect(ann.page.get_by_text("No exports yet.")).to_be_visible()


def test_an_import_is_looked_at_before_it_is_done(visit: Callable[..., Visitor], tmp_path: Path) -> None:
    ann = visit(at=PLACE)
    table = tmp_path / "tasks.csv"
    table.write_text("title,project,status\nPay rent,Home,todo\nCook,Home,someday\nSleep,,done\n")
    ann.page.get_by_label("File").set_input_files(table)
    # What the name of the file says.
    expect(ann.page.get_by_label("Format").last).to_have_value("csv")
    ann.page.get_by_role("button", name="Look at the file").click()
    report = ann.page.locator(".report")
    expect(report).to_contain_text("2 tasks can be imported. 1 new project.", timeout=20_000)
    expect(report).to_be_focused()
    report.get_by_text("1 is left out").click()
    expect(report).to_contain_text("Number 3: Cook – status")
    assert ann.stored() == []
    ann.tab_to(report.get_by_role("button", name="Import 2 tasks"))
    ann.press("Enter")
    expect(report).to_contain_text("2 tasks were imported.", timeout=20_000)
    assert [task["title"] for task in ann.stored()] == ["Pay rent", "Sleep"]
    expect(ann.page.get_by_role("navigation").get_by_text("Home")).to_be_visible()


def test_what_cannot_be_read_is_said_in_words(visit: Callable[..., Visitor], tmp_path: Path) -> None:
    ann = visit(at=PLACE)
    broken = tmp_path / "tasks.json"
    broken.write_text('{"tasks": [')
    ann.page.get_by_label("File").set_input_files(broken)
    ann.page.get_by_role("button", name="Look at the file").click()
    expect(ann.page.get_by_role("alert").filter(has_text="cannot be read")).to_be_visible(timeout=20_000)

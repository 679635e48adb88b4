"""The server goes away at every act: nothing typed is lost, the page says so, and goes on by itself."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, Dialog, Route, expect

from tests.browser.visitors import PASSWORD, Visitor, new_account
from tests.servers import Server, free_port, start_server

ADMIN = ("admin@example.test", PASSWORD)
NEW_PASSWORD = "a wholly different phrase"


class Switch:
    """A server that can be taken away and brought back, at the same address and over the same files."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.server = self._start()

    def _start(self) -> Server:
        given = {"TASKAPI_ADMIN_EMAIL": ADMIN[0], "TASKAPI_ADMIN_PASSWORD": ADMIN[1]}
        server = start_server(self.home, port=self.port, TASKAPI_LIMITS="off", **given)
        server.wait_until_ready()
        return server

    def off(self) -> None:
        self.server.kill()

    def on(self) -> None:
        self.server = self._start()


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[Switch]:
    made = Switch(tmp_path / "home")
    yield made
    if made.server.process.poll() is None:
        made.server.kill()


@pytest.fixture
def ann(switch: Switch, new_context: Callable[..., BrowserContext]) -> Visitor:
    visitor = Visitor(new_context().new_page(), switch.server.url, new_account(switch.server.url))
    visitor.sign_in()
    with visitor.api() as api:
        for title in ("Four", "Three", "Two", "One"):
            api.post("/tasks", json={"title": title})
    visitor.page.reload()
    expect(visitor.page.locator(".row")).to_have_count(4)
    # The parts that are fetched after the first view.
    visitor.page.wait_for_load_state("networkidle")
    visitor.page.wait_for_timeout(1200)
    return visitor


def _saw_it_away(ann: Visitor) -> None:
    expect(ann.page.locator(".banner")).to_contain_text("cannot be reached")


def _back(ann: Visitor, switch: Switch) -> None:
    switch.on()
    expect(ann.page.locator(".banner")).to_be_hidden(timeout=20_000)


def test_acts_on_tasks_wait_for_the_server_and_are_done_once(ann: Visitor, switch: Switch) -> None:
    page = ann.page
    switch.off()
    field = page.get_by_label("New task")
    field.fill("Written while it was away !high")
    field.press("Enter")
    _saw_it_away(ann)
    expect(field).to_have_value("Written while it was away !high")
    ann.row("One").get_by_role("checkbox", name="Done").click()
    expect(ann.row("One")).to_have_class("row done saving")
    ann.row("Two").hover()
    ann.row("Two").get_by_role("button", name="Edit the title").click()
    page.get_by_role("textbox", name="Title").fill("Two, better")
    ann.press("Enter")
    expect(ann.row("Two, better")).to_be_visible()
    ann.name("Three").focus()
    ann.press("p")
    expect(ann.row("Three").locator(".priority")).to_have_text("Low")
    expect(page.locator(".banner")).to_contain_text("4 changes are waiting")
    _back(ann, switch)
    expect(ann.row("Written while it was away")).to_be_visible()
    expect(field).to_have_value("")
    expect(ann.row("One")).to_have_count(0)
    expect(page.locator(".saving")).to_have_count(0)
    stored = {task["title"]: task for task in ann.stored()}
    assert len(ann.stored()) == 5
    assert stored["One"]["status"] == "done"
    assert stored["Three"]["priority"] == "low"
    assert {"Two, better", "Written while it was away"} <= stored.keys()
    assert ann.faults == []


def test_what_is_done_to_many_and_to_the_trash_waits_too(ann: Visitor, switch: Switch) -> None:
    page = ann.page
    switch.off()
    ann.row("One").locator(".pick").click()
    ann.name("Two").click(modifiers=["Shift"])
    page.get_by_role("toolbar").get_by_role("button", name="Done").click()
    ann.name("Four").focus()
    ann.press("Delete")
    _saw_it_away(ann)
    _back(ann, switch)
    expect(page.locator(".row")).to_have_count(1)
    assert {task["title"]: task["status"] for task in ann.stored()} == {
        "One": "done",
        "Two": "done",
        "Three": "todo",
    }
    # Both can be taken back, whichever came through last.
    for _ in range(2):
        ann.press("Control+z")
        expect(page.locator(".notice", has_text=re.compile("as they were|is back"))).to_be_visible()
        page.locator(".notice").get_by_role("button", name="Dismiss").click()
    assert [(task["title"], task["status"]) for task in ann.stored()] == [
        (title, "todo") for title in ("One", "Two", "Three", "Four")
    ]
    assert ann.faults == []


def test_the_panel_the_board_and_projects_wait_too(ann: Visitor, switch: Switch) -> None:
    page = ann.page
    ann.name("One").click()
    panel = page.get_by_role("complementary")
    panel.get_by_role("button", name="Edit").click()
    switch.off()
    panel.get_by_label("Description").last.fill("Typed while it was away")
    panel.get_by_label("Description").last.press("Control+Enter")
    panel.get_by_label("Priority").select_option("urgent")
    _saw_it_away(ann)
    expect(panel.locator(".prose")).to_have_text("Typed while it was away")
    page.get_by_role("button", name="New project").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Home")
    ann.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Name")).to_have_value("Home")
    _back(ann, switch)
    expect(page.get_by_role("heading", name="Home", level=1)).to_be_visible()
    (one,) = [task for task in ann.stored() if task["title"] == "One"]
    assert (one["description"], one["priority"]) == ("Typed while it was away", "urgent")
    ann.go("#/board")
    expect(ann.card("Two")).to_be_visible()
    switch.off()
    ann.card("Two").drag_to(page.locator("[data-status=done]"))
    _saw_it_away(ann)
    assert ann.column("done") == ["Two"]
    _back(ann, switch)
    expect(ann.notice("is under Done now")).to_be_visible()
    assert {task["title"]: task["status"] for task in ann.stored()}["Two"] == "done"
    assert ann.faults == []


def test_the_ways_in_and_out_wait_too(switch: Switch, new_context: Callable[..., BrowserContext]) -> None:
    account = new_account(switch.server.url)
    ann = Visitor(new_context().new_page(), switch.server.url, account)
    ann.go("#/sign-in")
    ann.page.get_by_label("Address").fill(account[0])
    ann.page.get_by_label("Password").fill(PASSWORD)
    switch.off()
    ann.press("Enter")
    expect(ann.page.get_by_role("button", name="Sign in")).to_have_attribute("aria-disabled", "true")
    expect(ann.page.get_by_text("cannot be reached")).to_be_visible()
    expect(ann.page.get_by_label("Address")).to_have_value(account[0])
    switch.on()
    ann.settled()
    switch.off()
    ann.page.get_by_role("button", name="Sign out").click()
    _saw_it_away(ann)
    switch.on()
    expect(ann.page.get_by_text("You signed out.")).to_be_visible(timeout=20_000)


def test_registering_and_a_forgotten_password_wait_too(
    switch: Switch, new_context: Callable[..., BrowserContext]
) -> None:
    bob = Visitor(new_context().new_page(), switch.server.url, ("bob@example.test", PASSWORD))
    for place, button in (("register", "Create your account"), ("forgot", "Send")):
        bob.go(f"#/{place}")
        bob.page.get_by_label("Address").fill(bob.account[0])
        if place == "register":
            bob.page.get_by_label("Password").fill(PASSWORD)
            bob.page.get_by_label("Name").fill("Bob")
        switch.off()
        bob.press("Enter")
        expect(bob.page.get_by_text("cannot be reached")).to_be_visible()
        expect(bob.page.get_by_label("Address")).to_have_value(bob.account[0])
        expect(bob.page.get_by_role("button", name=button)).to_have_attribute("aria-disabled", "true")
        switch.on()
        if place == "register":
            expect(bob.page.locator(".who")).to_have_text("Bob", timeout=20_000)
            bob.page.get_by_role("button", name="Sign out").click()
            expect(bob.page.get_by_role("button", name="Sign in")).to_be_visible()
        else:
            expect(bob.page.get_by_text("a mail is on its way")).to_be_visible(timeout=20_000)
    assert bob.faults == []


@pytest.mark.parametrize(
    ("place", "button", "answer"),
    [
        ("verify", "Confirm my address", "does not work any more"),
        ("reset", "Set password", "does not work any more"),
        ("reset", "Send", "a mail is on its way"),
    ],
)
def test_pages_that_mails_lead_to_wait_too(
    switch: Switch, new_context: Callable[..., BrowserContext], place: str, button: str, answer: str
) -> None:
    bob = Visitor(new_context().new_page(), switch.server.url, ("bob@example.test", PASSWORD))
    bob.go(place if button == "Send" else f"{place}#a-token-that-nobody-was-sent")
    form = bob.page.locator("form:not([hidden])")
    typed = {"Send": ("Address", "bob@example.test"), "Set password": ("New password", NEW_PASSWORD)}
    if button in typed:
        form.get_by_label(typed[button][0]).fill(typed[button][1])
    switch.off()
    form.get_by_role("button", name=button).click()
    expect(bob.page.get_by_text("cannot be reached")).to_be_visible()
    if button in typed:
        expect(form.get_by_label(typed[button][0])).to_have_value(typed[button][1])
        expect(form.get_by_label(typed[button][0])).not_to_have_attribute("aria-invalid", "true")
    switch.on()
    expect(bob.page.get_by_text(answer)).to_be_visible(timeout=20_000)
    assert bob.faults == []


def test_the_trash_waits_too(ann: Visitor, switch: Switch) -> None:
    page = ann.page
    with ann.api() as api:
        for task in ann.stored()[:2]:
            api.delete(f"/tasks/{task['id']}")
    ann.go("#/trash")
    expect(page.locator("main .line")).to_have_count(2)
    switch.off()
    page.get_by_role("button", name="Bring “One” back").click()
    page.get_by_role("button", name="Delete “Two” for good").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    _saw_it_away(ann)
    expect(page.locator(".banner")).to_contain_text("2 changes are waiting")
    _back(ann, switch)
    expect(page.get_by_role("heading", name="The trash is empty")).to_be_visible()
    assert [task["title"] for task in ann.stored()] == ["One", "Three", "Four"]
    with ann.api() as api:
        assert api.get("/tasks", params={"trashed": True}).json()["items"] == []
    assert ann.faults == []


def test_settings_wait_too(ann: Visitor, switch: Switch) -> None:
    page, section = ann.page, ann.page.locator("section.card")
    ann.go("#/settings?section=profile")
    section.get_by_label("Name").fill("Ann Lee")
    switch.off()
    section.get_by_role("button", name="Save").click()
    _saw_it_away(ann)
    expect(section.get_by_label("Name")).to_have_value("Ann Lee")
    _back(ann, switch)
    expect(ann.notice("Saved.")).to_be_visible()
    ann.go("#/settings?section=tokens")
    page.get_by_role("button", name="Make a token").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("backup")
    switch.off()
    ann.press("Enter")
    _saw_it_away(ann)
    expect(dialog.get_by_label("Name")).to_have_value("backup")
    _back(ann, switch)
    expect(dialog.get_by_role("heading", name="backup")).to_be_visible()
    dialog.get_by_role("button").last.click()
    ann.go("#/settings?section=password")
    section.get_by_label("Current password").fill(PASSWORD)
    section.get_by_label("New password").fill(NEW_PASSWORD)
    switch.off()
    section.get_by_label("New password").press("Enter")
    _saw_it_away(ann)
    expect(section.get_by_label("New password")).to_have_value(NEW_PASSWORD)
    _back(ann, switch)
    expect(ann.notice("all other sessions ended")).to_be_visible()
    ann.account = (ann.account[0], NEW_PASSWORD)
    with ann.api() as api:
        assert api.get("/me").json()["name"] == "Ann Lee"
        assert [token["name"] for token in api.get("/me/tokens").json()["items"]] == ["backup"]
    assert ann.faults == []


def test_what_an_admin_does_waits_too(switch: Switch, new_context: Callable[..., BrowserContext]) -> None:
    bob = new_account(switch.server.url)
    admin = Visitor(new_context().new_page(), switch.server.url, ADMIN)
    admin.sign_in("#/admin")
    page, dialog = admin.page, admin.page.get_by_role("dialog")
    page.get_by_role("button", name=f"Change {bob[0]}").click()
    dialog.get_by_label("Name").fill("Bob")
    switch.off()
    admin.press("Enter")
    _saw_it_away(admin)
    expect(dialog.get_by_label("Name")).to_have_value("Bob")
    _back(admin, switch)
    expect(page.locator("tbody")).to_contain_text("Bob")
    page.get_by_role("button", name=f"Change {bob[0]}").click()
    switch.off()
    dialog.get_by_role("button", name="Shut out").click()
    dialog.get_by_role("button", name="Shut out").click()
    _saw_it_away(admin)
    _back(admin, switch)
    expect(page.locator("tbody")).to_contain_text("Shut out")
    refused = httpx.post(f"{admin.url}/api/v1/auth/login", json={"email": bob[0], "password": bob[1]})
    assert refused.status_code == 401
    assert admin.faults == []


def test_who_signs_out_while_something_waits_loses_nothing(ann: Visitor, switch: Switch) -> None:
    switch.off()
    ann.row("One").get_by_role("checkbox", name="Done").click()
    _saw_it_away(ann)
    ann.page.get_by_role("button", name="Sign out").click()
    switch.on()
    expect(ann.page.get_by_text("You signed out.")).to_be_visible(timeout=20_000)
    assert {task["title"]: task["status"] for task in ann.stored()}["One"] == "done"


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_said(ann: Visitor, status: int) -> None:
    refused: list[str] = []

    def refuse(route: Route) -> None:
        if route.request.method != "POST" or len(refused) == 2:
            route.continue_()
            return
        refused.append(route.request.headers["idempotency-key"])
        body = '{"status": 503, "code": "busy", "title": "Busy", "detail": "Busy."}'
        route.fulfill(
            status=status, body=body, headers={"Retry-After": "1", "Content-Type": "application/problem+json"}
        )

    ann.page.route("**/api/v1/tasks", refuse)
    ann.page.get_by_label("New task").fill("Patience")
    ann.press("Enter")
    expect(ann.page.locator(".banner")).to_contain_text("1 s")
    expect(ann.row("Patience")).to_be_visible()
    assert len(set(refused)) == 1
    assert [task["title"] for task in ann.stored()].count("Patience") == 1


def test_while_a_replica_answers_the_page_says_that_only_reading_goes_on(ann: Visitor) -> None:
    is_away = [True]

    def answer(route: Route) -> None:
        found = route.fetch()
        told = {"X-Consistency": "replica"} if is_away[0] else {}
        route.fulfill(response=found, headers=found.headers | told)

    ann.page.route("**/api/v1/**", answer)
    ann.page.reload()
    banner = ann.page.locator(".banner")
    expect(banner).to_contain_text("You can read on")
    expect(ann.row("One")).to_be_visible()
    is_away[0] = False
    ann.page.reload()
    expect(ann.row("One")).to_be_visible()
    expect(banner).to_be_hidden()


def test_a_write_whose_answer_was_lost_is_done_once(ann: Visitor) -> None:
    lost: list[Any] = []

    def lose(route: Route) -> None:
        if route.request.method == "GET" or len(lost) == 2:
            route.continue_()
            return
        answer = route.fetch()
        lost.append(answer.status)
        route.abort("connectionreset")

    ann.page.route("**/api/v1/tasks**", lose)
    ann.page.get_by_label("New task").fill("Only once")
    ann.press("Enter")
    expect(ann.row("Only once")).to_be_visible()
    ann.page.unroute("**/api/v1/tasks**")
    assert lost == [201, 201]
    assert [task["title"] for task in ann.stored()].count("Only once") == 1
    with ann.api() as api:
        history = api.get(f"/tasks/{ann.stored()[0]['id']}/history").json()["items"]
    assert len(history) == 1


def test_leaving_with_something_unsaved_is_asked_about(ann: Visitor, switch: Switch) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    ann.page.on("dialog", stay)
    switch.off()
    ann.page.get_by_label("New task").fill("Unsaved")
    ann.press("Enter")
    _saw_it_away(ann)
    ann.page.evaluate("setTimeout(() => location.reload(), 0)")
    ann.page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    expect(ann.page.get_by_label("New task")).to_have_value("Unsaved")


def test_an_api_that_is_away_is_no_reason_to_sign_out(ann: Visitor, switch: Switch) -> None:
    switch.off()
    ann.page.evaluate("dispatchEvent(new Event('focus'))")
    _saw_it_away(ann)
    _back(ann, switch)
    assert httpx.get(f"{ann.url}/livez").status_code == 200
    ann.add("Still in")
    expect(ann.row("Still in")).to_be_visible()

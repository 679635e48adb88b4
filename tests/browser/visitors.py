"""Somebody in front of the web UI: what they do, and what they see."""

import re
from typing import Any
from uuid import uuid4

import httpx
from playwright.sync_api import ConsoleMessage, Locator, Page, expect

PASSWORD = "correct horse battery staple"
# What a browser says of a refusal that the page expects and deals with.
_EXPECTED = re.compile(
    r"Failed to load resource: "
    r"(the server responded with a status of (400|401|404|409|412|422|429|503)|net::)"
)


def new_account(url: str) -> tuple[str, str]:
    """The address and the password of an account made just now."""
    email = f"{uuid4().hex}@example.test"
    answer = httpx.post(
        f"{url}/api/v1/auth/register",
        json={"email": email, "password": PASSWORD, "timezone": "Europe/Berlin"},
    )
    assert answer.status_code == 202
    return email, PASSWORD


def api_of(url: str, account: tuple[str, str]) -> httpx.Client:
    """Calls of the API as an account, from outside of the browser."""
    granted = httpx.post(
        f"{url}/api/v1/auth/login", json={"email": account[0], "password": account[1]}
    ).json()
    return httpx.Client(
        base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {granted['access_token']}"}
    )


class Visitor:
    """A page of the UI, with the acts that tests are made of."""

    def __init__(self, page: Page, url: str, account: tuple[str, str]) -> None:
        self.page = page
        self.url = url
        self.account = account
        self.faults: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not _EXPECTED.match(message.text):
            self.faults.append(message.text)

    def sign_in(self, at: str = "") -> None:
        """Sign in at a place of the UI, such as `#/board`, and wait until it is there."""
        self.page.goto(f"{self.url}/{at}")
        self.page.get_by_label("Address").fill(self.account[0])
        self.page.get_by_label("Password").fill(self.account[1])
        self.page.get_by_role("button", name="Sign in").click()
        self.page.locator(".shell").wait_for()
        if not at or at.startswith("#/list"):
            self.settled()

    def go(self, at: str) -> None:
        self.page.goto(f"{self.url}/{at}")

    def settled(self) -> None:
        """Wait until the list is there, with tasks or with the word that there are none."""
        self.page.locator(".row, .state .empty").first.wait_for()

    def add(self, line: str) -> None:
        """Write a task into the line for new ones."""
        field = self.page.get_by_label("New task")
        field.fill(line)
        field.press("Enter")
        expect(field).to_have_value("")

    def titles(self) -> list[str]:
        """What the rows of the list say, from top to bottom."""
        return self.page.locator(".row .name").all_inner_texts()

    def row(self, title: str) -> Locator:
        return self.page.locator(".row", has=self.page.get_by_role("button", name=title, exact=True))

    def name(self, title: str) -> Locator:
        """The title of a row, which opens it."""
        return self.row(title).get_by_role("button", name=title, exact=True)

    def card(self, title: str) -> Locator:
        return self.page.locator(".board .card", has=self.page.get_by_role("button", name=title, exact=True))

    def column(self, status: str) -> list[str]:
        """The titles of the cards under a status."""
        return self.page.locator(f".cards[data-status={status}] .card .name").all_inner_texts()

    def notice(self, text: str) -> Locator:
        return self.page.locator(".notice", has_text=text)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, wanted: Locator, *, back: bool = False) -> None:
        """Go to a control as somebody without a mouse does: by Tab, until the focus is there."""
        for _ in range(60):
            if wanted.count() == 1 and wanted.evaluate("one => one === document.activeElement"):
                return
            self.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"no Tab leads to {wanted}")

    def api(self) -> httpx.Client:
        return api_of(self.url, self.account)

    def stored(self) -> list[dict[str, Any]]:
        """The tasks of the account as the server has them, in their own order."""
        with self.api() as api:
            items: list[dict[str, Any]] = api.get("/tasks", params={"sort": "position", "limit": 200}).json()[
                "items"
            ]
        return items

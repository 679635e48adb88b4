"""Take pictures of every screen of the web UI into docs/screens: light, dark, on a phone, right-to-left."""

import base64
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.servers import Server, command, running

FOLDER = Path(__file__).parent.parent / "docs" / "screens"
ADMIN, PASSWORD = "anna@seed1.example", "try-taskapi-today"
# The pseudo-locale is longer than English, accented and mirrored: what does not fit or mirror is seen.
VARIANTS: dict[str, dict[str, object]] = {
    "light": {"viewport": {"width": 1200, "height": 750}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1200, "height": 750}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 780}, "color_scheme": "light", "has_touch": True},
    "rtl": {"viewport": {"width": 1200, "height": 750}, "color_scheme": "light"},
}
NOTE = """# A week in Edinburgh

Trains leave **every hour**; the _quiet_ coach is at the end.

- [x] passports
- [ ] tickets for the [castle](https://example.com)

> Bring a coat.
"""


def main() -> None:
    with _site() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        for variant, options in VARIANTS.items():
            _take_all(browser, site, variant, options)
        browser.close()


@contextmanager
def _site() -> Iterator[Server]:
    """A server with a few people, one of them an admin, whose first task has something to say."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        command("seed", "--users", "6", "--tasks", "420", home=home)
        command("create-admin", "--email", ADMIN, home=home, TASKAPI_ADMIN_PASSWORD=PASSWORD)
        with running(home, TASKAPI_LIMITS="") as server:
            yield server


def _take_all(browser: Browser, site: Server, variant: str, options: dict[str, object]) -> None:
    context = browser.new_context(locale="en-GB", timezone_id="Europe/Berlin", **options)  # type: ignore[arg-type]
    page = context.new_page()
    if variant == "rtl":
        page.add_init_script("localStorage.setItem('taskapi.language', 'qps-rtl')")
    for number, (name, reach) in enumerate(SCREENS.items(), 1):
        reach(page, site.url)
        page.wait_for_timeout(700)  # Until what moves has come to rest.
        _take(page, FOLDER / f"{number:02}-{name}-{variant}.webp")
    context.close()


def _take(page: Page, file: Path) -> None:
    session = page.context.new_cdp_session(page)
    picture = session.send("Page.captureScreenshot", {"format": "webp", "quality": 80})
    file.write_bytes(base64.b64decode(picture["data"]))
    session.detach()


def _at(place: str) -> Callable[[Page, str], None]:
    def reach(page: Page, url: str) -> None:
        _leave_dialogs(page)
        page.goto(f"{url}/#/{place}")

    return reach


def _leave_dialogs(page: Page) -> None:
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")


def _sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/#/list")
    page.locator("[name=email]").fill(ADMIN)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("button[type=submit]").click()
    page.locator(".row").first.wait_for()


def _sign_in_screen(page: Page, url: str) -> None:
    page.goto(f"{url}/#/sign-in")


def _mail_page(name: str) -> Callable[[Page, str], None]:
    def reach(page: Page, url: str) -> None:
        page.goto(f"{url}/{name}#a-token")

    return reach


def _panel(page: Page, url: str) -> None:
    page.goto(f"{url}/#/list?due=week")
    page.locator(".row .name").first.click()
    page.locator(".panel .section-bar button").click()
    page.locator(".panel textarea").last.fill(NOTE)
    page.keyboard.press("Control+Enter")


def _selected(page: Page, url: str) -> None:
    _at("list?status=todo&sort=due")(page, url)
    page.locator(".row").nth(3).wait_for()
    page.locator(".row .name").nth(1).click(modifiers=["Control"])
    page.locator(".row .name").nth(3).click(modifiers=["Shift"])


def _quick_add(page: Page, url: str) -> None:
    _at("list?project=inbox")(page, url)
    page.locator(".quick input").fill("Pay rent !high #home tomorrow 9am")


def _palette(page: Page, url: str) -> None:
    _at("list")(page, url)
    page.locator(".quick input").fill("")
    page.keyboard.press("Control+k")
    page.keyboard.type("bo")


def _keys(page: Page, url: str) -> None:
    _at("list")(page, url)
    page.locator("main").focus()
    page.keyboard.press("?")


def _menu(page: Page, url: str) -> None:
    _at("list")(page, url)
    if page.locator(".menu").is_visible():
        page.locator(".menu").click()


def _project(page: Page, url: str) -> None:
    _at("list")(page, url)
    _menu(page, url)
    page.locator(".side-bar button").first.click()


def _user(page: Page, url: str) -> None:
    _at("admin?tab=users")(page, url)
    page.locator("tbody button").nth(1).click()


SCREENS: dict[str, Callable[[Page, str], None]] = {
    "sign-in": _sign_in_screen,
    "register": _at("register"),
    "forgot": _at("forgot"),
    "verify": _mail_page("verify"),
    "reset": _mail_page("reset"),
    "unsubscribe": _mail_page("unsubscribe?token=x"),
    "list": _sign_in,
    "today": _at("list?due=today"),
    "filters": _at("list?status=todo&sort=due"),
    "selection": _selected,
    "quick-add": _quick_add,
    "board": _at("board"),
    "panel": _panel,
    "trash": _at("trash"),
    "statistics": _at("stats"),
    "palette": _palette,
    "keys": _keys,
    "menu": _menu,
    "project": _project,
    "profile": _at("settings"),
    "mails": _at("settings?section=mails"),
    "password": _at("settings?section=password"),
    "email": _at("settings?section=email"),
    "sessions": _at("settings?section=sessions"),
    "tokens": _at("settings?section=tokens"),
    "data": _at("settings?section=data"),
    "limits": _at("settings?section=limits"),
    "delete-account": _at("settings?section=account"),
    "users": _at("admin?tab=users"),
    "user": _user,
    "audit": _at("admin?tab=audit"),
    "jobs": _at("admin?tab=jobs"),
    "overview": _at("admin?tab=overview"),
    "not-found": _at("nowhere"),
    "empty": _at("list?q=nothing-of-the-kind"),
}


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        sys.exit("There is no Chromium; install the package chromium.")
    return found


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.webp"):
        old.unlink()
    main()

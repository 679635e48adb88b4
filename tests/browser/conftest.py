"""A real Chromium in front of a real server."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright

from tests.browser.visitors import Visitor, new_account
from tests.servers import Server, running

# Whatever is waited for may take its time on a machine that does other things too.
expect.set_options(timeout=15_000)

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """For one module: while it runs, its event loop is in the way of other tests' own."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    found = next((path for name in _CHROMIUM if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("there is no Chromium; install the package chromium to have the web UI tested")
    # Its sandbox needs rights that containers and root do not have; it visits nothing but our own server.
    started = playwright.chromium.launch(
        executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"]
    )
    yield started
    started.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on SQLite whose limits are off, for the tests of a module."""
    home: Path = tmp_path_factory.mktemp("site") / "home"
    with running(home, TASKAPI_LIMITS="off") as server:
        yield server


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes a browser profile of its own: no cookie, no storage; times are those of Berlin."""
    made: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        given = {
            "viewport": {"width": 1280, "height": 800},
            "locale": "en-GB",
            "timezone_id": "Europe/Berlin",
        }
        context = browser.new_context(**(given | options))  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def visit(site: Server, new_context: Callable[..., BrowserContext]) -> Iterator[Callable[..., Visitor]]:
    """Opens the UI for somebody who is signed in, with a new account unless one is given.

    At the end nothing may have gone wrong on their pages: no error of a script, nothing that the policy
    blocked.
    """
    made: list[Visitor] = []

    def open_for(account: tuple[str, str] | None = None, at: str = "", **options: object) -> Visitor:
        visitor = Visitor(new_context(**options).new_page(), site.url, account or new_account(site.url))
        made.append(visitor)
        visitor.sign_in(at)
        return visitor

    yield open_for
    for visitor in made:
        assert visitor.faults == []

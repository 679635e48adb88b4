"""The UI through a CDN: Varnish between browser and service, as others stand there."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from taskapi.assets import Assets
from tests.browser.visitors import Visitor, new_account
from tests.deploy.fronts import quiet_port
from tests.servers import Server, running
from tests.test_serving import wait_until


@contextmanager
def _varnish(port: int, origin: int) -> Iterator[str]:
    """A cache that follows what its origin says, and nothing else."""
    program = shutil.which("varnishd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        pytest.skip("there is no Varnish; install the package varnish to have the CDN tested")
    with tempfile.TemporaryDirectory(prefix="taskapi-varnish-") as folder:
        started = subprocess.Popen(
            [
                *(program, "-F", "-n", folder, "-a", f"127.0.0.1:{port}", "-b", f"127.0.0.1:{origin}"),
                *("-s", "malloc,32m", "-p", "thread_pool_min=5", "-j", "none"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: _answers(port))
            yield f"http://127.0.0.1:{port}"
        finally:
            started.terminate()
            started.wait(20)


def _answers(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/livez", timeout=1)
    except httpx.TransportError:
        return False
    return True


@pytest.fixture(scope="module")
def cdn_port() -> int:
    return quiet_port()


@pytest.fixture(scope="module")
def site(cdn_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home: Path = tmp_path_factory.mktemp("site") / "home"
    cdn = f"http://127.0.0.1:{cdn_port}"
    with running(home, TASKAPI_LIMITS="off", CDN_URL=cdn) as server:
        yield server


@pytest.fixture(scope="module")
def cdn(site: Server, cdn_port: int) -> Iterator[str]:
    with _varnish(cdn_port, site.port) as address:
        yield address


def _hits(answer: httpx.Response) -> bool:
    """Varnish names two transactions where the copy was made by an earlier one."""
    return len(answer.headers["X-Varnish"].split()) == 2


def test_the_ui_runs_with_all_its_parts_from_the_cdn(
    site: Server, cdn: str, new_context: Callable[..., BrowserContext]
) -> None:
    page = new_context().new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    visitor = Visitor(page, site.url, new_account(site.url))
    visitor.sign_in()
    expect(page.get_by_role("main")).to_be_visible()
    parts = [url for url in asked if re.search(r"\.(js|css)$", url)]
    assert len(parts) > 20
    assert all(url.startswith(f"{cdn}/web/") for url in parts), [url for url in parts if cdn not in url]
    assert not [url for url in asked if url.startswith(cdn) and "/api/" in url]
    assert visitor.faults == []


@pytest.mark.parametrize("encoding", ["br", "gzip", ""])
def test_a_part_is_kept_in_each_of_its_forms_and_may_be_used_by_our_page(cdn: str, encoding: str) -> None:
    part = next(part for part in Assets().parts if part.name == "app.js")
    url = f"{cdn}/web/{part.hashed_name}"
    # Somebody without an Origin was first: the copy that is kept serves pages all the same.
    first = httpx.get(url, headers={"Accept-Encoding": encoding})
    second = httpx.get(url, headers={"Accept-Encoding": encoding, "Origin": "https://tasks.example.com"})
    assert (first.status_code, second.status_code) == (200, 200)
    assert _hits(second)
    assert second.content == part.file.content
    assert second.headers["Access-Control-Allow-Origin"] == "*"
    assert second.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_what_is_not_there_yet_is_asked_for_again(cdn: str) -> None:
    for _ in range(2):
        answer = httpx.get(f"{cdn}/web/app.00000000.js")
        assert answer.status_code == 404
        assert answer.headers["Cache-Control"] == "no-store"
        assert not _hits(answer)


def test_nothing_of_anybody_is_kept(cdn: str, site: Server) -> None:
    email, password = new_account(site.url)
    me = {"email": email, "password": password}
    token = httpx.post(f"{cdn}/api/v1/auth/login", json=me).json()["access_token"]
    for _ in range(2):
        answer = httpx.get(f"{cdn}/api/v1/tasks", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
        assert not _hits(answer)
    assert httpx.get(f"{cdn}/api/v1/tasks").status_code == 401
    assert not _hits(httpx.get(f"{cdn}/"))

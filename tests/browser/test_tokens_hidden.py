"""Where tokens are: in the memory of a module and in a cookie that no script can read; nowhere else."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Request, Response, expect

from tests.browser.visitors import Visitor

# Everything that a script on the page can get hold of, as one text.
READABLE = """async () => {
    const seen = new Set();
    const texts = [];
    const walk = (value, depth) => {
        if (typeof value === "string") texts.push(value);
        const isLeaf = value === null || !["object", "function"].includes(typeof value);
        if (isLeaf || seen.has(value) || depth > 6) return;
        seen.add(value);
        for (const key of Reflect.ownKeys(value)) {
            try { walk(value[key], depth + 1); } catch { /* Some properties cannot be read. */ }
        }
        if (value instanceof Map) for (const one of value.entries()) walk(one, depth + 1);
    };
    walk(window, 0);
    texts.push(JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), document.cookie);
    texts.push(document.documentElement.outerHTML, location.href, JSON.stringify(history.state), window.name);
    for (const { name } of await indexedDB.databases()) texts.push(`database ${name}`);
    for (const name of await caches.keys()) texts.push(`cache ${name}`);
    for (const entry of performance.getEntries()) texts.push(JSON.stringify(entry));
    return texts.join("\\n");
}"""


def test_no_place_that_scripts_can_read_holds_a_token(visit: Callable[..., Visitor]) -> None:
    ann = visit()
    used: list[str] = []

    def note(request: Request) -> None:
        used.append(request.headers.get("authorization", ""))

    ann.page.on("request", note)
    ann.add("Pay rent")
    expect(ann.row("Pay rent")).to_be_visible()
    access = next(value for value in used if value).removeprefix("Bearer ")
    (refresh,) = (cookie for cookie in ann.page.context.cookies() if "refresh" in str(cookie.get("name")))
    assert (refresh.get("httpOnly"), refresh.get("sameSite")) == (True, "Strict")
    readable = ann.page.evaluate(READABLE)
    assert len(readable) > 10_000
    for secret in (access, access.split(".")[2], str(refresh.get("value"))):
        assert secret not in readable
    # Some properties of the browser complain of being read at all.
    ann.faults.clear()
    assert "database " not in readable
    assert "cache " not in readable


# As text/plain a form of this is JSON.
FORGED = """<input name='{"title": "forged", "x": "' value='"}'>"""


class _Elsewhere(BaseHTTPRequestHandler):
    """A page of another origin that does what it can."""

    aim = ""

    def do_GET(self) -> None:
        forms = [
            f'<form method=post enctype="{kind}" action="{self.aim}/api/v1{path}" target=f{number}>'
            f"{FORGED}</form><iframe name=f{number}></iframe>"
            for number, (path, kind) in enumerate(
                (path, kind)
                for path in ("/auth/refresh", "/auth/logout", "/tasks", "/tasks/bulk", "/me/password")
                for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
            )
        ]
        script = "<script>for (const one of document.forms) one.submit()</script>"
        body = f"<!doctype html><title>elsewhere</title>{''.join(forms)}{script}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_forms_of_another_origin_change_nothing(
    visit: Callable[..., Visitor], elsewhere: ThreadingHTTPServer, host: str
) -> None:
    ann = visit()
    ann.add("Pay rent")
    before = ann.page.context.cookies()
    _Elsewhere.aim = ann.url
    answers: list[int] = []
    other = ann.page.context.new_page()

    def note(answer: Response) -> None:
        if "/api/v1/" in answer.url:
            answers.append(answer.status)

    other.on("response", note)
    other.goto(f"http://{host}:{elsewhere.server_address[1]}/")
    other.wait_for_load_state("networkidle")
    assert len(answers) == 15
    assert all(400 <= status < 500 for status in answers)
    assert ann.page.context.cookies() == before
    assert [task["title"] for task in ann.stored()] == ["Pay rent"]
    ann.page.reload()
    expect(ann.row("Pay rent")).to_be_visible()


def test_scripts_of_another_origin_cannot_use_the_cookie(
    visit: Callable[..., Visitor], elsewhere: ThreadingHTTPServer
) -> None:
    ann = visit()
    other = ann.page.context.new_page()
    other.goto(f"http://127.0.0.1:{elsewhere.server_address[1]}/")
    code = """async (url) => {
        const ways = [{ credentials: "include" }, { credentials: "include", mode: "no-cors" }];
        const found = [];
        for (const way of ways) {
            try {
                const answer = await fetch(`${url}/api/v1/auth/refresh`, { method: "POST", ...way });
                found.push(`${answer.status} ${await answer.text()}`);
            } catch (error) { found.push(error.name); }
        }
        return found;
    }"""
    seen = other.evaluate(code, ann.url)
    assert seen == ["TypeError", "TypeError"]
    ann.page.reload()
    ann.settled()

"""What people write is text: nowhere does any of it run, with the page's policy and without it."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.visitors import PASSWORD, Visitor
from tests.servers import Server

RUN = "window.__ran=1"
# By the ways that markup, attributes, addresses and Markdown have of becoming a script.
PAYLOADS = (
    f"<script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f'"><img src=x onerror={RUN}>',
    f"'><img src=x onerror={RUN}>",
    f"</textarea><img src=x onerror={RUN}>",
    f"</title><svg onload={RUN}>",
    f"</style><img src=x onerror={RUN}>",
    f"--><img src=x onerror={RUN}>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'>",
    f"<iframe src=javascript:parent.{RUN}>",
    f"<object data=javascript:{RUN}>",
    f"<embed src=javascript:{RUN}>",
    f"<details open ontoggle={RUN}>",
    f"<input autofocus onfocus={RUN}>",
    f"<video><source onerror={RUN}></video>",
    f"<body onload={RUN}>",
    f"<a href=javascript:{RUN}>x</a>",
    f"<form action=javascript:{RUN}><button autofocus>x",
    f"<math><mtext></form><form><mglyph><style></math><img src onerror={RUN}>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'>",
    f"<template><img src=x onerror={RUN}></template>",
    f"<style>@import 'javascript:{RUN}'</style>",
    f"<link rel=stylesheet href=data:text/css,x onload={RUN}>",
    f"<meta http-equiv=refresh content='0;url=javascript:{RUN}'>",
    f"<base href=javascript:{RUN}//>",
    f"[x](javascript:{RUN})",
    f"[x](JaVaScRiPt:{RUN})",
    f"[x]( javascript:{RUN})",
    f"[x](data:text/html,<script>{RUN}</script>)",
    f"[x](vbscript:{RUN})",
    f"![x](x' onerror={RUN})",
    f"[<img src=x onerror={RUN}>](https://example.com)",
    f"[x](https://example.com' onclick={RUN})",
    f'https://example.com/"onmouseover={RUN}',
    f"`<img src=x onerror={RUN}>`",
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    f"${{{RUN}}}",
    f"\u2028<img src=x onerror={RUN}>\u202e",
)
# Whether the page lets markup be parsed.
PARSES = "() => { try { document.createElement('p').innerHTML = 'x'; return true } catch { return false } }"
PLACES = (
    "list",
    "board",
    "trash",
    "stats",
    "settings",
    "settings?section=sessions",
    "settings?section=tokens",
)


def _without_policy(route: Route) -> None:
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name != "content-security-policy"}
    route.fulfill(response=answer, headers=headers)


def _nothing_ran(page: Page, where: str) -> None:
    assert page.evaluate("window.__ran ?? null") is None, where


@pytest.mark.parametrize("policy", ["with", "without"])
def test_forty_payloads_in_every_field_run_nowhere(visit: Callable[..., Visitor], policy: str) -> None:
    ann = visit()
    page = ann.page
    opened: list[str] = []
    page.on("dialog", lambda dialog: opened.append(dialog.message))
    page.context.on(
        "request", lambda request: opened.append(request.url) if "example.com" in request.url else None
    )
    if policy == "without":
        page.route(f"{ann.url}/", _without_policy)
    _plant(ann)
    page.reload()
    assert page.evaluate(PARSES) == (policy == "without")
    if policy == "with":
        expect(ann.notice("security policy stopped")).to_be_visible()
        ann.faults.clear()
    for place in PLACES:
        ann.go(f"#/{place}")
        page.locator("main h1").wait_for()
        page.wait_for_load_state("networkidle")
        _nothing_ran(page, place)
    ann.go("#/list")
    for row in range(0, len(PAYLOADS), 8):
        page.locator(".scroller").evaluate("(one, top) => { one.scrollTop = top }", row * 46)
        name = page.locator(".row .name").nth(min(row, 8))
        name.click()
        expect(page.locator(".panel .prose")).not_to_be_empty()
        expect(page.locator(".history li").first).to_be_visible()
        page.get_by_role("complementary").get_by_role("button", name="Close").click()
    _nothing_ran(page, "panel")
    # What is only typed: the preview, the search, the palette, a notice, the address.
    for payload in PAYLOADS[::4]:
        page.get_by_label("New task").fill(f"{payload} #{payload.replace(' ', '')}")
        page.get_by_role("searchbox").fill(payload)
    page.get_by_label("New task").fill(PAYLOADS[1])
    ann.press("Enter")
    expect(ann.notice("was added")).to_be_visible()
    ann.press("Escape")
    ann.press("Control+k")
    page.get_by_role("combobox", name="Find and do").fill("img src")
    page.wait_for_load_state("networkidle")
    ann.press("Escape")
    ann.go(f"#/list?label={PAYLOADS[1]}&project={PAYLOADS[2]}&task={PAYLOADS[1]}")
    page.wait_for_load_state("networkidle")
    ann.go(f"#/{PAYLOADS[1]}")
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    _nothing_ran(page, "typed")
    assert opened == []
    assert page.locator("main img, main iframe, main script, .panel img, .panel script").count() == 0


def _plant(ann: Visitor) -> None:
    """Every payload in every field that the API takes it in."""
    with ann.api() as api:
        api.patch("/me", json={"name": PAYLOADS[1][:100]})
        for number, payload in enumerate(PAYLOADS):
            project = api.post("/projects", json={"name": payload[:100].replace("\u2028", "")}).json()
            fields: dict[str, Any] = {
                "title": payload[:200].replace("\u2028", ""),
                "description": payload,
                "labels": [payload[:40].replace("\u2028", "")],
            }
            made = api.post("/tasks", json=fields | {"project_id": project["id"] if number % 2 else None})
            assert made.status_code == 201, made.text
            api.patch(
                f"/tasks/{made.json()['id']}", json={"description": f"{payload}\n\n- {payload}\n> {payload}"}
            )
            if number % 10 == 0:
                gone = api.post("/tasks", json=fields).json()
                api.delete(f"/tasks/{gone['id']}")
            if number % 4 == 0:
                api.post(
                    "/me/tokens", json={"name": payload[:100].replace("\u2028", ""), "scopes": ["tasks:read"]}
                )
        credentials = {"email": ann.account[0], "password": PASSWORD}
        for payload in PAYLOADS[:8]:
            api.post("/auth/login", json=credentials, headers={"User-Agent": payload})


def test_planted_markup_is_blocked_and_reported(site: Server, visit: Callable[..., Visitor]) -> None:
    ann = visit()
    code = f"""() => {{
        try {{ document.querySelector("main").innerHTML = "<img src=x onerror={RUN}>"; return "taken"; }}
        catch (error) {{ return error.name; }}
    }}"""
    assert ann.page.evaluate(code) == "TypeError"
    expect(ann.notice("security policy stopped")).to_be_visible()
    assert any("blocked by the page's policy" in fault for fault in ann.faults)
    ann.faults.clear()
    _nothing_ran(ann.page, "innerHTML")
    inline = (
        "() => { const one = document.createElement('script'); one.text = '"
        + RUN
        + "'; document.body.append(one); }"
    )
    with pytest.raises(Exception, match="TrustedScript"):
        ann.page.evaluate(inline)
    expect(ann.notice("security policy stopped")).to_have_count(2)
    ann.faults.clear()
    _nothing_ran(ann.page, "inline script")

"""Browsers keep the refresh token in a cookie that no script reads and no other site can use."""

from http.cookies import Morsel, SimpleCookie
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from taskapi.sessions.models import LoginSession
from tests.people import Answer, Api, Person

OURS = {"Sec-Fetch-Site": "same-origin"}
HTTP, HTTPS = "http://localhost", "https://localhost"
NAMES = {HTTP: "taskapi_refresh", HTTPS: "__Host-taskapi_refresh"}


def cookies_of(answer: Answer) -> "dict[str, Morsel[str]]":
    found: dict[str, Morsel[str]] = {}
    for header in answer.headers.getlist("Set-Cookie"):
        found |= SimpleCookie(header)
    return found


def log_in(person: Person, base_url: str = HTTP, use_cookie: bool = True) -> Answer:
    body = {"email": person.email, "password": person.password, "use_cookie": use_cookie}
    answer = Api(person.app).post("/auth/login", body, base_url=base_url)
    assert answer.status_code == 200, answer.text
    return answer


def refresh(app: Flask, cookie: str, headers: dict[str, str], base_url: str = HTTP) -> Answer:
    sent = headers | {"Cookie": f"{NAMES[base_url]}={cookie}"}
    return Api(app).post("/auth/refresh", {}, headers=sent, base_url=base_url)


def cookie_of(answer: Answer, base_url: str = HTTP) -> str:
    return cookies_of(answer)[NAMES[base_url]].value


def generation(person: Person, answer: Answer) -> int:
    access = person.parts.access_tokens.verify(answer.json["access_token"])
    assert access is not None
    with person.parts.database.reader() as session:
        statement = select(LoginSession.generation).where(LoginSession.id == access.session_id)
        return int(session.value(statement))


@pytest.mark.parametrize("base_url", [HTTP, HTTPS])
def test_with_use_cookie_the_refresh_token_is_in_the_cookie_alone(ann: Person, base_url: str) -> None:
    logged_in = log_in(ann, base_url)
    again = refresh(ann.app, cookie_of(logged_in, base_url), OURS, base_url)
    for answer in (logged_in, again):
        assert answer.json.keys() == {"access_token", "token_type", "expires_in"}
        morsel = cookies_of(answer)[NAMES[base_url]]
        assert morsel["httponly"]
        assert morsel["samesite"] == "Strict"
        assert morsel["path"] == "/"
        assert bool(morsel["secure"]) == (base_url == HTTPS)
        assert morsel["domain"] == ""
        assert int(morsel["max-age"]) == 30 * 86400
        assert morsel.value not in answer.text
    assert cookie_of(again, base_url) != cookie_of(logged_in, base_url)


def test_without_use_cookie_no_cookie_is_set(ann: Person) -> None:
    answer = log_in(ann, use_cookie=False)
    assert answer.json["refresh_token"]
    assert not cookies_of(answer)
    refreshed = Api(ann.app).post("/auth/refresh", {"refresh_token": answer.json["refresh_token"]})
    assert not cookies_of(refreshed)


def test_every_cookie_we_set_is_closed_to_scripts_and_other_sites(ann: Person) -> None:
    for morsel in cookies_of(log_in(ann, HTTPS)).values():
        assert morsel["httponly"], morsel.key
        assert morsel["secure"], morsel.key
        assert morsel["samesite"] == "Strict", morsel.key
        assert morsel["domain"] == "", morsel.key


@pytest.mark.parametrize(
    ("base_url", "headers"),
    [
        (HTTP, OURS),
        (HTTP, {"Origin": HTTP}),
        (HTTP, OURS | {"Origin": HTTP}),
        (HTTPS, {"Origin": HTTPS}),
        (HTTPS, OURS | {"Origin": HTTPS}),
    ],
)
def test_our_own_pages_may_refresh_by_cookie(ann: Person, base_url: str, headers: dict[str, str]) -> None:
    logged_in = log_in(ann, base_url)
    answer = refresh(ann.app, cookie_of(logged_in, base_url), headers, base_url)
    assert answer.status_code == 200, answer.text
    assert generation(ann, logged_in) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "cross-site", "Origin": HTTP},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://evil.localhost"},
        OURS | {"Origin": "http://evil.test"},
        OURS | {"Origin": "null"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://evil.test"},
        {"Origin": "http://evil.localhost"},
        {"Origin": "http://localhost.evil.test"},
        {"Origin": "http://localhost@evil.test"},
        {"Origin": "http://localhost:8080"},
        {"Origin": HTTPS},
        {"Origin": "http://["},
        {"Origin": "localhost"},
    ],
    ids=str,
)
def test_nobody_else_may_refresh_by_cookie(ann: Person, headers: dict[str, str]) -> None:
    logged_in = log_in(ann)
    answer = refresh(ann.app, cookie_of(logged_in), headers)
    assert (answer.status_code, answer.json["code"]) == (403, "cross_site_request")
    assert "Set-Cookie" not in answer.headers
    assert generation(ann, logged_in) == 0


@pytest.mark.parametrize(("given", "used"), [(HTTP, HTTPS), (HTTPS, HTTP)])
def test_the_cookie_of_one_scheme_is_not_looked_at_on_the_other(ann: Person, given: str, used: str) -> None:
    sent = OURS | {"Cookie": f"{NAMES[given]}={cookie_of(log_in(ann, given), given)}"}
    answer = Api(ann.app).post("/auth/refresh", {}, headers=sent, base_url=used)
    assert answer.status_code == 401


def test_a_refresh_by_cookie_needs_no_body(ann: Person) -> None:
    sent = OURS | {"Cookie": f"taskapi_refresh={cookie_of(log_in(ann))}"}
    answer = Api(ann.app).post("/auth/refresh", headers=sent)
    assert answer.status_code == 200, answer.text


def test_a_token_in_the_body_goes_before_the_cookie(ann: Person, bob: Person) -> None:
    sent = {"Cookie": f"taskapi_refresh={cookie_of(log_in(ann))}", "Sec-Fetch-Site": "cross-site"}
    answer = Api(ann.app).post("/auth/refresh", {"refresh_token": bob.grant.refresh_token}, headers=sent)
    assert answer.status_code == 200
    assert Api(ann.app, answer.json["access_token"]).get("/me").json["id"] == bob.id


@pytest.mark.parametrize("base_url", [HTTP, HTTPS])
def test_logging_out_clears_the_cookie(ann: Person, base_url: str) -> None:
    browser = ann.app.test_client()
    body = {"email": ann.email, "password": ann.password, "use_cookie": True}
    logged_in = browser.post("/api/v1/auth/login", json=body, base_url=base_url)
    cookie = browser.get_cookie(NAMES[base_url])
    assert logged_in.json is not None
    assert cookie is not None
    bearer = {"Authorization": f"Bearer {logged_in.json['access_token']}"}
    answer = browser.post("/api/v1/auth/logout", headers=bearer, base_url=base_url)
    assert answer.status_code == 204
    assert browser.get_cookie(NAMES[base_url]) is None
    assert refresh(ann.app, cookie.value, OURS, base_url).status_code == 401
    cleared = SimpleCookie(answer.headers["Set-Cookie"])[NAMES[base_url]]
    # A browser takes a `__Host-` cookie's removal only with the attributes it was set with.
    assert (cleared["path"], bool(cleared["secure"])) == ("/", base_url == HTTPS)


def via_of_a_new_task(app: Flask, access_token: str) -> Any:
    api = Api(app, access_token)
    task = api.post("/tasks", {"title": "Water the plants"}).json
    return api.get(f"/tasks/{task['id']}/history").json["items"][0]["via"]


def test_history_tells_the_browser_from_other_clients(ann: Person) -> None:
    browser = log_in(ann)
    assert via_of_a_new_task(ann.app, browser.json["access_token"]) == "ui"
    refreshed = refresh(ann.app, cookie_of(browser), OURS)
    assert via_of_a_new_task(ann.app, refreshed.json["access_token"]) == "ui"
    script = log_in(ann, use_cookie=False)
    assert via_of_a_new_task(ann.app, script.json["access_token"]) == "api"
    refreshed = Api(ann.app).post("/auth/refresh", {"refresh_token": script.json["refresh_token"]})
    assert via_of_a_new_task(ann.app, refreshed.json["access_token"]) == "api"

"""Guessing passwords: so many failures and no more, and none that locks an owner out."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from itertools import count
from threading import Barrier
from typing import Any

import pytest
from flask import Flask

from taskapi.parts import Parts
from tests.conftest import ENGINES
from tests.people import PASSWORD, Answer, Api, Person, make_person, new_address

WRONG = "a guess that is wrong"
_hosts = count(1)


@pytest.fixture(scope="module", params=ENGINES)
def limited(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Flask:
    """An application with the limits it is delivered with."""
    return make_app(request.param, TASKAPI_LIMITS="")


@pytest.fixture
def person(limited: Flask) -> Person:
    return make_person(limited)


def elsewhere() -> str:
    """A client address nobody has called from yet."""
    number = next(_hosts)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def log_in(
    app: Flask, email: str, password: str, host: str, device: str = "", use_cookie: bool = False
) -> Answer:
    body = {"email": email, "password": password, "use_cookie": use_cookie}
    headers = {"Cookie": f"taskapi_device={device}"} if device else {}
    return Api(app).post("/auth/login", body, headers=headers, environ_overrides={"REMOTE_ADDR": host})


def fail(app: Flask, email: str, host: str, times: int, device: str = "") -> None:
    for _ in range(times):
        assert log_in(app, email, WRONG, host, device).status_code == 401


def assert_limited(answer: Answer, policy: str = "login_account") -> None:
    assert (answer.status_code, answer.json["code"]) == (429, "too_many")
    assert 1 <= int(answer.headers["Retry-After"]) <= 300
    assert answer.headers["RateLimit"].startswith(f'"{policy}";r=0;t=')
    assert answer.headers["RateLimit-Policy"].startswith(f'"{policy}";q=')


@pytest.mark.parametrize("known", [True, False])
def test_after_ten_failures_even_the_right_password_has_to_wait(person: Person, known: bool) -> None:
    email = person.email if known else new_address()
    for left in range(9, -1, -1):
        answer = log_in(person.app, email, WRONG, elsewhere())
        assert answer.status_code == 401
        assert answer.headers["RateLimit"].startswith(f'"login_account";r={left};t=')
        assert answer.headers["RateLimit-Policy"] == '"login_account";q=10;w=300'
    for password in (WRONG, PASSWORD):
        assert_limited(log_in(person.app, email, password, elsewhere()))
        # Another spelling of the address is no other budget.
        assert_limited(log_in(person.app, f" {email.upper()}", password, elsewhere()))


def test_being_limited_is_told_alike_for_known_and_unknown_addresses(person: Person) -> None:
    answers = []
    for email in (person.email, new_address()):
        host = elsewhere()
        fail(person.app, email, host, 10)
        answers.append(log_in(person.app, email, WRONG, host))
        by_address = person.parts.limiter.peek("login_address", host)
        assert by_address is not None
        assert by_address.remaining == 50 - 10, "what was not looked at is counted nowhere"
    assert [answer.status_code for answer in answers] == [429, 429]
    known, unknown = (answer.json | {"request_id": "", "detail": ""} for answer in answers)
    assert known == unknown
    assert list(answers[0].headers.keys()) == list(answers[1].headers.keys())


@pytest.mark.parametrize("known", [True, False])
def test_of_forty_guesses_at_once_exactly_ten_are_looked_at(person: Person, known: bool) -> None:
    email, host = person.email if known else new_address(), elsewhere()
    start = Barrier(40)

    def guess(_: int) -> int:
        start.wait(timeout=30)
        return log_in(person.app, email, WRONG, host).status_code

    with ThreadPoolExecutor(40) as threads:
        statuses = sorted(threads.map(guess, range(40)))
    assert statuses == [401] * 10 + [429] * 30


def test_a_stranger_cannot_lock_out_the_address_a_session_came_from(person: Person) -> None:
    at_home = elsewhere()
    assert log_in(person.app, person.email, PASSWORD, at_home).status_code == 200
    stranger = elsewhere()
    fail(person.app, person.email, stranger, 10)
    assert_limited(log_in(person.app, person.email, PASSWORD, stranger))
    assert_limited(log_in(person.app, person.email, PASSWORD, elsewhere()))
    assert log_in(person.app, person.email, PASSWORD, at_home).status_code == 200
    # The known address has a budget, not a free pass.
    fail(person.app, person.email, at_home, 10)
    assert_limited(log_in(person.app, person.email, PASSWORD, at_home))


def test_a_stranger_cannot_lock_out_a_browser_we_know_wherever_it_is(person: Person) -> None:
    answer = log_in(person.app, person.email, PASSWORD, elsewhere(), use_cookie=True)
    cookies: SimpleCookie = SimpleCookie()
    for header in answer.headers.getlist("Set-Cookie"):
        cookies.load(header)
    device = cookies["taskapi_device"].value
    fail(person.app, person.email, elsewhere(), 10)
    cafe = elsewhere()
    assert_limited(log_in(person.app, person.email, PASSWORD, cafe))
    # The same name under another seal.
    forged = ("A" if device[0] != "A" else "B") + device[1:]
    assert_limited(log_in(person.app, person.email, PASSWORD, cafe, forged))
    # Known to somebody else is not known to this account.
    other = make_person(person.app)
    fail(person.app, other.email, elsewhere(), 10)
    assert_limited(log_in(person.app, other.email, PASSWORD, cafe, device))
    assert log_in(person.app, person.email, PASSWORD, cafe, device).status_code == 200


def test_fifty_failures_from_one_address_end_its_guessing_over_all_accounts(person: Person) -> None:
    host = elsewhere()
    for _ in range(25):
        fail(person.app, new_address(), host, 2)
    assert_limited(log_in(person.app, new_address(), WRONG, host), "login_address")
    assert_limited(log_in(person.app, person.email, PASSWORD, host), "login_address")
    # What was refused for the address is not counted against the account.
    fail(person.app, person.email, elsewhere(), 10)


def test_a_log_in_that_succeeds_is_no_failure(person: Person) -> None:
    host = elsewhere()
    assert log_in(person.app, person.email, PASSWORD, host).status_code == 200
    fail(person.app, person.email, host, 9)
    for _ in range(3):
        answer = log_in(person.app, person.email, PASSWORD, host)
        assert answer.status_code == 200
        assert answer.headers["RateLimit"].startswith('"login_account";r=1;t=')
    by_address = person.parts.limiter.peek("login_address", host)
    assert by_address is not None
    assert by_address.remaining == 50 - 9
    fail(person.app, person.email, host, 1)
    assert_limited(log_in(person.app, person.email, PASSWORD, host))


def test_a_try_whose_password_nobody_looked_at_is_no_failure(person: Person) -> None:
    parts: Parts = person.parts
    host = elsewhere()
    parts.hashing._inside += 1000
    try:
        answers = [log_in(person.app, person.email, PASSWORD, host) for _ in range(11)]
        changes: dict[str, Any] = {"current_password": PASSWORD, "new_password": "quite another one"}
        answers += [person.api.post("/me/password", changes) for _ in range(11)]
    finally:
        parts.hashing._inside -= 1000
    assert {answer.status_code for answer in answers} == {503}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
    assert {answer.json["code"] for answer in answers} == {"busy"}
    assert log_in(person.app, person.email, PASSWORD, host).status_code == 200
    by_address = parts.limiter.peek("login_address", host)
    assert by_address is not None
    assert by_address.remaining == 50

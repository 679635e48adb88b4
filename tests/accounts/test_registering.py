"""Making an account: the same answer whether the address is known or not, and one account per address."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import func, select

from taskapi.accounts.models import User
from taskapi.jobs import OutboxRow
from taskapi.parts import Parts
from taskapi.text import email_key
from tests.people import PASSWORD, Answer, Api, Person, new_address

SAME = {"X-Request-ID": "the-same"}


def register(app: Flask, email: str, **more: Any) -> Answer:
    return Api(app).post("/auth/register", {"email": email, "password": PASSWORD} | more, headers=SAME)


def mails(parts: Parts, email: str) -> list[str]:
    """The kinds of mail that are to be sent about an address, in order."""
    payload = orjson.dumps({"email_key": email_key(email)}).decode()
    statement = select(OutboxRow.kind).where(OutboxRow.payload == payload).order_by(OutboxRow.id)
    with parts.database.reader() as session:
        return [row.kind for row in session.rows(statement)]


def accounts_of(parts: Parts, email: str) -> list[Any]:
    with parts.database.reader() as session:
        return list(session.rows(select(User).where(User.email_key == email_key(email))))


def assert_refused(app: Flask, field: str, value: object) -> None:
    email = new_address()
    body = {"email": email, "password": PASSWORD, field: value}
    answer = Api(app).post("/auth/register", body)
    assert answer.status_code == 422, answer.text
    assert [fault["pointer"] for fault in answer.json["errors"]] == [f"/{field}"]
    assert accounts_of(app.extensions["taskapi"], email) == []


def test_an_account_is_what_its_owner_said_and_else_the_defaults(app: Flask, parts: Parts) -> None:
    plain, told = new_address(), new_address().upper()
    assert register(app, plain).status_code == 202
    whole = {"name": "  Zoë 1  ", "language": "de-AT", "timezone": "Asia/Kolkata"}
    assert register(app, told, **whole).json == {"status": "accepted"}
    for email, name, language, zone in (
        (plain, "", "en", "UTC"),
        (told, "Zoë 1", "de-AT", "Asia/Kolkata"),
    ):
        token = Api(app).post("/auth/login", {"email": email, "password": PASSWORD}).json["access_token"]
        me = Api(app, token).get("/me").json
        assert (me["email"], me["name"], me["language"], me["timezone"]) == (email, name, language, zone)
        assert (me["role"], me["email_verified"]) == ("user", False)
        assert mails(parts, email) == ["mail.verify_email"]


def test_a_known_address_is_answered_byte_for_byte_like_an_unknown_one(ann: Person) -> None:
    unknown = register(ann.app, new_address())
    for spelling in (ann.email, ann.email.upper(), f" {ann.email} "):
        known = register(ann.app, spelling, name="Somebody else", timezone="Europe/Paris")
        assert (known.status_code, known.data) == (202, unknown.data)
        assert list(known.headers) == list(unknown.headers)


def test_a_known_address_gets_one_mail_and_no_second_account(ann: Person) -> None:
    before = accounts_of(ann.parts, ann.email)
    assert register(ann.app, ann.email.upper(), name="Somebody else").status_code == 202
    assert mails(ann.parts, ann.email) == ["mail.already_registered"]
    assert accounts_of(ann.parts, ann.email) == before
    assert ann.api.get("/me").json["name"] == ""


def test_the_password_of_a_known_address_does_not_change_by_registering_again(ann: Person) -> None:
    body = {"email": ann.email, "password": "the password of a thief"}
    Api(ann.app).post("/auth/register", body)
    assert Api(ann.app).post("/auth/login", body).status_code == 401
    right = {"email": ann.email, "password": ann.password}
    assert Api(ann.app).post("/auth/login", right).status_code == 200


def test_registering_one_address_eight_times_at_once_makes_one_account(app: Flask, parts: Parts) -> None:
    email, start = new_address(), Barrier(8)

    def one(number: int) -> Answer:
        start.wait(timeout=30)
        return register(app, email.upper() if number % 2 else email, name=str(number))

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(one, range(8)))
    assert {(answer.status_code, answer.data) for answer in answers} == {(202, answers[0].data)}
    assert len(accounts_of(parts, email)) == 1
    assert sorted(mails(parts, email)) == ["mail.already_registered"] * 7 + ["mail.verify_email"]


@pytest.mark.parametrize(
    "password",
    [
        "",
        "h7 Kq-p_2xz",
        "😀" * 4 + "h7 Kq-p",
        "".join(map(chr, range(0x4E00, 0x4E00 + 257))),
        "password",
        "Password1234",
        "passwordpassword",
        "PASSWORD!!!!",
        "qwertyuiop123",
        "letmein12345",
        "123456789012",
        "098765432109",
        "abcdefghijkl",
        "aaaaaaaaaaaaaaaa",
        "abababababab",
        "iloveyou2024",
        "a good one\x00 but",
        "a good one \ud800 but",
        None,
        123456789012,
    ],
    ids=repr,
)
def test_a_password_that_is_too_short_too_long_or_tried_first_is_refused(app: Flask, password: Any) -> None:
    assert_refused(app, "password", password)


@pytest.mark.parametrize(
    "password",
    ["h7 Kq-p_2xzM", "😀😃😄😁😆😅😂🤣😊😇🙂🙃", "长短" * 64 + "Ünlängst" * 16],
    ids=["12 letters", "12 beyond the first plane", "256"],
)
def test_lengths_of_passwords_are_counted_in_code_points(app: Flask, password: str) -> None:
    email = new_address()
    assert register(app, email, password=password).status_code == 202
    assert Api(app).post("/auth/login", {"email": email, "password": password}).status_code == 200


@pytest.mark.parametrize(
    "email",
    [
        "",
        "nobody",
        "@example.test",
        "nobody@",
        "a b@example.test",
        "a@b@example.test",
        "a@example..test",
        "a@.test",
        "a@example.test, b@example.test",
        "Ann <ann@example.test>",
        "a\n@example.test",
        "a\r\nBcc: b@example.test",
        "a\x00@example.test",
        "a@example.test\ud800",
        "a" * 65 + "@example.test",
        "a@" + "b" * 253,
        None,
        7,
    ],
    ids=ascii,
)
def test_what_is_no_address_is_refused(app: Flask, email: Any) -> None:
    assert_refused(app, "email", email)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timezone", "Mars/Olympus"),
        ("timezone", "europe/berlin"),
        ("timezone", "../../etc/passwd"),
        ("timezone", ""),
        ("timezone", None),
        ("language", ""),
        ("language", "d"),
        ("language", "de_AT"),
        ("language", "de-"),
        ("language", "deutsch!"),
        ("language", None),
        ("name", "x" * 101),
        ("name", "two\nlines"),
        ("name", "\x00"),
        ("name", None),
        ("role", "admin"),
        ("id", "x"),
    ],
)
def test_every_other_field_is_checked_and_an_unknown_one_refused(
    app: Flask, field: str, value: object
) -> None:
    assert_refused(app, field, value)


def test_every_fault_of_a_registration_is_named_at_once(anonymous: Api) -> None:
    body = {"email": "nobody", "password": "short", "timezone": "Nowhere", "extra": 1}
    answer = anonymous.post("/auth/register", body)
    pointers = {fault["pointer"] for fault in answer.json["errors"]}
    assert pointers == {"/email", "/password", "/timezone", "/extra"}


def test_registrations_from_one_address_are_limited(make_app: Callable[..., Flask]) -> None:
    app = make_app("sqlite", TASKAPI_LIMITS="register=2/hour")
    known = new_address()
    for left in (1, 0):
        assert register(app, known).headers["RateLimit"].startswith(f'"register";r={left};t=')
    for email in (known, new_address()):
        answer = register(app, email)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 3600
    with app.extensions["taskapi"].database.reader() as session:
        assert session.value(select(func.count()).select_from(User)) == 1

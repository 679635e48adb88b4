"""Logging in: failures that cannot be told apart, and spellings of one address."""

from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from flask import Flask
from sqlalchemy import select, update

from taskapi.accounts import service as accounts
from taskapi.accounts.models import User
from taskapi.accounts.schemas import NewAccount
from taskapi.clock import now
from taskapi.parts import Parts
from tests.conftest import ENGINES
from tests.people import PASSWORD, Answer, Api, Person, make_person, new_address, set_disabled


def log_in(app: Flask, email: str, password: str = PASSWORD, **more: Any) -> Answer:
    return Api(app).post("/auth/login", {"email": email, "password": password}, **more)


def stored_hash(person: Person) -> str:
    with person.parts.database.reader() as session:
        return str(session.value(select(User.password_hash).where(User.id == person.id)))


def disable(person: Person) -> None:
    with person.parts.database.writer() as session:
        set_disabled(session, person.email, disabled=True)


@pytest.fixture(scope="module", params=ENGINES)
def strict(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Flask:
    """An application as it is delivered, with limits, that also asks for verified addresses."""
    return make_app(request.param, TASKAPI_LIMITS="", TASKAPI_VERIFY_EMAIL="required")


def test_a_log_in_opens_a_session_that_works(ann: Person) -> None:
    answer = log_in(ann.app, ann.email)
    assert answer.status_code == 200
    assert answer.json.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert Api(ann.app, answer.json["access_token"]).get("/me").json["id"] == ann.id


def test_unknown_wrong_unverified_and_disabled_are_refused_byte_for_byte_alike(strict: Flask) -> None:
    verified, disabled = make_person(strict, verified=True), make_person(strict, verified=True)
    unverified, both = make_person(strict), make_person(strict)
    disable(disabled)
    disable(both)
    tries = [
        (new_address(), PASSWORD),
        ("not an address at all", PASSWORD),
        ("", ""),
        (verified.email, "another password"),
        (verified.email, ""),
        (verified.email, PASSWORD + " "),
        (unverified.email, PASSWORD),
        (unverified.email, "another password"),
        (disabled.email, PASSWORD),
        (disabled.email, "another password"),
        (both.email, PASSWORD),
    ]
    seen = set()
    for i, (email, password) in enumerate(tries):
        # Each from an address of its own: what a budget holds is told by a header.
        more: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": f"192.0.2.{i}"}}
        answer = log_in(strict, email, password, headers={"X-Request-ID": "the-same"}, **more)
        policy = answer.headers.pop("RateLimit").split(";")[0]
        seen.add((answer.status_code, answer.data, tuple(answer.headers), policy))
    assert len(seen) == 1
    assert {status for status, *_ in seen} == {401}
    assert log_in(strict, verified.email).status_code == 200


def test_a_log_in_works_once_the_address_is_verified(strict: Flask) -> None:
    person = make_person(strict)
    assert log_in(strict, person.email).status_code == 401
    with person.parts.database.writer() as session:
        accounts.by_id(session, person.id, locked=True)
        accounts.apply(session, person.id, {"email_verified_at": now()})
    assert log_in(strict, person.email).status_code == 200


def test_an_account_whose_days_of_regret_are_over_cannot_be_had_back(ann: Person) -> None:
    with ann.parts.database.writer() as session:
        session.run(update(User).where(User.id == ann.id).values(delete_after=now() - 1))
    assert log_in(ann.app, ann.email).status_code == 401


@pytest.mark.parametrize(
    "spelling",
    [
        str.upper,
        str.title,
        lambda email: f"  {email}\t",
        lambda email: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in email),
    ],
    ids=["upper case", "title case", "spaces around", "full width"],
)
def test_every_spelling_of_an_address_is_one_account(ann: Person, spelling: Callable[[str], str]) -> None:
    answer = log_in(ann.app, spelling(ann.email))
    assert answer.status_code == 200
    assert Api(ann.app, answer.json["access_token"]).get("/me").json["id"] == ann.id


def test_a_password_is_what_was_typed(app: Flask) -> None:
    typed = " Grüße\t\u212b—пароль 😀 "
    email = new_address()
    assert Api(app).post("/auth/register", {"email": email, "password": typed}).status_code == 202
    assert log_in(app, email, typed).status_code == 200
    for other in (typed.strip(), typed.replace("\u212b", "Å"), typed.lower()):
        assert log_in(app, email, other).status_code == 401


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/email", "/password"]),
        ({"email": None, "password": 7}, ["/email", "/password"]),
        ({"email": "a@b.test", "password": "x", "remember": True}, ["/remember"]),
        ({"email": "a@b.test", "password": "x", "use_cookie": "yes"}, ["/use_cookie"]),
        ({"email": "a\x00@b.test", "password": "\x00"}, ["/email", "/password"]),
        ({"email": "a@b.test", "password": "x" * 1025}, ["/password"]),
    ],
)
def test_a_log_in_that_cannot_be_read_names_each_field(
    anonymous: Api, body: dict[str, Any], pointers: list[str]
) -> None:
    answer = anonymous.post("/auth/login", body)
    assert answer.status_code == 422
    assert sorted(fault["pointer"] for fault in answer.json["errors"]) == pointers


def test_passwords_are_kept_as_argon2id_by_owasps_figures(app: Flask, parts: Parts) -> None:
    email = new_address()
    Api(app).post("/auth/register", {"email": email, "password": PASSWORD})
    with parts.database.reader() as session:
        kept = str(session.value(select(User.password_hash).where(User.email == email)))
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    figures = extract_parameters(kept)
    assert (figures.type, figures.salt_len, figures.hash_len) == (Type.ID, 16, 32)


def test_a_password_hashed_by_older_figures_is_hashed_anew_when_it_is_next_used(app: Flask) -> None:
    older = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    person = make_person(app)
    with person.parts.database.writer() as session:
        session.run(update(User).where(User.id == person.id).values(password_hash=older))
    assert log_in(app, person.email, "another password").status_code == 401
    assert stored_hash(person) == older
    assert log_in(app, person.email).status_code == 200
    fresh = stored_hash(person)
    assert fresh.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert log_in(app, person.email).status_code == 200
    assert stored_hash(person) == fresh
    # Nothing the person or their devices know has changed by it.
    assert person.api.get("/me").status_code == 200


def test_two_accounts_with_one_password_do_not_have_one_hash(app: Flask, parts: Parts) -> None:
    hashes = {parts.hashing.hash(PASSWORD) for _ in range(2)}
    assert len(hashes) == 2
    wanted = NewAccount(email=new_address(), password=PASSWORD)
    with parts.database.writer() as session:
        assert accounts.create(session, wanted, hashes.pop(), "user", verified=False) is not None
    assert log_in(app, wanted.email).status_code == 200

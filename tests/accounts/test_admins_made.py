"""Making an admin of an address that somebody took before."""

import pytest

from taskapi.accounts.schemas import NewAccount
from taskapi.accounts.service import AdminMade, make_admin
from taskapi.actors import Operator
from taskapi.passwords import PasswordHashing
from tests.people import PASSWORD, Api, Person, make_person
from tests.personal_tokens.tokens import new_token

GIVEN = "a password of the operator"


def made_admin(person: Person) -> AdminMade:
    wanted = NewAccount(email=person.email, password=GIVEN)
    hashed = PasswordHashing().hash(GIVEN)
    with person.parts.database.writer() as session:
        return make_admin(session, Operator("a-command"), wanted, hashed)


def log_in(person: Person, password: str) -> int:
    body = {"email": person.email, "password": password}
    return Api(person.app).post("/auth/login", body).status_code


def test_who_took_an_address_and_never_proved_it_becomes_no_admin(ann: Person) -> None:
    token = new_token(ann)["token"]
    assert made_admin(ann) == "taken over"
    assert [log_in(ann, PASSWORD), log_in(ann, GIVEN)] == [401, 200]
    assert {api.get("/me").status_code for api in (ann.api, Api(ann.app, token))} == {401}


@pytest.mark.parametrize("times", [1, 2])
def test_whose_address_is_proved_is_promoted_and_keeps_all(ann: Person, times: int) -> None:
    owner = make_person(ann.app, verified=True)
    assert [made_admin(owner) for _ in range(times)] == ["promoted"] * times
    assert [log_in(owner, PASSWORD), log_in(owner, GIVEN)] == [200, 401]
    assert owner.api.get("/me").json["role"] == "admin"

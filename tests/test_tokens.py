"""Which access tokens are accepted: those we issued, for their time, in their one spelling, and no others."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskapi.clock import now
from taskapi.ids import new_id
from taskapi.keys import load_keys, new_secret_key, new_signing_key
from taskapi.parts import Parts
from taskapi.settings import load_settings
from taskapi.tokens import ACCESS_SECONDS, AccessTokens
from tests.genuine import ORDER, Genuine, b64, unb64
from tests.people import Api, Person
from tests.token_mutants import KINDS, Mutants, mutants

HEADER_BYTES = 8000


@pytest.fixture
def genuine(ann: Person, parts: Parts) -> Genuine:
    return Genuine(ann.grant.access_token, parts.keys.signing[0])


def _tokens(*pems: str) -> AccessTokens:
    """What issues and verifies with these keys, the first of them signing."""
    chosen = load_settings(
        TASKAPI_HOME=Path("nowhere"),
        TASKAPI_SIGNING_KEY="".join(pems),
        TASKAPI_SECRET_KEY=new_secret_key(),
    )
    return AccessTokens(load_keys(chosen), "taskapi")


def _issued(tokens: AccessTokens) -> str:
    return tokens.issue(new_id(), new_id(), 0, "api")


def _public(pem: str) -> tuple[str, str]:
    key: Any = load_pem_private_key(pem.encode(), password=None)
    numbers = key.public_key().public_numbers()
    return b64(numbers.x.to_bytes(32, "big")), b64(numbers.y.to_bytes(32, "big"))


def test_the_genuine_token_is_accepted_and_so_is_what_signs_alike(
    parts: Parts, genuine: Genuine, ann: Person
) -> None:
    for token in (genuine.token, genuine.signed()):
        access = parts.access_tokens.verify(token)
        assert access is not None
        assert access.user_id == ann.id
        assert Api(ann.app, token).get("/me").status_code == 200


def test_a_token_says_exactly_what_the_contract_names(genuine: Genuine, ann: Person) -> None:
    assert genuine.header.keys() == {"alg", "kid", "typ"}
    assert (genuine.header["alg"], genuine.header["typ"]) == ("ES256", "at+jwt")
    named = {"iss", "aud", "sub", "sid", "uep", "scope", "iat", "nbf", "exp", "jti"}
    assert genuine.claims.keys() == named | {"via"}
    assert genuine.claims["exp"] - genuine.claims["iat"] == ACCESS_SECONDS == 600
    assert (genuine.claims["sub"], genuine.claims["sid"]) == (ann.id, ann.session_id)


def test_there_are_enough_mutants_to_mean_something(genuine: Genuine) -> None:
    assert len(mutants(genuine)) >= 300


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_mutant_is_accepted(parts: Parts, genuine: Genuine, kind: Callable[[Genuine], Mutants]) -> None:
    accepted = [
        name
        for name, token in kind(genuine)
        if token != genuine.token and parts.access_tokens.verify(token) is not None
    ]
    assert accepted == []


def test_no_mutant_passes_through_http(genuine: Genuine, ann: Person) -> None:
    asked = 0
    for name, token in mutants(genuine).items():
        # A header cannot hold the others; spaces around a token are no part of it (RFC 9110, 5.6.3).
        if len(token) < HEADER_BYTES and token.isprintable() and token.isascii() and token == token.strip():
            answer = Api(ann.app, token).get("/me")
            assert (answer.status_code, answer.json["code"]) == (401, "unauthorized"), name
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            asked += 1
    assert asked >= 250


def test_a_payload_has_one_spelling_even_where_we_signed_it(parts: Parts, genuine: Genuine) -> None:
    text = orjson.dumps(genuine.claims)
    for other in (
        json.dumps(genuine.claims).encode(),
        text + b" ",
        b'{"sub":"somebody",' + text[1:],
        text[:-1] + b',"sub":"somebody"}',
        text[:-1] + b',"exp":99999999999}',
        text.replace(b'"sub"', rb'"\u0073ub"'),
    ):
        assert parts.access_tokens.verify(genuine.signed(claims=other)) is None, other


@pytest.mark.parametrize("epoch", [-1, -(2**63)])
def test_an_epoch_before_all_epochs_holds_nowhere(genuine: Genuine, ann: Person, epoch: int) -> None:
    token = genuine.signed(claims=genuine.claims | {"uep": epoch})
    assert Api(ann.app, token).get("/me").status_code == 401


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "bearer", "Token {}", "Basic {}", "{}", "Bearer {} x", "Bearer={}"]
)
def test_another_authorization_is_none(genuine: Genuine, ann: Person, header: str) -> None:
    sent = {"Authorization": header.format(genuine.token)}
    assert Api(ann.app, headers=sent).get("/me").status_code == 401


def test_a_token_elsewhere_than_in_its_header_is_none(genuine: Genuine, anonymous: Api) -> None:
    assert anonymous.get(f"/me?access_token={genuine.token}").status_code == 401
    cookie = {"Cookie": f"access_token={genuine.token}; Authorization=Bearer {genuine.token}"}
    assert anonymous.get("/me", headers=cookie).status_code == 401


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_change_of_characters_is_accepted(parts: Parts, genuine: Genuine, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(genuine.token)))
    length = data.draw(st.integers(0, 3))
    new = data.draw(st.text(st.sampled_from("AQgwZ09-_=.+/ \n\0é"), max_size=3))
    changed = genuine.token[:start] + new + genuine.token[start + length :]
    assert (parts.access_tokens.verify(changed) is not None) == (changed == genuine.token)


def test_a_token_holds_until_its_last_second(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    for age, holds in ((0, True), (ACCESS_SECONDS - 60, True), (ACCESS_SECONDS, False), (10**6, False)):
        with monkeypatch.context() as patch:
            behind = SimpleNamespace(time=lambda age=age: now() / 1000 - age)
            patch.setattr("taskapi.tokens.time", behind)
            token = _issued(parts.access_tokens)
        assert (parts.access_tokens.verify(token) is not None) == holds, age


def test_every_issued_token_has_a_low_s_and_an_id_of_its_own() -> None:
    tokens = _tokens(new_signing_key())
    issued = [_issued(tokens) for _ in range(300)]
    for token in issued:
        assert 0 < int.from_bytes(unb64(token.split(".")[2])[32:], "big") <= ORDER // 2
        assert tokens.verify(token) is not None
    assert len({orjson.loads(unb64(token.split(".")[1]))["jti"] for token in issued}) == len(issued)


def test_the_first_key_signs_and_all_verify_until_they_are_taken_away() -> None:
    old, new = new_signing_key(), new_signing_key()
    before, during, after = _tokens(old), _tokens(new, old), _tokens(new)
    by_old, by_new = _issued(before), _issued(during)
    assert during.verify(by_old) is not None
    assert during.verify(by_new) is not None
    assert after.verify(by_new) is not None
    assert before.verify(by_new) is None
    assert after.verify(by_old) is None


def test_a_key_signs_only_under_its_own_kid() -> None:
    old, new = new_signing_key(), new_signing_key()
    both = _tokens(new, old)
    kids = [orjson.loads(unb64(_issued(_tokens(pem)).split(".")[0]))["kid"] for pem in (old, new)]
    key: Any = load_pem_private_key(old.encode(), password=None)
    genuine = Genuine(_issued(_tokens(old)), key)
    assert genuine.header["kid"] == kids[0]
    assert both.verify(genuine.signed()) is not None
    assert both.verify(genuine.signed(genuine.header | {"kid": kids[1]})) is None


def test_a_token_of_another_issuer_with_our_key_is_refused() -> None:
    pem = new_signing_key()
    chosen = load_settings(
        TASKAPI_HOME=Path("nowhere"), TASKAPI_SIGNING_KEY=pem, TASKAPI_SECRET_KEY=new_secret_key()
    )
    elsewhere = AccessTokens(load_keys(chosen), "https://elsewhere.example")
    assert _tokens(pem).verify(_issued(elsewhere)) is None


def test_the_published_keys_are_exactly_the_public_halves(make_app: Callable[..., Flask]) -> None:
    pems = [new_signing_key(), new_signing_key()]
    app = make_app("sqlite", TASKAPI_SIGNING_KEY="\n".join(pems), TASKAPI_SECRET_KEY=new_secret_key())
    answer = Api(app).get("//.well-known/jwks.json")
    assert answer.json.keys() == {"keys"}
    for jwk in answer.json["keys"]:
        assert jwk.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert [(jwk["x"], jwk["y"]) for jwk in answer.json["keys"]] == [_public(pem) for pem in pems]
    for pem in pems:
        key: Any = load_pem_private_key(pem.encode(), password=None)
        secret = key.private_numbers().private_value
        assert b64(secret.to_bytes(32, "big")) not in answer.text
        assert f"{secret:x}" not in answer.text


def test_a_gateway_verifies_our_tokens_by_the_published_keys(parts: Parts, anonymous: Api) -> None:
    keys = jwt.PyJWKSet.from_dict(anonymous.get("//.well-known/jwks.json").json)
    token = _issued(parts.access_tokens)
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["ES256"], audience="taskapi", issuer="taskapi")
    assert claims["scope"]

"""Sealed strings: readable by anyone, accepted only as they were made, for what they were made for."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from taskapi.keys import Keys
from taskapi.tokens import Seal
from tests.genuine import b64, unb64

KEYS = Keys((ec.generate_private_key(ec.SECP256R1()),), b"a secret of enough bytes for a test")
SEAL = Seal(KEYS, "one purpose")

bindings = st.text(max_size=20)
payloads = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def _refused(seal: Seal, token: str, binding: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        seal.open(token, binding)


@settings(max_examples=100, deadline=None)
@given(payload=payloads, binding=bindings)
def test_what_was_sealed_comes_back(payload: Any, binding: str) -> None:
    token = SEAL.close(payload, binding)
    assert SEAL.open(token, binding) == payload
    assert Seal.claimed(token) == payload


@settings(max_examples=100, deadline=None)
@given(payload=payloads, binding=bindings, other=bindings)
def test_another_binding_opens_nothing(payload: Any, binding: str, other: str) -> None:
    assume(binding != other)
    _refused(SEAL, SEAL.close(payload, binding), other)


@settings(max_examples=100, deadline=None)
@given(payload=payloads, binding=bindings, data=st.data())
def test_any_changed_byte_is_refused(payload: Any, binding: str, data: st.DataObject) -> None:
    raw = bytearray(unb64(SEAL.close(payload, binding)))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    _refused(SEAL, b64(bytes(raw)), binding)


@settings(max_examples=200, deadline=None)
@given(payload=payloads, data=st.data())
def test_a_seal_has_one_spelling(payload: Any, data: st.DataObject) -> None:
    token = SEAL.close(payload)
    start = data.draw(st.integers(0, len(token)))
    new = data.draw(st.text(st.sampled_from("AQgwZ09-_=.+/ \n\0é\ud800"), max_size=3))
    changed = token[:start] + new + token[start + data.draw(st.integers(0, 3)) :]
    assume(changed != token)
    _refused(SEAL, changed, "")


@settings(max_examples=200, deadline=None)
@given(token=st.text(max_size=80) | st.binary(max_size=60).map(b64))
def test_nothing_made_up_is_accepted_and_nothing_crashes(token: str) -> None:
    _refused(SEAL, token, "")


@settings(max_examples=50, deadline=None)
@given(payload=payloads, left=bindings, right=st.text(st.characters(max_codepoint=127), min_size=1))
def test_a_binding_cannot_reach_into_the_payload(payload: Any, left: str, right: str) -> None:
    token = SEAL.close(payload, left + right)
    raw = unb64(token)
    _refused(SEAL, b64(raw[:16] + right.encode() + raw[16:]), left)


def test_another_purpose_or_another_secret_opens_nothing() -> None:
    token = SEAL.close([1])
    _refused(Seal(KEYS, "another purpose"), token, "")
    _refused(Seal(Keys(KEYS.signing, b"another secret of enough bytes for it"), "one purpose"), token, "")
    assert Seal(KEYS, "one purpose").open(token) == [1]


def test_every_purpose_has_a_key_of_its_own_and_none_is_the_secret() -> None:
    purposes = ("cursors", "refresh tokens", "mail tokens", "devices")
    derived = {KEYS.derived(purpose) for purpose in purposes}
    assert len(derived | {KEYS.secret}) == 5
    assert {len(key) for key in derived} == {32}

"""Passwords that are tried first."""

from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskapi.passwords import is_common

_LIST = files("taskapi").joinpath("data/common_passwords.txt").read_text(encoding="utf-8").split("\n")
_WORDS = [word for word in _LIST if word]


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "Password1234",
        "PASSWORD!!!!",
        "  password1234  ",
        "ｐａｓｓｗｏｒｄ１２３４",
        "pässwörd1234",
        "passwordpassword",
        "passwordpasswordpass",
        "qwertyuiop12",
        "qwertyqwerty",
        "123456789012",
        "098765432109",
        "111122223333",
        "abcdefghijkl",
        "ZYXWVUTSRQPO",
        "aaaaaaaaaaaa",
        "abababababab",
        "abcabcabcabc",
        "12341234123412",
        "iloveyou2024",
        "letmein12345678",
        "",
    ],
)
def test_what_is_tried_first_is_common(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "vK9$mQ2#xL7!",
        "my password is long",
        "Tr0ub4dor&3x",
        "giraffe-teapot",
        "пароль не тот что",
        "東京で寿司を食べた日曜日",
        "135792468024613",
        "1Zebra2Lions3Owls",
    ],
)
def test_what_nobody_tries_first_is_not(password: str) -> None:
    assert not is_common(password)


def test_every_listed_password_is_common_in_any_case_and_twice() -> None:
    for word in _WORDS:
        assert is_common(word), word
        assert is_common(word.upper()), word
        assert is_common(word * 2), word


@settings(max_examples=150, deadline=None)
@given(
    # What ends in digits is not told apart from digits that are added to it.
    word=st.sampled_from([word for word in _WORDS if word[-1].isalpha()]),
    times=st.integers(1, 4),
    added=st.sampled_from(["", "1", "!", "2024", "123456789", "!!!!", "0000000", "1234!", "987654"]),
)
def test_a_listed_password_stays_common_with_what_people_add(word: str, times: int, added: str) -> None:
    assert is_common(word * times)
    assert is_common(word + added)


@settings(max_examples=150, deadline=None)
@given(start=st.integers(0x20, 0x2000), length=st.integers(2, 20), step=st.sampled_from([-1, 0, 1]))
def test_a_run_of_characters_is_common(start: int, length: int, step: int) -> None:
    run = "".join(chr(start + step * index) for index in range(length))
    digits = "".join(str((start + step * index) % 10) for index in range(length))
    assert is_common(digits)
    if run.isascii() and run.isalpha():
        assert is_common(run)


def test_judging_the_longest_password_ends() -> None:
    assert not is_common("".join(chr(0x4E00 + index * index % 20_000) for index in range(256)))

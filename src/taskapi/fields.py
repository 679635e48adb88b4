"""Kinds of values that people type, each with what is asked of it."""

import re
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import AfterValidator, Field

from taskapi.documented import Documented
from taskapi.parsing import Line, Prose
from taskapi.passwords import MAX_LENGTH, MIN_LENGTH, is_common

_ADDRESS = re.compile(
    r"[^\s@\x00-\x1f\x7f<>()\[\],;:\\\"]{1,64}@[^\s@.<>()\[\],;:\\\"]+(\.[^\s@.<>()\[\],;:\\\"]+)*"
)
_TAG = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"
_LANGUAGE = re.compile(_TAG)


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("must be a mail address")
    return value


def _uncommon(value: str) -> str:
    if is_common(value):
        raise ValueError("is among the passwords that are tried first; choose another")
    return value


def _language(value: str) -> str:
    if not _LANGUAGE.fullmatch(value):
        raise ValueError("must be a language tag like `en` or `de-AT`")
    return value


def _timezone(value: str) -> str:
    if value not in zones():
        raise ValueError("must be an IANA time zone like `Europe/Berlin`")
    return value


@cache
def zones() -> frozenset[str]:
    """IANA's names. A machine's own files have others too, like `localtime`, another on each machine."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


Email = Annotated[Line, Field(max_length=254), AfterValidator(_address), Documented(format="email")]
NewPassword = Annotated[Prose, Field(min_length=MIN_LENGTH, max_length=MAX_LENGTH), AfterValidator(_uncommon)]
# What is only compared: neither trimmed nor judged.
GivenPassword = Annotated[Prose, Field(max_length=1024)]
Name = Annotated[Line, Field(max_length=100)]
Language = Annotated[
    Line, Field(max_length=35), AfterValidator(_language), Documented(pattern=rf"^\s*{_TAG}\s*$")
]
Timezone = Annotated[
    Line,
    Field(max_length=64),
    AfterValidator(_timezone),
    Documented(
        format="iana-time-zone",
        pattern=None,
        maxLength=None,
        description="A name of the IANA time zone database.",
    ),
]
MailToken = Annotated[Prose, Field(max_length=1024)]

from typing import Literal

from pydantic import BaseModel

from taskapi.fields import Email, GivenPassword, Language, Name, NewPassword, Timezone
from taskapi.parsing import Body


class ProfileChange(Body):
    """Absent stays; none of these has a null."""

    name: Name = ""
    language: Language = "en"
    timezone: Timezone = "UTC"


class PasswordChange(Body):
    current_password: GivenPassword
    new_password: NewPassword


class EmailChange(Body):
    password: GivenPassword
    email: Email


class AccountDeletion(Body):
    password: GivenPassword


class Accepted(BaseModel):
    status: Literal["accepted"] = "accepted"


class Me(BaseModel):
    id: str
    email: str
    name: str
    role: Literal["user", "admin"]
    email_verified: bool
    language: str
    timezone: str
    created_at: str
    updated_at: str


class LimitOut(BaseModel):
    name: str
    quota: int
    window_seconds: int
    remaining: int
    reset_seconds: int


class Limits(BaseModel):
    policies: list[LimitOut]

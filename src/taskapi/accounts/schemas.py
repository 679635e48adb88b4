from typing import Literal

from pydantic import BaseModel

from taskapi.fields import Email, Language, MailToken, Name, NewPassword, Timezone
from taskapi.parsing import Body


class NewAccount(Body):
    email: Email
    password: NewPassword
    name: Name = ""
    language: Language = "en"
    timezone: Timezone = "UTC"


class AddressOnly(Body):
    email: Email


class PasswordReset(Body):
    token: MailToken
    password: NewPassword


class EmailVerification(Body):
    token: MailToken


class Accepted(BaseModel):
    status: Literal["accepted"] = "accepted"

from flask import Response

from taskapi.accounts import service
from taskapi.accounts.schemas import Accepted, AddressOnly, EmailVerification, NewAccount, PasswordReset
from taskapi.http import Endpoints, client, no_content, parts, public, reading, reply, session

endpoints = Endpoints("accounts", __name__, url_prefix="/api/v1/auth")

_ACCEPTED = Accepted().model_dump()


@endpoints.post("/register", responses={202: Accepted})
@public
def register(body: NewAccount) -> Response:
    return reply(_ACCEPTED, 202, headers=service.register(parts(), session(), client(), body))


@endpoints.post("/password/forgot", responses={202: Accepted})
@public
def forgot_password(body: AddressOnly) -> Response:
    headers = service.ask_for_mail(parts(), session(), client(), "mail.reset_password", body.email)
    return reply(_ACCEPTED, 202, headers=headers)


@endpoints.post("/password/reset", responses={204: None})
@public
def reset_password(body: PasswordReset) -> Response:
    service.reset_password(parts(), reading(), session(), client(), body)
    return no_content()


@endpoints.post("/email/verify", responses={204: None})
@public
def verify_email(body: EmailVerification) -> Response:
    service.verify_email(parts(), session(), body.token)
    return no_content()


@endpoints.post("/email/resend", responses={202: Accepted})
@public
def resend_verification(body: AddressOnly) -> Response:
    headers = service.ask_for_mail(parts(), session(), client(), "mail.resend_verification", body.email)
    return reply(_ACCEPTED, 202, headers=headers)

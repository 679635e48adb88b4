from taskapi.accounts import service
from taskapi.accounts.schemas import Accepted, AddressOnly, EmailVerification, NewAccount, PasswordReset
from taskapi.errors import TooMany
from taskapi.http import Endpoints, client, no_content, parts, public, reading, refuses, reply, session
from taskapi.replies import Reply

endpoints = Endpoints("accounts", __name__, url_prefix="/api/v1/auth")

_ACCEPTED = Accepted().model_dump()


@endpoints.post("/register", responses={202: Accepted})
@public
@refuses(TooMany)
def register(body: NewAccount) -> Reply:
    """Make an account.

    Answers alike, and in the same time, whether the address is known or not: its owner is told by mail. Where
    verification is required, the account works once the mailed token came back to `/auth/email/verify`.
    """
    return reply(_ACCEPTED, 202, headers=service.register(parts(), session(), client(), body))


@endpoints.post("/password/forgot", responses={202: Accepted})
@public
@refuses(TooMany)
def forgot_password(body: AddressOnly) -> Reply:
    """Ask for a mail to choose a new password.

    Answers alike whether the address is known or not.
    """
    headers = service.ask_for_mail(parts(), session(), client(), "mail.reset_password", body.email)
    return reply(_ACCEPTED, 202, headers=headers)


@endpoints.post("/password/reset", responses={204: None})
@public
def reset_password(body: PasswordReset) -> Reply:
    """Choose a new password with a mailed token.

    Ends all sessions of the account.
    """
    service.reset_password(parts(), reading(), session(), client(), body)
    return no_content()


@endpoints.post("/email/verify", responses={204: None})
@public
def verify_email(body: EmailVerification) -> Reply:
    """Verify an address with a mailed token.

    It is the address of a new account, or the new one of an account that changes it.
    """
    service.verify_email(parts(), session(), client(), body.token)
    return no_content()


@endpoints.post("/email/resend", responses={202: Accepted})
@public
@refuses(TooMany)
def resend_verification(body: AddressOnly) -> Reply:
    """Ask for the verification mail again.

    Answers alike whether there is anything to verify or not.
    """
    headers = service.ask_for_mail(parts(), session(), client(), "mail.resend_verification", body.email)
    return reply(_ACCEPTED, 202, headers=headers)

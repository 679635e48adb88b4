from taskapi.http import (
    Endpoints,
    actor,
    client,
    if_match,
    no_content,
    parts,
    reading,
    reply,
    session,
    slow,
    uncounted,
)
from taskapi.profile import service
from taskapi.profile.schemas import (
    Accepted,
    AccountDeletion,
    EmailChange,
    Limits,
    Me,
    PasswordChange,
    ProfileChange,
)
from taskapi.replies import Reply
from taskapi.scopes import any_token

endpoints = Endpoints("profile", __name__, url_prefix="/api/v1/me")

_ACCEPTED = Accepted().model_dump()


@endpoints.get("", responses={200: Me})
@any_token
def get_me() -> Reply:
    """Show the caller's account."""
    profile, etag, under = service.get_profile(session(), actor())
    return reply(profile, etag=etag, under=under)


@endpoints.patch("", responses={200: Me})
def change_me(body: ProfileChange) -> Reply:
    """Change the caller's name, language or time zone.

    A merge patch (RFC 7396): what is absent stays.
    """
    profile, etag = service.change_profile(session(), actor(), body, if_match())
    return reply(profile, etag=etag)


@endpoints.delete("", responses={204: None})
@slow
def delete_me(body: AccountDeletion) -> Reply:
    """Delete the caller's account.

    It is gone after 14 days; logging in before that keeps it.
    """
    service.delete_account(parts(), reading(), session(), actor(), body)
    return no_content()


@endpoints.post("/password", responses={204: None})
@slow
def change_password(body: PasswordChange) -> Reply:
    """Change the caller's password.

    Ends all other sessions.
    """
    service.change_password(parts(), reading(), session(), actor(), body)
    return no_content()


@endpoints.post("/email", responses={202: Accepted})
@slow
def change_email(body: EmailChange) -> Reply:
    """Change the caller's address.

    The change is made when the new address is verified, by the token mailed there.
    """
    service.change_email(parts(), reading(), session(), actor(), client(), body)
    return reply(_ACCEPTED, 202)


@endpoints.get("/limits", responses={200: Limits})
@any_token
@uncounted
def get_limits() -> Reply:
    """Show how the caller's limits stand."""
    return reply({"policies": service.limits(parts(), session(), actor(), client())})

from taskapi.http import Endpoints, actor, if_match, no_content, parts, plain, public, reply, session
from taskapi.preferences import service
from taskapi.preferences.schemas import PreferencesChange, PreferencesOut, UnsubscribeQuery
from taskapi.replies import Reply

endpoints = Endpoints("preferences", __name__)


@endpoints.get("/api/v1/me/notifications", responses={200: PreferencesOut})
def get_preferences() -> Reply:
    """Show which mails the caller wants of their tasks."""
    wanted, etag, under = service.get(session(), actor())
    return reply(wanted, etag=etag, under=under)


@endpoints.patch("/api/v1/me/notifications", responses={200: PreferencesOut})
def change_preferences(body: PreferencesChange) -> Reply:
    """Change which mails the caller wants of their tasks.

    A merge patch (RFC 7396): what is absent stays, and a null of `remind_before` ends the default.
    """
    wanted, etag = service.change(session(), actor(), body, if_match())
    return reply(wanted, etag=etag)


@endpoints.post("/unsubscribe")
@public
@plain
def unsubscribe(query: UnsubscribeQuery) -> Reply:
    """Decline the mails of one kind, by the token in them.

    Mail programs do so by one click (RFC 8058); what the body says is not looked at.
    """
    service.decline(parts(), session(), query.token)
    return no_content()

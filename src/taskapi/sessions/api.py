from flask import Response

from taskapi import cookies
from taskapi.errors import Forbidden, TooMany, Unauthorized
from taskapi.http import Endpoints, actor, client, no_content, parts, public, refuses, reply, session
from taskapi.replies import Reply
from taskapi.sessions import service
from taskapi.sessions.schemas import EndSessions, RefreshRequest, SessionList, SessionPath
from taskapi.tokens import TokensOut

endpoints = Endpoints("sessions", __name__, url_prefix="/api/v1/auth")


@endpoints.post("/refresh", responses={200: TokensOut})
@public
@refuses(Forbidden, TooMany, Unauthorized)
def refresh(body: RefreshRequest) -> Response:
    """Take new tokens for a refresh token.

    A refresh token is good for one use: keep the new one. The one before it works for ten more seconds, in
    case the answer was lost; an older one ends the session. Without a body the cookie is used.
    """
    token = body.refresh_token or cookies.refresh_token()
    return cookies.granted(service.refresh(parts(), session(), client(), token))


@endpoints.post("/logout", responses={204: None})
def logout() -> Response:
    """End this session.

    Its access token is refused from now on.
    """
    service.logout(session(), actor())
    return cookies.forget(no_content().response())


@endpoints.get("/sessions", responses={200: SessionList})
def list_sessions() -> Reply:
    """List the caller's sessions."""
    return reply({"items": service.list_sessions(session(), actor())})


@endpoints.delete("/sessions", responses={204: None})
def end_sessions(query: EndSessions) -> Reply:
    """End all of the caller's sessions."""
    service.end_sessions(session(), actor(), query.keep_current)
    return no_content()


@endpoints.delete("/sessions/<session_id>", responses={204: None})
def end_session(path: SessionPath) -> Reply:
    """End one of the caller's sessions."""
    service.end_session(session(), actor(), path.session_id)
    return no_content()

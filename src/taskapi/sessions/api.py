from flask import Response

from taskapi import cookies
from taskapi.http import Endpoints, actor, client, no_content, parts, public, reply, session
from taskapi.sessions import service
from taskapi.sessions.schemas import EndSessions, RefreshRequest, SessionList, SessionPath
from taskapi.tokens import TokensOut

endpoints = Endpoints("sessions", __name__, url_prefix="/api/v1/auth")


@endpoints.post("/refresh", responses={200: TokensOut})
@public
def refresh(body: RefreshRequest) -> Response:
    token = body.refresh_token or cookies.refresh_token()
    return cookies.granted(service.refresh(parts(), session(), client(), token))


@endpoints.post("/logout", responses={204: None})
def logout() -> Response:
    service.logout(session(), actor())
    return cookies.forget(no_content())


@endpoints.get("/sessions", responses={200: SessionList})
def list_sessions() -> Response:
    return reply({"items": service.list_sessions(session(), actor())})


@endpoints.delete("/sessions", responses={204: None})
def end_sessions(query: EndSessions) -> Response:
    service.end_sessions(session(), actor(), query.keep_current)
    return no_content()


@endpoints.delete("/sessions/<session_id>", responses={204: None})
def end_session(path: SessionPath) -> Response:
    service.end_session(session(), actor(), path.session_id)
    return no_content()

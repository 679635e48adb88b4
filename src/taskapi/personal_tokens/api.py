from taskapi.http import Endpoints, actor, no_content, reply, secret, session
from taskapi.personal_tokens import service
from taskapi.personal_tokens.schemas import NewToken, NewTokenOut, TokenList, TokenPath
from taskapi.replies import Reply

endpoints = Endpoints("personal_tokens", __name__, url_prefix="/api/v1/me/tokens")


@endpoints.get("", responses={200: TokenList})
def list_tokens() -> Reply:
    """List your personal tokens that can be used."""
    return reply({"items": service.list_tokens(session(), actor())})


@endpoints.post("", responses={201: NewTokenOut})
@secret
def create_token(body: NewToken) -> Reply:
    """Make a personal token for scripts; it is shown this once."""
    return reply(service.create(session(), actor(), body), 201, headers={"Cache-Control": "no-store"})


@endpoints.delete("/<token_id>", responses={204: None})
def revoke_token(path: TokenPath) -> Reply:
    """Revoke a personal token: it is refused from now on, everywhere."""
    service.revoke(session(), actor(), path.token_id)
    return no_content()

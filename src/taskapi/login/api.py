from flask import Response

from taskapi.cookies import granted
from taskapi.http import Endpoints, client, parts, public, reading, session
from taskapi.login import service
from taskapi.login.schemas import Credentials
from taskapi.tokens import TokensOut

endpoints = Endpoints("login", __name__, url_prefix="/api/v1/auth")


@endpoints.post("/login", responses={200: TokensOut})
@public
def login(body: Credentials) -> Response:
    return granted(service.login(parts(), reading(), session(), client(), body))

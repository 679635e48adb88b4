from flask import Response

from taskapi.cookies import granted
from taskapi.errors import TooMany, Unauthorized
from taskapi.http import Endpoints, client, parts, public, reading, refuses, session
from taskapi.login import service
from taskapi.login.schemas import Credentials
from taskapi.tokens import TokensOut

endpoints = Endpoints("login", __name__, url_prefix="/api/v1/auth")


@endpoints.post("/login", responses={200: TokensOut})
@public
@refuses(TooMany, Unauthorized)
def login(body: Credentials) -> Response:
    """Log in with address and password.

    Why it is refused is not told: an unknown address, a wrong password, an account that is not verified or
    disabled answer alike. With `use_cookie` the refresh token comes in a cookie that scripts cannot read.
    """
    return granted(service.login(parts(), reading(), session(), client(), body))

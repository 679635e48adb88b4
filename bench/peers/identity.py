"""Who asks, as the specification's sketches find out: PyJWT's check of an HS256 token on each request."""

from collections.abc import Callable
from functools import wraps

import jwt
from flask import Response, current_app, g, jsonify, request

Answer = tuple[Response, int]


def with_identity(view: Callable[..., Answer]) -> Callable[..., Answer]:
    @wraps(view)
    def checked(**path: str) -> Answer:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            g.identity = jwt.decode(token, current_app.config["SECRET_KEY"], algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return jsonify({"error": "unauthorized"}), 401
        return view(**path)

    return checked

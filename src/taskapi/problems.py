"""Every refusal and failure as problem+json (RFC 9457), whichever layer it comes from."""

import logging
import re
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from flask import Flask, Response, request
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from taskapi.documented import Documented
from taskapi.errors import AppError, Busy, Conflict, NotFound, TooLarge
from taskapi.outages import PRIMARY_AWAY, PrimaryAway, is_away
from taskapi.parsing import MAX_BODY_BYTES
from taskapi.proxies import asked, notes


class Fault(BaseModel):
    pointer: str
    detail: str


class Problem(BaseModel):
    """How every refusal and failure is answered (RFC 9457)."""

    type: Annotated[str, Documented(format="uri")]
    title: str
    status: Annotated[int, Documented(minimum=400, maximum=599)]
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[Fault] | None = None


PROBLEM_TYPE = "application/problem+json"
_log = logging.getLogger("taskapi.problems")


def described(refusal: AppError, path: str, request_id: str) -> dict[str, Any]:
    """The refusal of a request as it is answered; `request_id` finds it in the log."""
    body = {
        "type": f"urn:taskapi:problem:{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "instance": path,
        "code": refusal.code,
        "request_id": request_id,
    }
    if refusal.errors is not None:
        body["errors"] = refusal.errors
    # A path that is not UTF-8 holds lone surrogates, which JSON cannot.
    return {k: textual(v) if isinstance(v, str) else v for k, v in body.items()}


def problem(refusal: AppError) -> Response:
    """The answer to a refusal."""
    text = orjson.dumps(described(refusal, asked().path, notes().request_id))
    answer = Response(text, refusal.status, mimetype=PROBLEM_TYPE)
    answer.headers.update(refusal.headers)
    return answer


def register(app: Flask) -> None:
    app.register_error_handler(AppError, problem)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(PoolTimeout, _database_away)
    app.register_error_handler(PrimaryAway, _database_away)
    app.register_error_handler(IntegrityError, _conflict)
    app.register_error_handler(Exception, _crash)


def _http_exception(error: HTTPException) -> Response:
    if error.code == 404:
        return problem(NotFound())
    if error.code == 413:
        return problem(TooLarge(f"A body may have {MAX_BODY_BYTES} bytes at most."))
    name = HTTPStatus(error.code or 500).phrase.capitalize()
    refusal = AppError(f"{name}.", code=re.sub(r"[^a-z]+", "_", name.lower()))
    refusal.status, refusal.title = error.code or 500, name
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        refusal.detail, refusal.headers = f"What is here takes {allowed}.", {"Allow": allowed}
    return problem(refusal)


def _database_away(error: Exception) -> Response:
    if isinstance(error, PrimaryAway) or (isinstance(error, DBAPIError) and is_away(error)):
        # A replica may answer (without_primary.py).
        request.environ[PRIMARY_AWAY] = True
    _log.warning("the database could not be used: %s", error.args[0] if error.args else error)
    return problem(Busy("The service cannot reach its data at the moment. Try again shortly.", retry_after=2))


def _conflict(error: IntegrityError) -> Response:
    # PostgreSQL names the values in the lines after the first.
    _log.warning("a constraint refused a change: %s", str(error.orig).partition("\n")[0])
    return problem(Conflict("Somebody else changed this at the same moment. Read it again and retry."))


def _crash(error: Exception) -> Response:
    _log.exception("unexpected failure", exc_info=error)
    refusal = AppError(
        "Something went wrong on our side. Tell us the request_id if it happens again.",
        code="internal_error",
    )
    refusal.status, refusal.title = 500, "Internal server error"
    return problem(refusal)


def textual(value: str) -> str:
    """The text as JSON can have it."""
    return value.encode("utf-8", "replace").decode()

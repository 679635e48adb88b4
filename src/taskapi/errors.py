"""What can be refused, as classes named for facts; `http.py` renders each as problem+json (RFC 9457).

AppError                 a refusal we expect: it becomes an answer, never a crash report
├── BadRequest  400      the request cannot be read
├── Unauthorized 401     no token, or one that does not hold
├── Forbidden   403
├── NotFound    404      missing, or not yours: alike
├── Conflict    409
├── StaleMatch  412      If-Match names an older state
├── Invalid     422      a field is unknown or its value is not allowed
├── TooMany     429
└── Busy        503      come back in `retry_after` seconds
BadStart                 the process cannot start; printed as one line, exit code 2
"""

import re
from typing import ClassVar


class AppError(Exception):
    """A refusal we expect.

    `keep` says that what the transaction did before the refusal has to be committed all the same.
    """

    status: int = 400
    title: str = "Bad request"
    keep: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        errors: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        self.code = code or re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()


class BadRequest(AppError):
    status = 400
    title = "Bad request"


class Unauthorized(AppError):
    """No token, or one that does not hold: which of the two, and why, is not told."""

    status = 401
    title = "Unauthorized"

    def __init__(self, detail: str = "A valid access token is needed.", code: str | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"}, code=code)


class Forbidden(AppError):
    status = 403
    title = "Forbidden"


class NotFound(AppError):
    """Missing, or not the caller's to see: the two must not be told apart."""

    status = 404
    title = "Not found"

    def __init__(self) -> None:
        super().__init__("There is nothing here that you may see.")


class NotAcceptable(AppError):
    status = 406
    title = "Not acceptable"


class Conflict(AppError):
    status = 409
    title = "Conflict"


class StaleMatch(AppError):
    """If-Match names an older state; the current ETag is in the answer."""

    status = 412
    title = "Precondition failed"

    def __init__(self, etag: str) -> None:
        super().__init__(
            "It was changed since you read it. Read it again, redo your change and retry with the new ETag.",
            headers={"ETag": etag},
        )


class TooLarge(AppError):
    status = 413
    title = "Content too large"


class WrongMediaType(AppError):
    status = 415
    title = "Unsupported media type"


class Invalid(AppError):
    """The request is well-formed but a field is unknown or its value is not allowed."""

    status = 422
    title = "Unprocessable content"

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(f"{len(errors)} field(s) cannot be accepted; see `errors`.", errors=errors)

    @classmethod
    def field(cls, pointer: str, detail: str) -> "Invalid":
        return cls([{"pointer": pointer, "detail": detail}])


class TooMany(AppError):
    status = 429
    title = "Too many requests"

    def __init__(self, retry_after: int, headers: dict[str, str]) -> None:
        super().__init__(
            f"Too many tries for now. Wait {retry_after} seconds and try again.",
            headers={"Retry-After": str(retry_after), **headers},
        )


class Busy(AppError):
    """The service cannot do this now; the same request may succeed in `retry_after` seconds."""

    status = 503
    title = "Service unavailable"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class OutcomeUnknown(Busy):
    """The commit was sent and nobody can say whether it was carried out: neither a success nor a failure."""

    def __init__(self) -> None:
        super().__init__(
            "Contact with the database was lost during the commit, so it is not known whether this was done. "
            "Send it again with the same Idempotency-Key, or ask GET /api/v1/operations?key=… first."
        )


class BadStart(Exception):
    """The process cannot start; the message names the setting or thing at fault and the mend."""

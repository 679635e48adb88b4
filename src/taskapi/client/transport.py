"""Requests sent so that each is carried out once, and answers with their entity tags; refusals raise.

A write carries an Idempotency-Key, made here unless one is given, so that it may be sent again when its
answer was lost. What is read is never older than what was seen before: the Consistency-Token goes along.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any, Final, Generic, Literal, Self, TypeAlias, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx

# How often a request is sent at most, and the longest wait between two tries in seconds.
TRIES = 4
LONGEST_WAIT = 20.0
# What passes, where the answer says how long to wait: the service is busy, or a proxy before it found nobody.
_PASSING = frozenset({409, 429, 502, 503, 504})

T = TypeVar("T")


class _Unset(Enum):
    UNSET = "unset"


# What is not sent at all; None is sent as null.
Unset: TypeAlias = Literal[_Unset.UNSET]
UNSET: Final = _Unset.UNSET


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What was answered; `etag` is the state it shows, for `if_match` and `if_none_match`."""

    status: int
    data: T
    headers: Mapping[str, str]

    @property
    def etag(self) -> str | None:
        return self.headers.get("etag")

    @property
    def location(self) -> str | None:
        """Where what was made is."""
        return self.headers.get("location")


class NotModified(Exception):
    """What the caller has, by `if_none_match`, is current."""


class Unreachable(Exception):
    """No answer came, however often it was tried; a write may or may not have been carried out.

    `idempotency_key` asks `get_operation` about it.
    """

    def __init__(self, reason: str, idempotency_key: str | None) -> None:
        super().__init__(reason)
        self.idempotency_key = idempotency_key


class ProblemError(Exception):
    """A refusal (RFC 9457): decide by `code`; `errors` name what is wrong with the request."""

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.status = status
        self.code = str(body.get("code", "unknown"))
        self.title = str(body.get("title", f"HTTP {status}"))
        self.detail = str(body.get("detail", self.title))
        self.errors: list[dict[str, str]] = list(body.get("errors") or [])
        self.request_id = body.get("request_id")
        self.headers = headers
        super().__init__(self.detail)


@dataclass(frozen=True)
class Request:
    """A request as the generated methods make it; what is None in query and headers is not sent."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    # None for no body at all.
    body: Mapping[str, Any] | None = None
    # A file in its place.
    file: bytes | None = None
    # Whether an Idempotency-Key is minded, so that a write may be sent again.
    is_keyed: bool = False


class Transport:
    """A connection to one service; `token` is an access token or a personal one."""

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        timeout: float = 30.0,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.token = token
        self._base_url = base_url.rstrip("/")
        self._http = http or httpx.Client(timeout=timeout)
        self._sleep = sleep
        self._seen: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def send(self, request: Request) -> Answer[Any]:
        """The answer to a request. Raises ProblemError, NotModified and Unreachable."""
        headers = self._headers(request)
        may_repeat = request.is_keyed or request.method == "GET"
        answer = self._sent(request, headers, TRIES if may_repeat else 1)
        self._seen = answer.headers.get("Consistency-Token", self._seen)
        if answer.status_code == 304:
            raise NotModified
        if answer.status_code >= 400:
            raise ProblemError(answer.status_code, _problem(answer), answer.headers)
        data = answer.json() if answer.content else None
        return Answer(answer.status_code, data, answer.headers)

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {name: value for name, value in request.headers.items() if value is not None}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if self._seen is not None and self.token is not None:
            headers.setdefault("Consistency-Token", self._seen)
        if request.is_keyed:
            headers.setdefault("Idempotency-Key", str(uuid4()))
        return headers

    def _sent(self, request: Request, headers: Mapping[str, str], tries: int) -> httpx.Response:
        """The last answer of so many tries; another one follows where waiting is said to help."""
        for attempt in range(1, tries + 1):
            wait = float(2 ** (attempt - 1)) / 4
            try:
                answer = self._http.request(
                    request.method,
                    self._base_url + request.path,
                    params={
                        name: _as_text(value) for name, value in request.query.items() if value is not None
                    },
                    headers=dict(headers),
                    json=request.body,
                    content=request.file,
                )
            except httpx.TransportError as error:
                if attempt == tries:
                    raise Unreachable(str(error), headers.get("Idempotency-Key")) from error
            else:
                told = answer.headers.get("Retry-After", "")
                wait = float(told) if told.isdigit() else wait
                is_final = answer.status_code not in _PASSING or not told
                if is_final or attempt == tries or wait > LONGEST_WAIT:
                    return answer
            self._sleep(wait)
        raise AssertionError("a try either returns or is followed by another")


def path_of(template: str, **parts: str) -> str:
    """A path with its variable parts put in, whatever characters they have."""
    return template.format(**{name: quote(part, safe="") for name, part in parts.items()})


def sent(**members: Any) -> dict[str, Any]:
    """The members of a body that are set; a name that is a word of Python's own ends with `_`."""
    return {name.rstrip("_"): value for name, value in members.items() if value is not UNSET}


def _as_text(value: Any) -> Any:
    """A parameter as it is written in a query."""
    return str(value).lower() if isinstance(value, bool) else value


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    """The problem told; whatever stands in front of the service may answer something else."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}

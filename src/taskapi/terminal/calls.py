"""Calls to a server: what it answers, or a trouble that says what happened and what to do."""

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from taskapi import __version__
from taskapi.terminal.connection import Connection
from taskapi.terminal.troubles import REFUSED, SETUP, UNREACHABLE, Trouble

# Before the second and the third try. A write has its key: tried again, it is not done again.
_PAUSES = (0.2, 1.0)
_SECONDS = 15.0
# The server, or a proxy before it, is there and cannot do it now.
_PASSING = {502, 503, 504}

Query = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Answer:
    """What a call was answered: the value of its JSON, and the tag of what it showed."""

    json: Any
    etag: str


class Calls:
    """One connection to a server, for as long as a command lasts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        headers = {
            "Authorization": f"Bearer {connection.token}",
            "User-Agent": f"taskapi-terminal/{__version__}",
        }
        self._client = httpx.Client(base_url=connection.url, headers=headers, timeout=_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def read(self, path: str, query: Query | None = None) -> Answer:
        return self._answer(self._client.build_request("GET", f"/api/v1{path}", params=query))

    def write(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Query | None = None,
        if_match: str | None = None,
    ) -> Answer:
        """A write under a key of its own, by which a lost answer can be asked for again."""
        headers = {"Idempotency-Key": str(uuid.uuid4())} | ({"If-Match": if_match} if if_match else {})
        return self._answer(
            self._client.build_request(method, f"/api/v1{path}", params=query, json=body, headers=headers)
        )

    def pages(self, path: str, query: Query) -> Iterator[dict[str, Any]]:
        """Each page of a list, to its end."""
        cursor: dict[str, str] = {}
        while True:
            page = self.read(path, {**query, **cursor}).json
            yield page
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    def version(self) -> str:
        """The release of the server."""
        health = self._answer(self._client.build_request("GET", "/health")).json
        return str(health.get("version", ""))

    def _answer(self, request: httpx.Request) -> Answer:
        answer = self._sent(request)
        try:
            value = answer.json() if answer.content else None
        except ValueError:
            value = None
        if answer.status_code >= 400 and isinstance(value, dict) and "code" in value:
            raise self._refusal(answer, value)
        if not 200 <= answer.status_code < 300 or (answer.content and not isinstance(value, dict)):
            raise Trouble(
                UNREACHABLE if answer.status_code in _PASSING else SETUP,
                "not_taskapi",
                f"{self._connection.url} does not answer as taskapi does (status {answer.status_code}); "
                "is the address right? `taskapi task login` sets another",
            )
        return Answer(value, answer.headers.get("ETag", ""))

    def _sent(self, request: httpx.Request) -> httpx.Response:
        """The answer; asked for again while what keeps it from being one may pass."""
        for pause in (*_PAUSES, 0.0):
            try:
                answer = self._client.send(request)
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
                trouble = Trouble(
                    UNREACHABLE,
                    "unreachable",
                    f"{self._connection.url} does not answer ({reason}); is it running?",
                )
            else:
                is_under_way = answer.status_code == 409 and "Retry-After" in answer.headers
                if not pause or not (answer.status_code in _PASSING or is_under_way):
                    return answer
            time.sleep(pause)
        raise trouble

    def _refusal(self, answer: httpx.Response, problem: dict[str, Any]) -> Trouble:
        detail, code = str(problem.get("detail", "")), str(problem["code"])
        exit_code = REFUSED
        if answer.status_code == 401:
            exit_code = SETUP
            detail = "the token does not hold (any more); make a new one and run `taskapi task login`"
        elif answer.status_code == 403:
            detail = (
                f"{detail} The token may not do this: make one with the scope it needs, and log in with it."
            )
        elif answer.status_code == 412:
            detail = "it was changed meanwhile; look at it with `taskapi task show ID` and do it again"
        elif answer.status_code == 429:
            detail = f"{detail} (Retry-After: {answer.headers.get('Retry-After', '?')} s)"
        elif answer.status_code >= 500:
            exit_code = UNREACHABLE
        elif answer.status_code in {400, 405, 422} and self._connection.version not in {"", __version__}:
            detail += f" (This client is {__version__}, the server was {self._connection.version}.)"
        return Trouble(exit_code, code, detail, problem)

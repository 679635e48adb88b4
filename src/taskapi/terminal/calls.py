"""The typed client, its refusals told as troubles that say what happened and what to do."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

import click
import httpx

from taskapi import __version__
from taskapi.client import Answer, Client, ProblemError, Unreachable
from taskapi.client.transport import Request
from taskapi.terminal.connection import Connection
from taskapi.terminal.troubles import REFUSED, SETUP, UNREACHABLE, Trouble

_SECONDS = 15.0
# A wait that is shorter nobody wonders about.
_SILENT_SECONDS = 1.5
# The server, or a proxy before it, is there and cannot do it now.
_PASSING = {502, 503, 504}


class Page(Protocol):
    """What every list answers."""

    def __getitem__(self, name: str, /) -> Any: ...


AnyPage = TypeVar("AnyPage", bound=Page)


class Server(Client):
    """A server, as one command talks to it. Every call may raise Trouble, and nothing else."""

    def __init__(self, connection: Connection) -> None:
        http = httpx.Client(timeout=_SECONDS, headers={"User-Agent": f"taskapi-terminal/{__version__}"})
        super().__init__(connection.url, connection.token, http=http, sleep=_wait)
        self._connection = connection

    def send(self, request: Request) -> Answer[Any]:
        try:
            answer = super().send(request)
        except Unreachable as error:
            detail = f"{self._connection.url} does not answer ({error}); is it running?"
            raise Trouble(UNREACHABLE, "unreachable", detail) from None
        except ProblemError as error:
            raise self._refusal(error) from None
        except ValueError:  # What was answered is no JSON.
            raise self._stranger(200) from None
        if answer.status >= 300 or (answer.status != 204 and not isinstance(answer.data, dict)):
            raise self._stranger(answer.status)
        return answer

    def _stranger(self, status: int) -> Trouble:
        return Trouble(
            UNREACHABLE if status in _PASSING else SETUP,
            "not_taskapi",
            f"{self._connection.url} does not answer as taskapi does (status {status}); "
            "is the address right? `taskapi task login` sets another",
        )

    def _refusal(self, error: ProblemError) -> Trouble:
        if error.request_id is None:
            return self._stranger(error.status)
        exit_code, detail = REFUSED, error.detail
        if error.status == 401:
            exit_code = SETUP
            detail = "the token does not hold (any more); make a new one and run `taskapi task login`"
        elif error.status == 403:
            detail += " The token may not do this: make one with the scope it needs, and log in with it."
        elif error.status == 412:
            detail = "it was changed meanwhile; look at it with `taskapi task show ID` and do it again"
        elif error.status >= 500:
            exit_code = UNREACHABLE
        elif error.status in {400, 405, 422} and self._connection.version not in {"", __version__}:
            detail += f" (This client is {__version__}, the server was {self._connection.version}.)"
        return Trouble(exit_code, error.code, detail, _problem(error))


def pages(ask: Callable[[str | None], Answer[AnyPage]]) -> Iterator[AnyPage]:
    """Each page of a list, to its end; `ask` is given the cursor of the one wanted."""
    cursor: str | None = None
    while True:
        page = ask(cursor).data
        yield page
        cursor = page["next_cursor"]
        if cursor is None:
            return


def _problem(error: ProblemError) -> Mapping[str, Any]:
    """The problem as it was told (RFC 9457)."""
    told = {"type": "about:blank", "title": error.title, "status": error.status, "detail": error.detail}
    told |= {"code": error.code, "request_id": error.request_id}
    return told | ({"errors": error.errors} if error.errors else {})


def _wait(seconds: float) -> None:
    """Wait before a call is tried again, and say so where somebody would wonder."""
    if seconds > _SILENT_SECONDS:
        click.echo(f"The server asks to wait {seconds:.0f} s …", err=True)
    time.sleep(seconds)

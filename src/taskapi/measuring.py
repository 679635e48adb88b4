"""Around everything: each request is counted, timed and logged, whoever answered it (ADR 21)."""

from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import Any

from flask import Flask

from taskapi import logs, server_timing
from taskapi.answers import Environ, Headers, StartResponse
from taskapi.connections import Work
from taskapi.metrics.requests import Requests, add
from taskapi.proxies import FAILURE, asked, environ, notes
from taskapi.server_timing import ServerTiming
from taskapi.tracing import begin, trace_of

# In the environment of a request: its Account.
ACCOUNT = "taskapi.account"
_BODY = (tuple, list)


class Account:
    """What becomes known of a request while it is answered."""

    __slots__ = (
        *("authenticating", "began", "headers", "ids", "is_hit", "read_from", "route", "start", "status"),
        "work",
    )

    def __init__(self, start: StartResponse) -> None:
        self.began = perf_counter()
        self.start = start
        self.status = "500"
        self.headers: Headers = []
        # The rule of the URL map that it came by.
        self.route = ""
        self.is_hit = False
        self.ids: Mapping[str, str] = {}
        self.read_from: str | None = None
        # Seconds until it was known who asks.
        self.authenticating = 0.0
        # What its sessions asked of the database.
        self.work: list[Work] = []

    def __call__(self, status: str, headers: Headers, *rest: Any) -> Any:
        """Begin to answer, as PEP 3333 has it."""
        self.status = status[:3]
        self.headers = headers
        return self.start(status, headers, *rest)

    def length(self, answer: Iterable[bytes]) -> int:
        """Bytes of the body, 0 where it cannot be told before it was sent."""
        if type(answer) in _BODY:
            return sum(map(len, answer))
        told = next((value for name, value in self.headers if name.lower() == "content-length"), "0")
        return int(told) if told.isdecimal() else 0


class Measuring:
    """Counts, times and logs the requests of a process."""

    def __init__(self, requests: Requests, logs_hits: bool) -> None:
        self._requests = requests
        self._logs_hits = logs_hits

    def around(
        self, environ: Environ, start: StartResponse, app: Callable[[StartResponse], Iterable[bytes]]
    ) -> Iterable[bytes]:
        """The answer of an application, counted, timed and logged."""
        account = environ[ACCOUNT] = Account(start)
        requests, method = self._requests, environ["REQUEST_METHOD"]
        requests.in_flight += 1
        answer: Iterable[bytes] = ()
        try:
            answer = app(account)
        finally:
            requests.in_flight -= 1
            seconds = perf_counter() - account.began
            length = account.length(answer)
            add(requests.row(method, account.route, account.status), seconds, length)
            if self._logs_hits or not account.is_hit:
                _tell(account, method, seconds, length)
        return answer


def _tell(account: Account, method: str, seconds: float, length: int) -> None:
    """Log a request: by its route, never its address, and with nothing that was sent."""
    route = account.route or "no route"
    fields: dict[str, Any] = {
        "http.request.method": method,
        "http.response.status_code": int(account.status),
        "http.response.body.bytes": length,
        "event.duration": int(seconds * 1e9),
        "taskapi.route": route,
        **account.ids,
    }
    if account.read_from:
        # Which database answered, where there are replicas.
        fields["taskapi.read_from"] = account.read_from
    if account.is_hit:
        fields["taskapi.cache"] = "hit"
    logs.tell_request(fields, f"{method} {route} {account.status} {seconds * 1000:.1f} ms")


def timing_of(account: Account) -> str:
    """What is known of where a request's time went, as Server-Timing has it."""
    seconds = {
        "app": perf_counter() - account.began,
        "auth": account.authenticating,
        "db": sum(work.seconds for work in account.work),
    }
    return server_timing.header_of(seconds, sum(work.statements for work in account.work))


def register(app: Flask, timing: ServerTiming) -> None:
    """Have the application say what it knows of each request; in the answer, to whom `timing` is for."""

    @app.before_request
    def name() -> None:
        request = asked()
        account: Account = request.environ[ACCOUNT]
        account.route = request.url_rule.rule if request.url_rule is not None else ""
        if FAILURE not in request.environ:  # It has its trace already.
            trace(account)

    @app.after_request
    def tell(answer: Any) -> Any:
        request = asked()
        account: Account = request.environ[ACCOUNT]
        actor = notes().get("actor")
        if actor is not None:
            account.ids = {**account.ids, "user.id": actor.user_id}
            if timing.is_for(actor.user_id):
                answer.headers[server_timing.HEADER] = timing_of(account)
        return answer


def trace(account: Account) -> None:
    """Note which trace the request belongs to, by which its lines are found from here on."""
    here = notes()
    found = here.trace = trace_of(environ().get("HTTP_TRACEPARENT"), here.request_id)
    account.ids = found.ids(here.request_id)
    begin(account.ids)


def account_of(environ: Environ) -> Account:
    """What is known of a request."""
    found: Account = environ[ACCOUNT]
    return found

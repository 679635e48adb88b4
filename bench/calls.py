"""What a request costs without a network, beside a bare Flask route that returns the same bytes, in one run.

    python -m bench calls --rounds 9

Calls go through the whole application in this process, without a network, so that the figures are the
code's own. Each round times every path once, in turn; a path's figure is the median of its rounds, and the
ratio is taken against the bare route of the same round, because machines drift.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import cycle
from typing import Any

import orjson
from flask import Flask, Response

from bench.people import settle
from taskapi import create_app
from taskapi.settings import load_settings

CALLS = 300
Call = Callable[[], None]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        "python -m bench calls", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--database", help="DATABASE_URL of an empty PostgreSQL database; else SQLite")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as home:
        database = {"DATABASE_URL": chosen.database} if chosen.database else {}
        settings = load_settings(TASKAPI_HOME=home, TASKAPI_LIMITS="off", **database)
        (person,) = settle(settings, people=1, each=1000)
        app, without_memory = (create_app(settings.model_copy(update={"cache_mb": mb})) for mb in (64, 0))
        paths = dict(_paths(app, without_memory, person.token))
        rounds = [{name: _rate(call) for name, call in paths.items()} for _ in range(chosen.rounds)]
    _report(rounds, "PostgreSQL" if chosen.database else "SQLite")


def _paths(app: Flask, without_memory: Flask, token: str) -> Iterator[tuple[str, Call]]:
    page = "/api/v1/tasks?limit=20"
    answer = app.test_client().get(page, headers={"Authorization": f"Bearer {token}"})
    task = f"/api/v1/tasks/{answer.get_json()['items'][0]['id']}"
    yield "bare Flask, the list's bytes", _call(_bare(answer.data), "GET", "/", token)
    yield "list of 20, from memory", _call(app, "GET", page, token)
    yield "list of 20", _call(without_memory, "GET", page, token)
    yield "one task", _call(without_memory, "GET", task, token)
    yield "me", _call(without_memory, "GET", "/api/v1/me", token)
    yield "create", _call(app, "POST", "/api/v1/tasks", token, {"title": "Pay rent", "labels": ["home"]})
    yield "change", _changing(app, task, token)


def _changing(app: Flask, path: str, token: str) -> Call:
    """Two changes in turn, so that each is one."""
    both = cycle([_call(app, "PATCH", path, token, {"title": title}) for title in ("Pay rent", "Paid rent")])

    def call() -> None:
        next(both)()

    return call


def _bare(raw: bytes) -> Flask:
    app = Flask("bare")

    @app.get("/")
    def same() -> Response:
        return Response(raw, mimetype="application/json")

    return app


def _call(app: Flask, method: str, url: str, token: str, body: dict[str, Any] | None = None) -> Call:
    """One request as a WSGI server makes it; fails for an answer that is not 2xx."""
    path, _, query = url.partition("?")
    raw = orjson.dumps(body) if body is not None else b""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(raw)),
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
    }

    def start(status: str, _headers: list[tuple[str, str]], _error: object = None) -> Callable[..., None]:
        if not status.startswith("2"):
            raise RuntimeError(f"{method} {url} answered {status}")
        return lambda _data: None

    def call() -> None:
        for _ in app(environ | {"wsgi.input": BytesIO(raw)}, start):
            pass

    return call


def _rate(call: Call) -> float:
    """Calls per second of one round."""
    began = time.perf_counter()
    for _ in range(CALLS):
        call()
    return CALLS / (time.perf_counter() - began)


def _report(rounds: list[dict[str, float]], engine: str) -> None:
    bare = next(iter(rounds[0]))
    print(
        f"{engine}, one thread, {len(rounds)} rounds of {CALLS} calls: median (least to most), ratio to bare"
    )
    for name in rounds[0]:
        rates = sorted(one[name] for one in rounds)
        ratio = statistics.median(one[name] / one[bare] for one in rounds)
        print(
            f"  {name:30} {statistics.median(rates):8.0f}/s  ({rates[0]:.0f} to {rates[-1]:.0f})  {ratio:.2f}"
        )

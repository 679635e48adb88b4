"""What a request costs, beside a bare Flask route that returns the same bytes, in one run.

    make bench            or   python -m bench --rounds 9

Calls go through the whole application in this process, without a network, so that the figures are the
code's own. Each round times every path once, in turn; a path's figure is the median of its rounds, and the
ratio is taken against the bare route of the same round, because machines drift.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response

from taskapi import create_app, schema
from taskapi.accounts import service as accounts
from taskapi.accounts.schemas import NewAccount
from taskapi.actors import Client
from taskapi.db import new_id
from taskapi.parts import Parts
from taskapi.sessions.service import open_session
from taskapi.settings import load_settings

CALLS = 300
Call = Callable[[], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--database", help="DATABASE_URL of an empty PostgreSQL database; else SQLite")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        app = _application(Path(home), chosen.database)
        token, task_id = _somebody(app)
        paths = dict(_paths(app, token, task_id))
        rounds = [{name: _rate(call) for name, call in paths.items()} for _ in range(chosen.rounds)]
    _report(rounds, "PostgreSQL" if chosen.database else "SQLite")


def _application(home: Path, database: str | None) -> Flask:
    given: dict[str, Any] = {"TASKAPI_HOME": home, "TASKAPI_LIMITS": "off"}
    settings = load_settings(**given | ({"DATABASE_URL": database} if database else {}))
    app = create_app(settings)
    schema.migrate(app.extensions["taskapi"].database)
    return app


def _somebody(app: Flask) -> tuple[str, str]:
    """The access token of somebody with 1,000 tasks, and the id of one of them."""
    parts: Parts = app.extensions["taskapi"]
    with parts.database.writer() as session:
        wanted = NewAccount(email=f"{new_id()}@example.test", password="not used to log in")  # noqa: S106
        user_id = accounts.create(session, wanted, "", "user", verified=True)
        assert user_id is not None  # noqa: S101 - the address is new
        client = Client("127.0.0.1", "bench", "bench")
        token = open_session(parts, session, client, user_id, 0, "api", new_id()).access_token
    create = _call(app, "POST", "/api/v1/tasks", token, {"title": "Pay rent", "labels": ["home"]})
    for _ in range(999):
        create()
    answer = app.test_client().post(
        "/api/v1/tasks", json={"title": "One of many"}, headers={"Authorization": f"Bearer {token}"}
    )
    return token, answer.get_json()["id"]


def _paths(app: Flask, token: str, task_id: str) -> Iterator[tuple[str, Call]]:
    page = "/api/v1/tasks?limit=20"
    raw = app.test_client().get(page, headers={"Authorization": f"Bearer {token}"}).data
    yield "bare Flask, the list's bytes", _call(_bare(raw), "GET", "/", token)
    yield "list of 20", _call(app, "GET", page, token)
    yield "one task", _call(app, "GET", f"/api/v1/tasks/{task_id}", token)
    yield "me", _call(app, "GET", "/api/v1/me", token)
    yield "create", _call(app, "POST", "/api/v1/tasks", token, {"title": "Pay rent", "labels": ["home"]})
    yield "change", _changing(app, f"/api/v1/tasks/{task_id}", token)


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


if __name__ == "__main__":
    main()

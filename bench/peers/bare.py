"""The least that could answer: Flask routes that return the very bytes, by the server that taskapi has.

python -m bench.peers.bare PORT FOLDER       bytes are the folder's files list, task and created
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask, Response

from taskapi.binding import Binding, Bound
from taskapi.server import http_server
from taskapi.settings import load_settings


def bare_app(folder: Path) -> Flask:
    app = Flask("bare")
    listed, task, created = (folder.joinpath(name).read_bytes() for name in ("list", "task", "created"))

    @app.get("/list")
    def get_list() -> Response:
        return Response(listed, mimetype="application/json")

    @app.get("/task")
    def get_task() -> Response:
        return Response(task, mimetype="application/json")

    @app.get("/unchanged")
    def get_unchanged() -> Response:
        return Response(status=304, headers={"ETag": '"always"'})

    @app.post("/created")
    def create() -> Response:
        return Response(created, 201, mimetype="application/json")

    return bound(app)


def bound(app: Flask) -> Flask:
    """The application with its threads on one processor, as ours are (ADR 25)."""
    binding, inner = Binding(), app.wsgi_app
    binding.want()
    threads = Bound(binding)

    def answer(environ: Any, start: Any) -> Any:
        _ = threads.is_bound
        return inner(environ, start)

    app.wsgi_app = answer  # type: ignore[assignment,method-assign]
    return app


def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    server = http_server(load_settings(TASKAPI_HOME=folder), "127.0.0.1", port)
    server.serve(target_loader=partial(bare_app, folder), wrap_loader=False)


if __name__ == "__main__":
    main()

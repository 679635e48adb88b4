"""The least that could answer from a database: bare Flask routes, each with one statement of psycopg.

python -m bench.peers.by_hand PORT DATABASE_URL FOLDER     by the server taskapi has, over taskapi's tables

Whoever asks is looked up in a dictionary: the folder's file `people` has a line for each, a token, a tab and
the id. Nothing is checked, and no epoch, history or key is kept.
"""

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response, request
from psycopg_pool import ConnectionPool

from bench.peers.bare import bound
from taskapi.ids import new_id
from taskapi.server import http_server
from taskapi.settings import load_settings

_PRIORITIES = ("none", "low", "medium", "high", "urgent")
_COLUMNS = (
    "id, title, description, status, priority, due_at, due_on, remind_at, labels, project_id, position,"
    " completed_at, trashed_at, created_at, updated_at, version"
)
_LIST = (
    f"SELECT {_COLUMNS} FROM tasks WHERE scope_id = %s AND trashed_at IS NULL"  # noqa: S608 - names of ours
    " ORDER BY created_at DESC, id DESC LIMIT %s"
)
_ONE = f"SELECT {_COLUMNS} FROM tasks WHERE scope_id = %s AND id = %s"  # noqa: S608 - as above
_NEW = f"""INSERT INTO tasks (scope_id, id, title, description, status, priority, labels, position,
    created_at, updated_at, created_by, version, epoch, title_key, label_keys, search_text)
    VALUES (%(user)s, %(id)s, %(title)s, '', 'todo', %(priority)s, %(labels)s, 'V',
    %(now)s, %(now)s, %(user)s, 1, 0, %(title)s, '', '') RETURNING {_COLUMNS}"""  # noqa: S608 - as above


def by_hand(url: str, folder: Path) -> Flask:
    app = Flask("by_hand")
    pool = ConnectionPool(url, min_size=4, max_size=14, kwargs={"autocommit": True}, open=True)
    people = dict(line.split("\t") for line in folder.joinpath("people").read_text().splitlines())

    def asks() -> str:
        return people[request.headers["Authorization"][len("Bearer ") :]]

    @app.get("/api/v1/tasks")
    def get_list() -> Response:
        limit = int(request.args.get("limit", "20"))
        with pool.connection() as connection:
            rows = connection.execute(_LIST.encode(), (asks(), limit + 1)).fetchall()
        items = [_shown(row) for row in rows[:limit]]
        cursor = str(items[-1]["id"]) if len(rows) > limit else None
        return _reply({"items": items, "next_cursor": cursor})

    @app.get("/api/v1/tasks/<task_id>")
    def get_task(task_id: str) -> Response:
        with pool.connection() as connection:
            row = connection.execute(_ONE.encode(), (asks(), task_id)).fetchone()
        return Response(status=404) if row is None else _reply(_shown(row))

    @app.post("/api/v1/tasks")
    def create() -> Response:
        given, moment = request.get_json(), round(datetime.now(UTC).timestamp() * 1000)
        row = {
            "user": asks(),
            "id": new_id(),
            "title": given["title"],
            "priority": _PRIORITIES.index(given["priority"]),
            "labels": orjson.dumps(given["labels"]).decode(),
            "now": moment,
        }
        with pool.connection() as connection:
            made = connection.execute(_NEW.encode(), row).fetchone()
        return _reply(_shown(made), 201)

    return bound(app)


def _reply(data: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(data), status, mimetype="application/json")


def _shown(row: Any) -> dict[str, Any]:
    return {
        "id": str(row[0]),
        "title": row[1],
        "description": row[2],
        "status": row[3],
        "priority": _PRIORITIES[row[4]],
        "due_at": _instant(row[5]),
        "due_on": row[6],
        "remind_at": _instant(row[7]),
        "labels": orjson.Fragment(row[8]),
        "project_id": row[9] and str(row[9]),
        "position": row[10],
        "completed_at": _instant(row[11]),
        "trashed_at": _instant(row[12]),
        "created_at": _instant(row[13]),
        "updated_at": _instant(row[14]),
        "version": row[15],
    }


def _instant(moment: int | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment / 1000, UTC).isoformat()


def main() -> None:
    port, url, folder = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    server = http_server(load_settings(TASKAPI_HOME=folder), "127.0.0.1", port)
    server.serve(target_loader=partial(by_hand, url, folder), wrap_loader=False)


if __name__ == "__main__":
    main()

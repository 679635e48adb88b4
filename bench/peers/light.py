"""Litestar with asyncpg and granian, as their documentations teach it, over the tables of `tables.py`.

One pool of connections, statements by hand, msgspec structs as answers, Litestar's own JWT:

    PEER_DATABASE=postgresql://… PEER_SECRET=… granian --interface asgi bench.peers.light:app
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
from litestar import Litestar, Request, get, patch, post
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.exceptions import NotFoundException
from litestar.security.jwt import JWTAuth, Token
from msgspec import Struct, field


class Task(Struct):
    id: UUID
    title: str
    description: str
    status: str
    priority: str
    due_at: datetime | None
    due_on: str | None
    remind_at: datetime | None
    labels: list[str]
    project_id: UUID | None
    position: str
    completed_at: datetime | None
    trashed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class Page(Struct):
    items: list[Task]
    next_cursor: str | None


class NewTask(Struct):
    title: str
    description: str = ""
    status: str = "todo"
    priority: str = "none"
    labels: list[str] = field(default_factory=list)


class Rename(Struct):
    title: str


class User(Struct):
    id: UUID
    email: str
    name: str
    role: str
    timezone: str
    language: str


_COLUMNS = ", ".join(Task.__struct_fields__)
_ONE = f"SELECT {_COLUMNS} FROM peers.tasks WHERE user_id = $1 AND id = $2"  # noqa: S608 - names of ours
_NEW = f"""INSERT INTO peers.tasks (id, user_id, title, description, status, priority, labels, position,
    created_at, updated_at, version)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 'V', $8, $8, 1) RETURNING {_COLUMNS}"""  # noqa: S608 - as above
_RENAME = f"""UPDATE peers.tasks SET title = $3, updated_at = $4, version = version + 1
    WHERE user_id = $1 AND id = $2 RETURNING {_COLUMNS}"""  # noqa: S608 - as above
_COUNTS = "SELECT status, count(*) FROM peers.tasks WHERE user_id = $1 AND trashed_at IS NULL GROUP BY status"
_USER = "SELECT id, email, name, role, timezone, language FROM peers.users WHERE id = $1"


def _listed(filtered: bool) -> str:
    """The statement of a page, with a status or without one."""
    status = " AND status = $3" if filtered else ""
    return (
        f"SELECT {_COLUMNS} FROM peers.tasks WHERE user_id = $1 AND trashed_at IS NULL{status}"  # noqa: S608
        " ORDER BY created_at DESC, id DESC LIMIT $2"
    )


_LIST, _LIST_OF_STATUS = _listed(filtered=False), _listed(filtered=True)


async def _json(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads, schema="pg_catalog"
    )


@asynccontextmanager
async def pooled(app: Litestar) -> AsyncIterator[None]:
    url = os.environ["PEER_DATABASE"]
    async with asyncpg.create_pool(url, min_size=4, max_size=14, init=_json) as pool:
        app.state.pool = pool
        yield


async def _identity(token: Token, _connection: ASGIConnection[Any, Any, Any, Any]) -> UUID:
    return UUID(token.sub)


auth = JWTAuth[UUID](
    retrieve_user_handler=_identity, token_secret=os.environ["PEER_SECRET"], exclude=["/schema"]
)


def _task(row: Any) -> Task:
    if row is None:
        raise NotFoundException
    return Task(**row)


@get("/api/v1/tasks")
async def list_tasks(
    request: Request[UUID, Token, State], state: State, limit: int = 20, status: str | None = None
) -> Page:
    if status is None:
        rows = await state.pool.fetch(_LIST, request.user, limit + 1)
    else:
        rows = await state.pool.fetch(_LIST_OF_STATUS, request.user, limit + 1, status)
    items = [Task(**row) for row in rows[:limit]]
    return Page(items, str(items[-1].id) if len(rows) > limit else None)


@get("/api/v1/tasks/{task_id:uuid}")
async def get_task(request: Request[UUID, Token, State], state: State, task_id: UUID) -> Task:
    return _task(await state.pool.fetchrow(_ONE, request.user, task_id))


@post("/api/v1/tasks")
async def create_task(request: Request[UUID, Token, State], state: State, data: NewTask) -> Task:
    values = (data.title, data.description, data.status, data.priority, data.labels, datetime.now(UTC))
    return _task(await state.pool.fetchrow(_NEW, uuid4(), request.user, *values))


@patch("/api/v1/tasks/{task_id:uuid}")
async def update_task(
    request: Request[UUID, Token, State], state: State, task_id: UUID, data: Rename
) -> Task:
    return _task(await state.pool.fetchrow(_RENAME, request.user, task_id, data.title, datetime.now(UTC)))


@get("/api/v1/stats")
async def get_stats(request: Request[UUID, Token, State], state: State) -> dict[str, int]:
    counts = dict(await state.pool.fetch(_COUNTS, request.user))
    return {name: counts.get(name, 0) for name in ("todo", "in_progress", "done")}


@get("/api/v1/me")
async def get_me(request: Request[UUID, Token, State], state: State) -> User:
    return User(**await state.pool.fetchrow(_USER, request.user))


app = Litestar(
    [list_tasks, get_task, create_task, update_task, get_stats, get_me],
    lifespan=[pooled],
    on_app_init=[auth.on_app_init],
    openapi_config=None,
)

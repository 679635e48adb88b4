"""The whole service on this machine, as it is deployed: PostgreSQL, Redis, taskapi, nginx; and the references
beside it, over the same tasks of the same people.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench import servers
from bench.crowd import SECRET, Crowd, settled
from bench.names import (
    AFTER,
    BEFORE,
    BY_HAND,
    FAST,
    FAST_FRONT,
    FAST_TWO,
    FAST_TWO_FRONT,
    LIGHT,
    LIGHT_FRONT,
    LIGHT_TWO,
    LIGHT_TWO_FRONT,
)
from bench.peers import tables
from taskapi.keys import new_secret_key, new_signing_key
from taskapi.settings import load_settings
from tests.chaos.instances import redis_server
from tests.deploy.fronts import nginx, quiet_port
from tests.servers import free_port

PAGE = "/api/v1/tasks?limit=20"
_GUNICORN = ("-m", "gunicorn", "-w", "4", "-b", "127.0.0.1:{port}")
_FASTAPI = (
    *("-m", "uvicorn", "bench.peers.fast:app", "--port", "{port}"),
    *("--log-level", "warning", "--no-access-log"),
)
_LITESTAR = ("-m", "granian", "--interface", "asgi", "--port", "{port}", "--no-log", "bench.peers.light:app")
_THROUGH_FRONT = {
    FAST_FRONT: FAST,
    FAST_TWO_FRONT: FAST_TWO,
    LIGHT_FRONT: LIGHT,
    LIGHT_TWO_FRONT: LIGHT_TWO,
}
_MANY = "60000"


@dataclass(frozen=True)
class House:
    """Where everything listens; `folder` has room for files."""

    folder: Path
    crowd: Crowd
    # taskapi itself, the same through nginx, and where its metrics are told.
    taskapi: str
    front: str
    metrics: str
    # The bytes of a list: by bare Flask, as a file by nginx, and that through the same nginx as ours.
    bare: str
    file: str
    file_through_front: str
    database: str
    # References that ask a database, by name, and those that are measured through nginx too.
    peers: dict[str, str]
    peers_through_front: dict[str, str]


@contextmanager
def running(folder: Path, workers: int = 1, peers: bool = True) -> Iterator[House]:
    """All of it, until left, the references only where they are wanted."""
    keys = {"TASKAPI_SIGNING_KEY": new_signing_key(), "TASKAPI_SECRET_KEY": new_secret_key()}
    with ExitStack() as opened:
        database = opened.enter_context(servers.postgresql())
        redis = opened.enter_context(redis_server())
        home = folder / "home"
        home.mkdir()
        settings = {"TASKAPI_HOME": str(home), "DATABASE_URL": database, "REDIS_URL": redis.url, **keys}
        crowd = opened.enter_context(settled(load_settings(**settings)))
        if peers:
            tables.fill(database)
        metrics = free_port()
        ours = opened.enter_context(
            servers.taskapi(
                home,
                database,
                REDIS_URL=redis.url,
                TASKAPI_WORKERS=str(workers),
                TASKAPI_METRICS_PORT=str(metrics),
                TASKAPI_TRUSTED_HOPS="1",
                **keys,
            )
        )
        _keep_files(folder, ours, crowd)
        bare = opened.enter_context(servers.bare(folder))
        file = opened.enter_context(_file_server(folder))
        others = _peers(opened, folder, database, redis.url) if peers else {}
        yield House(
            folder=folder,
            crowd=crowd,
            taskapi=ours,
            front=opened.enter_context(_front(ours)),
            metrics=f"http://127.0.0.1:{metrics}/metrics",
            bare=bare,
            file=file,
            file_through_front=opened.enter_context(_front(file)),
            database=database,
            peers=others,
            peers_through_front={
                through: opened.enter_context(_front(others[name]))
                for through, name in _THROUGH_FRONT.items()
                if name in others
            },
        )


def _keep_files(folder: Path, ours: str, crowd: Crowd) -> None:
    """The bytes that are answered by those who ask no database, and who is who."""
    tokens = crowd.tokens()
    page = httpx.get(
        ours + PAGE, headers={"Authorization": f"Bearer {tokens[0]}", "Accept-Encoding": "identity"}
    )
    page.raise_for_status()
    for name in ("list", "task", "created"):
        folder.joinpath(name).write_bytes(page.content)
    people = zip(crowd.peers_tokens, crowd.members, strict=True)
    folder.joinpath("people").write_text("".join(f"{token}\t{one.id}\n" for token, one in people))


def _peers(opened: ExitStack, folder: Path, database: str, redis: str) -> dict[str, str]:
    asyncio = database.replace("postgresql:", "postgresql+asyncpg:")
    sketched = database.replace("postgresql:", "postgresql+psycopg:")
    commands = {
        BEFORE: (*_GUNICORN, f"bench.peers.before:create_app({sketched!r}, {SECRET!r})"),
        AFTER: (
            *_GUNICORN,
            f"bench.peers.after:create_app({sketched!r}, {redis!r}, {SECRET!r})",
        ),
        BY_HAND: ("-m", "bench.peers.by_hand", "{port}", database, str(folder)),
        FAST: _FASTAPI,
        FAST_TWO: (*_FASTAPI, "--workers", "2"),
        LIGHT: _LITESTAR,
        LIGHT_TWO: (*_LITESTAR, "--workers", "2"),
    }
    with_sqlalchemy = {"PEER_DATABASE": asyncio, "PEER_SECRET": SECRET}
    with_asyncpg = {"PEER_DATABASE": database, "PEER_SECRET": SECRET}
    given = dict.fromkeys((FAST, FAST_TWO), with_sqlalchemy) | dict.fromkeys((LIGHT, LIGHT_TWO), with_asyncpg)
    return {
        name: opened.enter_context(servers.started(command, folder, given.get(name, {})))
        for name, command in commands.items()
    }


@contextmanager
def _front(url: str) -> Iterator[str]:
    """Our nginx before a server, with limits that nobody reaches; its URL."""
    limits = dict.fromkeys(("RATE", "BURST", "AUTH_RATE", "AUTH_BURST", "CONNECTIONS"), _MANY)
    with nginx(servers.nginx_program(), [int(url.rpartition(":")[2])], **limits) as started:
        yield started.url


@contextmanager
def _file_server(folder: Path) -> Iterator[str]:
    """An nginx that answers everything with the bytes of a list, as a file; its URL."""
    port = quiet_port()
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o755 if path.is_dir() else 0o644)
    configuration = folder / "file.conf"
    configuration.write_text(
        f"""user root;
        daemon off;
        pid {folder}/file.pid;
        error_log {folder}/file.log;
        events {{ worker_connections 8192; }}
        http {{
            access_log off;
            sendfile on;
            keepalive_requests 1000000;
            server {{
                listen 127.0.0.1:{port};
                default_type application/json;
                location / {{ root {folder}; try_files /list =404; }}
            }}
        }}
        """
    )
    process = subprocess.Popen([str(servers.nginx_program()), "-p", str(folder), "-c", str(configuration)])
    try:
        servers.wait_until_it_answers(process, port, folder / "file.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)

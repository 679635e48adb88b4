"""How the service is: alive, ready, healthy. Only `/livez` is for restarting; it touches nothing."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from flask import request
from pydantic import BaseModel
from redis import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

import taskapi
from taskapi import schema
from taskapi.clock import now, rfc3339
from taskapi.draining import DRAINING
from taskapi.errors import BadStart
from taskapi.http import Endpoints, parts, public, reply
from taskapi.parts import Parts
from taskapi.redis_calls import client
from taskapi.replies import Reply

# A check that takes longer has failed: whoever asks cannot wait for a hanging database.
CHECK_SECONDS = 0.5
_WELL, _AWAY, _SILENT = "connected", "not connected", "not answering"

endpoints = Endpoints("health", __name__)
_checking = ThreadPoolExecutor(max_workers=4, thread_name_prefix="taskapi-health")


class Health(BaseModel):
    status: Literal["healthy", "degraded", "unhealthy"]
    timestamp: str
    version: str
    db: str
    redis: str | None = None
    replicas: str | None = None


class Alive(BaseModel):
    status: Literal["alive"]


class Readiness(BaseModel):
    status: Literal["ready", "not ready"]
    db: str
    redis: str | None = None
    replicas: str | None = None


class Key(BaseModel):
    """The public half of a signing key, on the curve P-256."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    kid: str
    use: Literal["sig"]
    alg: Literal["ES256"]


class KeySet(BaseModel):
    keys: list[Key]


@endpoints.get("/livez", responses={200: Alive})
@public
def livez() -> Reply:
    """Say that the process lives.

    Touches nothing else: what is not answering here has to be restarted.
    """
    return reply({"status": "alive"})


@endpoints.get("/health", responses={200: Health, 503: Health})
@public
def health() -> Reply:
    """Say how the service is."""
    checks = _checks(parts())
    if not _can_answer(parts(), checks):
        status = "unhealthy"
    else:
        status = "healthy" if set(checks.values()) == {_WELL} else "degraded"
    found = {"status": status, "timestamp": rfc3339(now()), "version": taskapi.__version__, **checks}
    return reply(found, 503 if status == "unhealthy" else 200)


@endpoints.get("/readyz", responses={200: Readiness, 503: Readiness})
@public
def readyz() -> Reply:
    """Say whether requests can be answered now.

    Not by a process that was told to end.
    """
    checks = _checks(parts())
    ready = _can_answer(parts(), checks) and DRAINING not in request.environ
    return reply({"status": "ready" if ready else "not ready", **checks}, 200 if ready else 503)


@endpoints.get("/.well-known/jwks.json", responses={200: KeySet})
@public
def jwks() -> Reply:
    """Give the keys that access tokens are verified with (RFC 7517)."""
    return reply(parts().access_tokens.jwks, headers={"Cache-Control": "public, max-age=300"})


def _checks(of: Parts) -> dict[str, str]:
    checks = {"db": _within_time(_database, of)}
    if of.settings.redis_url is not None:
        checks["redis"] = _within_time(_redis, of)
    replicas = of.database.replicas
    if replicas is not None:
        following = replicas.following
        checks["replicas"] = _WELL if following == len(replicas) else f"{following} of {len(replicas)} follow"
    return checks


def _can_answer(of: Parts, checks: dict[str, str]) -> bool:
    """Whether there is a database to answer from, be it a replica in place of the primary."""
    replicas = of.database.replicas
    is_away = checks["db"] in {_AWAY, _SILENT}
    return checks["db"] == _WELL or (is_away and replicas is not None and replicas.stand_in())


def _within_time(check: Any, of: Parts) -> str:
    checking = _checking.submit(check, of)
    try:
        return str(checking.result(timeout=CHECK_SECONDS))
    except TimeoutError:
        checking.cancel()  # Or checks would queue behind those that hang.
        return _SILENT


def _database(of: Parts) -> str:
    try:
        with of.database.reader(patient=False) as session:
            session.value(text("SELECT 1"))
        schema.require_served(of.database)
    except SQLAlchemyError:
        return _AWAY
    except BadStart:
        return "another schema than this release's"
    return _WELL


def _redis(of: Parts) -> str:
    url = of.settings.redis_url
    try:
        with client(url.get_secret_value() if url else "", CHECK_SECONDS) as redis:
            redis.ping()
    except (RedisError, OSError):
        return _AWAY
    return _WELL

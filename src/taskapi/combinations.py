"""Which settings go together: each combination that would break a promise, with its mend."""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskapi.settings import Settings


def broken_promises(settings: "Settings") -> Iterator[str]:
    """What is wrong with these settings together, each in one line that says what to do."""
    return chain(_of_one(settings), _of_many(settings))


def _of_one(settings: "Settings") -> Iterator[str]:
    if settings.is_sqlite and settings.workers > 1:
        yield (
            "TASKAPI_WORKERS: SQLite serves one process; set DATABASE_URL=postgresql://… "
            "and REDIS_URL for more, or TASKAPI_WORKERS=1"
        )
    if settings.is_sqlite and settings.database_direct_url is not None:
        yield ("DATABASE_DIRECT_URL: it leads past a pooler to PostgreSQL; unset it on SQLite")
    if settings.is_sqlite and settings.replica_urls:
        yield ("DATABASE_REPLICA_URLS: SQLite has no replicas; set DATABASE_URL=postgresql://…, or unset it")
    if settings.env == "production" and settings.smtp_url is not None and not settings.has_public_url:
        yield (
            "TASKAPI_PUBLIC_URL: mails have links, and they must lead here; set it to https://HOST, "
            "as people see the service"
        )
    if (settings.admin_email is None) != (settings.admin_password is None):
        yield ("TASKAPI_ADMIN_EMAIL and TASKAPI_ADMIN_PASSWORD: set both or neither")


def _of_many(settings: "Settings") -> Iterator[str]:
    """Several processes or instances."""
    if settings.workers > 1 and settings.redis_url is None:
        yield ("REDIS_URL: several processes need Redis to agree on limits; set it")
    if (settings.redis_jobs_url or settings.celery_broker_url) is not None and settings.redis_url is None:
        yield ("REDIS_URL: a broker is for several processes, which need Redis; set it as well")
    if (settings.broker_url or "").startswith("rediss+sentinel:"):
        yield (
            "REDIS_JOBS_URL: Celery asks Sentinels without TLS alone; name the broker by one address, "
            "as of a proxy that follows the master"
        )
    if settings.redis_url is not None and settings.is_sqlite:
        yield (
            "DATABASE_URL: Redis is for several processes, and SQLite serves one; "
            "set DATABASE_URL=postgresql://… or unset REDIS_URL"
        )
    if settings.redis_url is not None and (settings.signing_key is None or settings.secret_key is None):
        yield (
            "TASKAPI_SIGNING_KEY and TASKAPI_SECRET_KEY: several instances must share their keys; "
            "make them once with `taskapi keys` and give them to every instance"
        )

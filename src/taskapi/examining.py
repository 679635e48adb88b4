"""What `taskapi doctor` looks at beyond the settings: the database, Redis, the jobs and the machine."""

import os
import resource
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from redis.exceptions import RedisError
from sqlalchemy import func, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError

from taskapi import schema
from taskapi.backups.safety import PARKED_BY_RESTORE
from taskapi.clock import HOUR, now
from taskapi.db import Database, Session
from taskapi.engines import direct_connection
from taskapi.epochs import Epoch
from taskapi.errors import BadStart
from taskapi.jobs import OutboxRow
from taskapi.redis_calls import client
from taskapi.settings import Settings

_OLDEST_POSTGRESQL = 15
_REDIS_SECONDS = 2.0
_LEAST_OPEN_FILES = 1_024
_MOST_WAITING = HOUR
# Seconds; an epoch may be ahead of a clock by less: a restore moves them ahead by a minute.
_CLOCK_TOLERANCE = 300
_CLOCK_APART = 2
# The audit log is only ever added to.
_APPEND_ONLY = {"audit", "audit_chain"}
# What keeps statements and locks from being waited for for good, as deploy/postgres/setup.sql sets it.
_TIME_OUTS = {
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "2s",
    "statement_timeout": "5s",
}


@dataclass(frozen=True)
class Finding:
    ok: bool
    what: str


def database(settings: Settings) -> Iterator[Finding]:
    """Whether the database can be used, and what in it hints at trouble."""
    if settings.is_sqlite and sqlite3.sqlite_version_info < (3, 35):
        said = f"SQLite {sqlite3.sqlite_version} is too old; Python needs one of 3.35 or newer"
        yield Finding(False, said)
        return
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        yield _to_be_made(settings.sqlite_file, settings.home)
        return
    with closing(Database(settings)) as opened:
        try:
            yield from _schema_of(opened)
            with opened.reader(patient=False) as session:
                yield from (
                    _sqlite(session, settings.sqlite_file)
                    if opened.is_sqlite
                    else _postgresql(session, settings)
                )
                if schema.is_served(session):
                    yield _clock(session)
                    yield from _jobs(session)
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
            yield Finding(False, f"DATABASE_URL: the database cannot be used ({reason})")


def _to_be_made(file: Path, home: Path) -> Finding:
    """Whether a database can be made here: of the folders above it a start makes those of the home alone."""
    folder = file.parent
    if folder == home or (folder.is_dir() and os.access(folder, os.W_OK)):
        return Finding(True, "the database will be made at the first start")
    return Finding(
        False, f"DATABASE_URL: no file can be made in {folder}; make that folder, or mend its rights"
    )


def redis(settings: Settings) -> Iterator[Finding]:
    """Whether each Redis that is set answers, and keeps what it is given if that is rings for workers."""
    if settings.redis_url is None:
        return
    url = settings.redis_url.get_secret_value()
    yield from _redis("REDIS_URL", url, is_broker=settings.broker_url == url)
    if settings.redis_jobs_url is not None:
        yield from _redis("REDIS_JOBS_URL", settings.redis_jobs_url.get_secret_value(), is_broker=True)


def _redis(name: str, url: str, is_broker: bool) -> Iterator[Finding]:
    try:
        with closing(client(url, _REDIS_SECONDS)) as opened:
            memory = opened.info("memory")
    except (RedisError, ValueError) as error:
        reason = type(error).__name__
        yield Finding(False, f"{name}: Redis does not answer ({reason}); start it, or mend the address")
        return
    yield Finding(True, f"{name}: Redis answers")
    policy = memory.get("maxmemory_policy", "noeviction")
    if is_broker and memory.get("maxmemory") and policy != "noeviction":
        yield Finding(
            False,
            f"{name}: it throws away what it is given when it is full ({policy}), also rings for workers; "
            "set maxmemory-policy noeviction, or give them a server of their own (REDIS_JOBS_URL)",
        )


def other_servers(settings: Settings) -> Iterator[Finding]:
    """Whether the way past a pooler and each replica answer, and whether replicas are any."""
    if settings.database_direct_url is not None:
        is_standby = _is_standby(settings.direct_url)
        yield (
            Finding(True, "DATABASE_DIRECT_URL: PostgreSQL answers")
            if isinstance(is_standby, bool)
            else Finding(False, f"DATABASE_DIRECT_URL: PostgreSQL does not answer ({is_standby})")
        )
    for url in settings.replica_urls:
        where = f"DATABASE_REPLICA_URLS: {_host_of(url)}"
        is_standby = _is_standby(url)
        if is_standby is True:
            yield Finding(True, f"{where} is a standby")
        elif is_standby is False:
            yield Finding(False, f"{where} is no standby and is not asked; is it the primary by now?")
        else:
            yield Finding(False, f"{where} does not answer ({is_standby}); start it, or mend the address")


def _is_standby(url: str) -> bool | str:
    """Whether a server is one; why it did not answer, where it did not."""
    from psycopg import Error  # noqa: PLC0415 - SQLite users need no PostgreSQL driver

    try:
        with closing(direct_connection(url)) as connection:
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    except (Error, OSError) as error:
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return row is not None and bool(row[0])


def _host_of(url: str) -> str:
    parsed = make_url(url)
    return f"{parsed.host}:{parsed.port or 5432}" if parsed.host else str(parsed.query.get("host"))


def machine() -> Finding:
    """How many files, and so connections, the service may have open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit < _LEAST_OPEN_FILES:
        return Finding(
            False,
            f"only {limit} files may be open, each connection is one; set `ulimit -n 8192` before the start",
        )
    return Finding(True, f"{limit} files may be open, each connection is one")


def _schema_of(opened: Database) -> Iterator[Finding]:
    try:
        schema.require_served(opened)
    except BadStart as error:
        yield Finding(False, str(error))
    else:
        yield Finding(True, f"the schema is this release's ({schema.head()})")


def _sqlite(session: Session, file: Path | None) -> Iterator[Finding]:
    found = session.value(text("PRAGMA quick_check(1)"))
    if found != "ok":
        yield Finding(False, f"{file} is damaged ({found}); stop the service and restore a backup")
    else:
        yield Finding(True, f"DATABASE_URL: SQLite {sqlite3.sqlite_version} finds its file whole")
    if file is not None and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield Finding(False, f"others can read {file}; run `chmod 600 {file}*`")


def _postgresql(session: Session, settings: Settings) -> Iterator[Finding]:
    version = int(session.value(text("SHOW server_version_num"))) // 10_000
    if version < _OLDEST_POSTGRESQL:
        yield Finding(
            False,
            f"DATABASE_URL: PostgreSQL {version} is too old; upgrade it to {_OLDEST_POSTGRESQL} or newer",
        )
    encoding = session.value(text("SHOW server_encoding"))
    if encoding != "UTF8":
        yield Finding(
            False, f"DATABASE_URL: its encoding is {encoding}; make the database with ENCODING 'UTF8'"
        )
    missing = [f"{name} ON {table}" for table, name in _rights() if not _has_right(session, table, name)]
    if missing:
        role = session.value(text("SELECT current_user"))
        yield Finding(
            False,
            f"DATABASE_URL: rights are missing; run `GRANT {missing[0]} TO {role}` ({len(missing)} such)",
        )
    most = int(session.value(text("SHOW max_connections")))
    wanted = settings.workers * (settings.pool_size + settings.pool_overflow)
    if wanted > most:
        yield Finding(
            False,
            f"TASKAPI_POOL_SIZE: up to {wanted} connections are opened and the server takes {most}; "
            "lower it or TASKAPI_POOL_OVERFLOW, or raise max_connections",
        )
    if settings.env == "production":
        yield from _time_outs(session)
    yield Finding(True, f"DATABASE_URL: PostgreSQL {version} answers, {encoding}")


def _time_outs(session: Session) -> Iterator[Finding]:
    """Whether the role's sessions begin with time-outs; commands, as this one, lift them for themselves."""
    begun_with = text(
        "SELECT name FROM pg_settings WHERE name = ANY(:names) AND reset_val = '0' ORDER BY name"
    )
    if missing := [row.name for row in session.rows(begun_with, names=list(_TIME_OUTS))]:
        role = session.value(text("SELECT current_user"))
        yield Finding(
            False,
            f"DATABASE_URL: the role {role} has no {' and no '.join(missing)}; run deploy/postgres/setup.sql,"
            f" or `ALTER ROLE {role} SET {missing[0]} = '{_TIME_OUTS[missing[0]]}'`",
        )


def _rights() -> Iterator[tuple[str, str]]:
    """What the service does to each table."""
    for table in schema.METADATA.tables:
        needed = ("SELECT", "INSERT") if table in _APPEND_ONLY else ("SELECT", "INSERT", "UPDATE", "DELETE")
        yield from ((table, name) for name in needed)


def _has_right(session: Session, table: str, name: str) -> bool:
    """Whether the role has it; a table that is not there is the schema's fault."""
    asked = text("SELECT to_regclass(:name) IS NULL OR has_table_privilege(to_regclass(:name), :right)")
    return bool(session.value(asked, name=table, right=name))


def _clock(session: Session) -> Finding:
    newest = int(session.value(select(func.max(Epoch.value))) or 0) / 1_000_000
    ahead = newest - time.time()
    apart = 0.0
    if session.dialect == "postgresql":
        apart = abs(float(session.value(text("SELECT extract(epoch FROM clock_timestamp())"))) - time.time())
    if ahead > _CLOCK_TOLERANCE:
        return Finding(
            False, f"the clock is {ahead:.0f} s behind what the database has seen; set it right (NTP)"
        )
    if apart > _CLOCK_APART:
        return Finding(False, f"this clock and the database's are {apart:.1f} s apart; set both right (NTP)")
    return Finding(True, "the clock agrees with the database")


def _jobs(session: Session) -> Iterator[Finding]:
    is_open = OutboxRow.done_at.is_(None) & OutboxRow.parked_at.is_(None)
    oldest = session.value(select(func.min(OutboxRow.due_at)).where(is_open))
    waiting = (now() - oldest) // HOUR if oldest is not None else 0
    if oldest is not None and now() - oldest > _MOST_WAITING:
        yield Finding(
            False, f"a job has been waiting for {waiting} hours; is the service running? See `taskapi jobs`"
        )
    is_parked = OutboxRow.parked_at.is_not(None) & OutboxRow.last_error.is_distinct_from(PARKED_BY_RESTORE)
    parked = int(session.value(select(func.count()).where(is_parked)))
    if parked:
        yield Finding(False, f"{parked} jobs were given up; `taskapi jobs` shows why, and tries them again")
    if oldest is None and not parked:
        yield Finding(True, "no job is waiting or was given up")

"""`taskapi doctor`: each thing that would keep the service from working, and its mend."""

import os
import shutil
import sqlite3
from dataclasses import dataclass
from difflib import get_close_matches

from sqlalchemy.exc import SQLAlchemyError

from taskapi import schema
from taskapi.db import Database
from taskapi.errors import BadStart
from taskapi.keys import load_keys
from taskapi.settings import Settings, load_settings, secret_names

_LEAST_FREE_BYTES = 200 << 20


@dataclass(frozen=True)
class Finding:
    ok: bool
    what: str


def examine() -> list[Finding]:
    """All findings; after settings that cannot be read there is nothing more to look at."""
    try:
        settings = load_settings()
    except BadStart as error:
        return [Finding(False, str(error))]
    return [
        Finding(True, "settings can be read"),
        *_strange_settings(),
        _home(settings),
        _keys(settings),
        _engine(settings),
        _schema(settings),
        _mails(settings),
    ]


def _strange_settings() -> list[Finding]:
    """Variables that look like ours and are not: most likely a typing error."""
    known = {field.alias for field in Settings.model_fields.values() if field.alias}
    known |= {f"{name}_FILE" for name in secret_names()}
    found = []
    for name in sorted(os.environ):
        if name.startswith("TASKAPI_") and name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            found.append(Finding(False, f"{name} is not a setting{hint}"))
    return found


def _home(settings: Settings) -> Finding:
    home = settings.home
    nearest = next(path for path in (home, *home.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        return Finding(
            False, f"TASKAPI_HOME: {nearest} cannot be written; mend its rights or name another folder"
        )
    if nearest != home:
        return Finding(True, f"TASKAPI_HOME: {home} will be made at the first start")
    free = shutil.disk_usage(home).free
    if free < _LEAST_FREE_BYTES:
        return Finding(False, f"TASKAPI_HOME: only {free >> 20} MiB are free; make room or move it")
    return Finding(True, f"TASKAPI_HOME: {home} can be written, {free >> 20} MiB are free")


def _keys(settings: Settings) -> Finding:
    try:
        load_keys(settings, keep=False)
    except BadStart as error:
        return Finding(False, str(error))
    return Finding(True, "keys can be used, and only their owner can read them")


def _engine(settings: Settings) -> Finding:
    if not settings.is_sqlite:
        return Finding(True, "DATABASE_URL: PostgreSQL")
    if sqlite3.sqlite_version_info < (3, 35):
        return Finding(
            False, f"SQLite {sqlite3.sqlite_version} is too old; Python needs one of 3.35 or newer"
        )
    return Finding(True, f"DATABASE_URL: SQLite {sqlite3.sqlite_version}")


def _mails(settings: Settings) -> Finding:
    if settings.verify_email:
        return Finding(
            False,
            "TASKAPI_VERIFY_EMAIL: this release writes mails down and sends none, nobody new could log in; "
            "set it to `optional`",
        )
    return Finding(True, "accounts work before their address is verified")


def _schema(settings: Settings) -> Finding:
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        return Finding(True, "the database will be made at the first start")
    database = Database(settings)
    try:
        schema.require_current(database)
    except BadStart as error:
        return Finding(False, str(error))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        return Finding(False, f"DATABASE_URL: the database cannot be used ({reason})")
    finally:
        database.close()
    return Finding(True, f"the schema is this release's ({schema.head()})")

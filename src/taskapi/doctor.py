"""`taskapi doctor`: each thing that would keep the service from working, and its mend."""

import os
import shutil
import smtplib
from difflib import get_close_matches

from taskapi import examining, server
from taskapi.errors import BadStart
from taskapi.examining import Finding
from taskapi.keys import load_keys
from taskapi.outbox import told
from taskapi.settings import Settings, load_settings, secret_names
from taskapi.smtp import Smtp
from taskapi.stores import FilesAway, store_of

_LEAST_FREE_BYTES = 200 << 20
_SMTP_SECONDS = 3.0
# Read by `taskapi task` and `taskapi assets`, not by the service.
_OF_COMMANDS = {"TASKAPI_URL", "TASKAPI_TOKEN", "TASKAPI_ASSETS_URL"}


def examine(address: tuple[str, int] | None = None, *, settings_alone: bool = False) -> list[Finding]:
    """All findings; after settings that cannot be read there is nothing more to look at.

    With an address (host and port) also whether the service could listen there. Of `settings_alone` no server
    is asked.
    """
    try:
        settings = load_settings()
    except BadStart as error:
        return [Finding(False, str(error))]
    of_settings = [Finding(True, "settings can be read"), *_strange_settings()]
    if settings_alone:
        return of_settings
    return [
        *of_settings,
        _home(settings),
        _keys(settings),
        _log_file(settings),
        *examining.database(settings),
        *examining.other_servers(settings),
        *examining.redis(settings),
        _mails(settings),
        _files(settings),
        examining.machine(),
        *([] if address is None else [_address(*address)]),
    ]


def _strange_settings() -> list[Finding]:
    """Variables that look like ours and are not: most likely a typing error."""
    known = {field.alias for field in Settings.model_fields.values() if field.alias}
    known |= {f"{name}_FILE" for name in secret_names()} | _OF_COMMANDS
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


def _mails(settings: Settings) -> Finding:
    host = settings.smtp_host
    if host is None and settings.env == "production":
        return Finding(
            False,
            "SMTP_URL: is not set, so no mail reaches anybody and nobody can set a new password; "
            "set it to smtp://USER:PASSWORD@HOST",
        )
    if host is None:
        return Finding(True, f"mails are files under {settings.home / 'mail'}; `taskapi mail` shows them")
    where = f"{host.host}:{host.port}"
    try:
        Smtp(host, settings.mail_domain).check(_SMTP_SECONDS)
    except (smtplib.SMTPException, OSError) as error:
        return Finding(
            False,
            f"SMTP_URL: {where} does not take mails from us ({told(error)}); "
            "mend the address, the password or the host's certificate",
        )
    return Finding(True, f"SMTP_URL: {where} takes mails from us")


def _files(settings: Settings) -> Finding:
    place = settings.s3_place
    if place is None:
        where = f"files are kept under {settings.home / 'files'}"
        hint = (
            "; a worker on another machine needs S3_URL, or that folder shared" if settings.broker_url else ""
        )
        return Finding(True, where + hint)
    try:
        next(iter(store_of(settings).list("doctor/")), None)
    except FilesAway as error:
        return Finding(
            False,
            f"S3_URL: the bucket {place.bucket} cannot be read ({told(error)}); mend address, key or rights",
        )
    return Finding(True, f"S3_URL: the bucket {place.bucket} can be read")


def _log_file(settings: Settings) -> Finding:
    file = settings.log_path
    if file is None:
        return Finding(True, "TASKAPI_LOG_FILE: the log goes to the terminal alone")
    nearest = next(path for path in (file, *file.parents) if path.exists())
    if not os.access(nearest, os.W_OK):
        return Finding(
            False, f"TASKAPI_LOG_FILE: {nearest} cannot be written; mend its rights or name another"
        )
    return Finding(True, f"TASKAPI_LOG_FILE: {file} can be written")


def _address(host: str, port: int) -> Finding:
    try:
        server.free_address(host, port)
    except BadStart as error:
        return Finding(False, str(error))
    return Finding(True, f"--port: {host}:{port} is free")

"""Logs: to the terminal for people, and one JSON object a line to a rotating file.

Field names are those of the Elastic Common Schema. A log that cannot be written fails no request.
"""

import logging
import os
import sys
import time
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response, g, has_request_context, request

from taskapi.clock import rfc3339
from taskapi.errors import BadStart
from taskapi.settings import Settings

_FILE_BYTES = 10 << 20
_FILES = 5
_access = logging.getLogger("taskapi.access")


class JsonLine(logging.Formatter):
    """One record as one line of JSON; line breaks and control characters inside are escaped by JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "@timestamp": rfc3339(int(record.created * 1000)),
            "log.level": record.levelname.lower(),
            "message": record.getMessage(),
            "ecs.version": "8.11",
            "log.logger": record.name,
            "service.name": "taskapi",
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["error.stack_trace"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class Readable(logging.Formatter):
    """One record as one line for a person; what could forge a line or colour the terminal is escaped."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        message = record.getMessage().encode("unicode_escape").decode()
        line = f"{clock} {record.levelname.lower():7} {message}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure(settings: Settings) -> None:
    """Send this process's logs to the terminal and the file. Raises BadStart where that cannot be written."""
    configure_terminal(settings)
    if settings.log_path is not None:
        logging.getLogger().addHandler(_file_handler(settings.log_path))


def configure_terminal(settings: Settings) -> None:
    """Send this process's logs to the terminal alone: a file has one process that writes it."""
    logging.raiseExceptions = False
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(JsonLine() if settings.env == "production" else Readable())
    root.addHandler(terminal)
    root.setLevel(settings.log_level)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def register(app: Flask) -> None:
    """One line for each answered request."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def log(answer: Response) -> Response:
        milliseconds = (time.perf_counter() - g.began) * 1000 if "began" in g else 0.0
        route = str(request.url_rule) if request.url_rule else "no route"
        fields = {
            "http.request.method": request.method,
            "http.response.status_code": answer.status_code,
            "url.route": route,
            "event.duration": int(milliseconds * 1_000_000),
            **_who(),
        }
        _access.info(
            "%s %s %d %.1f ms",
            request.method,
            route,
            answer.status_code,
            milliseconds,
            extra={"fields": fields},
        )
        return answer


def _who() -> dict[str, str]:
    if not has_request_context():
        return {}
    ids = {"http.request.id": g.get("request_id", "")}
    if "actor" in g:
        ids["user.id"] = g.actor.user_id
    if g.get("read_from"):
        # Which database answered, where there are replicas.
        ids["taskapi.read_from"] = g.read_from
    return ids


class _OwnersFile(RotatingFileHandler):
    """A log that only its owner can read: where no SMTP_URL is, it has the links of mails."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "a", encoding=self.encoding, errors=self.errors)


def _file_handler(path: Path) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _OwnersFile(path, maxBytes=_FILE_BYTES, backupCount=_FILES, encoding="utf-8")
    except OSError as error:
        raise BadStart(f"TASKAPI_LOG_FILE: cannot write {path} ({error.strerror}); mend its rights") from None
    handler.setFormatter(JsonLine())
    return handler

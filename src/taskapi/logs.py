"""Logs: to standard output, for people or as one JSON object a line, and as such to a rotating file.

Field names are those of the Elastic Common Schema (docs/logs.md). A log that cannot be written fails no
request.
"""

import logging
import socket
import time
from multiprocessing.util import Finalize
from typing import Any

from taskapi import __version__, tracing
from taskapi.errors import BadStart
from taskapi.log_lines import Line, RotatingFile, Sink, Writer, moment, standard_output
from taskapi.settings import Settings

_access = logging.getLogger("taskapi.access")
_COMMON = {
    "ecs.version": "8.11",
    "service.name": "taskapi",
    "service.version": __version__,
    # Which of several instances: a container's id, a machine's name.
    "service.node.name": socket.gethostname(),
}
# The one log of this process.
_writers: list[Writer] = []


class _ToWriter(logging.Handler):
    """What is logged, as lines."""

    def __init__(self, writer: Writer, file: RotatingFile | None) -> None:
        super().__init__()
        self._writer = writer
        self._file = file

    def emit(self, record: logging.LogRecord) -> None:
        self._writer.put(_line_of(record))

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.flush()
        if self._file is not None:
            self._file.close()
        super().close()


def configure(settings: Settings) -> None:
    """Send this process's logs to the terminal and the file. Raises BadStart where that cannot be written."""
    file = None
    if settings.log_path is not None:
        try:
            file = RotatingFile(settings.log_path)
        except OSError as error:
            raise BadStart(
                f"TASKAPI_LOG_FILE: cannot write {settings.log_path} ({error.strerror}); mend its rights"
            ) from None
    _configure(settings, file)


def configure_terminal(settings: Settings) -> None:
    """Send this process's logs to the terminal alone: a file has one process that writes it."""
    _configure(settings, None)


def _configure(settings: Settings, file: RotatingFile | None) -> None:
    logging.raiseExceptions = False
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    terminal = standard_output(settings.env == "production", settings.has_colours)
    sinks: list[Sink] = [terminal] if file is None else [terminal, file]
    _writers[:] = [Writer(sinks)]
    root.addHandler(_ToWriter(_writers[0], file))
    root.setLevel(settings.log_level)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def write_apart() -> None:
    """Have a thread write this process's lines from now on: in the process that answers requests."""
    for writer in _writers:
        writer.start()
        # After the other threads have ended: what they say last is written too.
        Finalize(None, writer.flush, exitpriority=-10)


def flush() -> None:
    """Write what waits."""
    for writer in _writers:
        writer.flush()


def lost_lines() -> int:
    """How many lines of this process could not be kept or written."""
    return sum(writer.lost for writer in _writers)


def tell_request(fields: Line, message: str) -> None:
    """Log an answered request: past `logging`, which would look for its caller and lock each handler."""
    if not _access.isEnabledFor(logging.INFO):
        return
    for writer in _writers:
        writer.put(
            {
                "@timestamp": moment(time.time()),
                "log.level": "info",
                "message": message,
                "log.logger": "taskapi.access",
                "event.dataset": "taskapi.access",
                **_COMMON,
                **fields,
            }
        )


def _message_of(record: logging.LogRecord) -> str:
    """What is said, or its bare words where something does not fit them: no request fails for that."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - anything can be wrong with what somebody wants logged
        return f"{record.msg} (and something that does not fit these words)"


def _line_of(record: logging.LogRecord) -> Line:
    line: dict[str, Any] = {
        "@timestamp": moment(record.created),
        "log.level": record.levelname.lower(),
        "message": _message_of(record),
        "log.logger": record.name,
        "event.dataset": "taskapi.log",
        **_COMMON,
        **tracing.current_ids(),
    }
    line |= getattr(record, "fields", {})
    if record.exc_info and record.exc_info[0] is not None:
        line["error.type"] = record.exc_info[0].__name__
        line["error.stack_trace"] = logging.Formatter().formatException(record.exc_info)
    return line

"""Lines of a log on their way out: kept for a moment, then written together by a thread of their own.

Writing lets go of the interpreter, for which a request would then queue again; and whoever reads our output
may be slow, or gone. So a request only leaves its line here. What is not written when the process is killed
(the last 50 ms), or more than can be kept, is lost, and nothing else is.
"""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

import orjson

# What a line says: by names of the Elastic Common Schema, beside them the moment and the level.
Line = dict[str, Any]
Form = Callable[[Line], bytes]

PAUSE_SECONDS = 0.05
# While nobody reads them; each takes about a kilobyte.
MOST_WAITING = 20_000
_END_SECONDS = 2.0
# So much a pipe that has room takes without waiting (pipe(7)).
_PIPE_BYTES = 4096

_FILE_BYTES = 10 << 20
_FILES = 5
_COLOURS = {"warning": 33, "error": 31, "critical": 31}


def moment(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 in UTC."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1000):03d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def as_json(line: Line) -> bytes:
    """One object; line breaks and control characters inside are escaped by JSON."""
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # Lone surrogates, as of a path that is not UTF-8, are no text: they are shown as what they were.
        readable = {
            name: str(value).encode("utf-8", "backslashreplace").decode() for name, value in line.items()
        }
        return orjson.dumps(readable, option=orjson.OPT_APPEND_NEWLINE)


def for_people(line: Line, is_coloured: bool = False) -> bytes:
    """What a person wants of it; what could forge a line or colour the terminal is escaped."""
    clock = time.strftime("%H:%M:%S", time.localtime())
    level = line["log.level"]
    colour = _COLOURS.get(level) if is_coloured else None
    shown = f"{level:7}" if colour is None else f"\x1b[{colour}m{level:7}\x1b[0m"
    message = line["message"].encode("unicode_escape").decode()
    # An error may quote what a client sent.
    stack = [one.encode("unicode_escape").decode() for one in line.get("error.stack_trace", "").split("\n")]
    return "\n".join([f"{clock} {shown} {message}", *filter(None, stack), ""]).encode()


class Sink(Protocol):
    """Where lines go."""

    form: Form

    def write(self, lines: bytes, deadline: float = float("inf")) -> None:
        """Whole lines, until a moment of the monotonic clock. Raises OSError where they cannot be written."""


class Terminal:
    """A file descriptor that somebody reads, as standard output is."""

    def __init__(self, descriptor: int, form: Form) -> None:
        self.form = form
        self._descriptor = descriptor

    def write(self, lines: bytes, deadline: float = float("inf")) -> None:
        left = memoryview(lines)
        while left:
            seconds = min(max(deadline - time.monotonic(), 0.0), 1.0)
            _, is_free, _ = select.select([], [self._descriptor], [], seconds)
            if is_free:
                with suppress(BlockingIOError):
                    left = left[os.write(self._descriptor, left[:_PIPE_BYTES]) :]
            elif time.monotonic() >= deadline:
                raise TimeoutError


class RotatingFile:
    """A file that only its owner can read: where no SMTP_URL is, it has the links of mails.

    Where it grows beyond its size it becomes `<name>.1`, that one `<name>.2`, and so on.
    """

    def __init__(self, path: Path, size: int = _FILE_BYTES, kept: int = _FILES) -> None:
        """Raises OSError where it cannot be written."""
        self.form: Form = as_json
        self._path = path
        self._size = size
        self._kept = kept
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor: int | None = self._opened()
        self._is_torn = False

    def _opened(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, lines: bytes, deadline: float = float("inf")) -> None:  # noqa: ARG002 - a disk does not wait
        if self._descriptor is None:
            # Whoever sets up `logging` anew, as the HTTP server does, has closed it.
            self._descriptor = self._opened()
        written = os.fstat(self._descriptor).st_size
        if written and written + len(lines) > self._size:
            self._descriptor = self._turned_over(self._descriptor)
        # What a full disk has cut short is ended first, so that this is not behind it.
        left = memoryview(b"\n" + lines if self._is_torn else lines)
        self._is_torn = True
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._is_torn = False

    def _turned_over(self, old: int) -> int:
        """A new file. Where that cannot be had the old one grows on."""
        try:
            for number in range(self._kept - 1, 0, -1):
                with suppress(FileNotFoundError):
                    self._named(number).replace(self._named(number + 1))
            self._path.replace(self._named(1))
            new = self._opened()
        except OSError:
            return old
        os.close(old)
        return new

    def _named(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


class _Lane:
    """The lines that wait for one sink."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._waiting: deque[Line] = deque()
        self._writing = threading.Lock()
        self._bell = threading.Event()
        self._is_rung = False
        self.lost = 0

    def put(self, line: Line) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self.lost += 1
            return
        self._waiting.append(line)

    def ring(self) -> None:
        if not self._is_rung:
            self._is_rung = True
            self._bell.set()

    def flush(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        if self._writing.acquire(timeout=seconds):
            try:
                self._write(deadline)
            finally:
                self._writing.release()

    def write_on(self) -> None:
        while True:
            self._bell.wait()
            time.sleep(PAUSE_SECONDS)
            self._bell.clear()
            # Before what waits is taken: whoever leaves a line after that rings anew.
            self._is_rung = False
            with self._writing:
                self._write(float("inf"))

    def _write(self, deadline: float) -> None:
        lines = []
        while self._waiting:
            lines.append(self._waiting.popleft())
        if not lines:
            return
        try:
            self._sink.write(b"".join([self._sink.form(line) for line in lines]), deadline)
        except Exception:  # noqa: BLE001 - a full disk, nobody there to read: no request fails for that
            self.lost += len(lines)


class Writer:
    """Takes lines from any thread. Until `start` each is written by whoever leaves it.

    Each sink has a thread of its own: where one is not read, the others go on.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._lanes = [_Lane(sink) for sink in sinks]
        # Of which process the threads are: they do not come along when a process forks.
        self._process: int | None = None

    @property
    def lost(self) -> int:
        """Lines that some sink did not keep, or not write."""
        return sum(lane.lost for lane in self._lanes)

    def put(self, line: Line) -> None:
        """Leave a line; never waits for whoever reads them, once started."""
        is_started = self._process == os.getpid()
        for lane in self._lanes:
            lane.put(line)
            if is_started:
                lane.ring()
            else:
                lane.flush(_END_SECONDS)

    def start(self) -> None:
        """Have threads of this process write from now on."""
        if self._process != os.getpid():
            self._process = os.getpid()
            for lane in self._lanes:
                threading.Thread(target=lane.write_on, name="taskapi-log", daemon=True).start()

    def flush(self, seconds: float = _END_SECONDS) -> None:
        """Write what waits; gives up a sink after so long, where whoever reads does not."""
        for lane in self._lanes:
            lane.flush(seconds)


def standard_output(is_json: bool, is_coloured: bool) -> Terminal:
    """Where a service tells of itself: for programs that collect it, or for a person."""
    return Terminal(1, as_json if is_json else partial(for_people, is_coloured=is_coloured))

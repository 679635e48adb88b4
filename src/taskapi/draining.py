"""Leaving without losing a request: readiness fails first, connections are given up, then the process ends.

A proxy keeps connections to us, and may send a request on one at the very moment that we close it: nobody
can then say whether it was carried out. So a process that was told to end goes on answering for a while, says
"not ready" and asks with each answer for another connection, until no proxy holds one any more. At last it
hears of no new connection, for so long that those already begun are accepted, before it stops to listen.
"""

import ctypes
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from taskapi.answers import Environ, StartResponse, WsgiApp

# In the environment of a request to a process that is about to end.
DRAINING = "taskapi.draining"
# How long before the end no new connection is begun; a handshake under way takes far less.
QUIET_SECONDS = 0.3

_log = logging.getLogger("taskapi.server")

_SO_ATTACH_FILTER = 26
# Classic BPF over the TCP header (Linux, Documentation/networking/filter.rst): no packet that asks for a
# connection (SYN without ACK) is let in, all others are.
_NO_NEW_CONNECTION = (
    (0x30, 0, 0, 13),  # A = byte 13: the flags (RFC 9293, section 3.1)
    (0x54, 0, 0, 0x12),  # A = A & (SYN | ACK)
    (0x15, 0, 1, 0x02),  # is it SYN alone?
    (0x06, 0, 0, 0),  # then drop it,
    (0x06, 0, 0, 0xFFFFFFFF),  # else take it whole.
)


class Drain:
    """What the supervising process tells its workers once: that they are about to end. On Linux alone."""

    def __init__(self, seconds: float, port: int) -> None:
        """For so long, on the port that requests come to; others go on being answered."""
        self.seconds = seconds
        self._port = port
        self.has_begun = False
        self._told, self._tells = os.pipe()

    def before(self, end: Callable[[], Any]) -> None:
        """In the supervisor: have SIGTERM begin it, and `end` called when its time is over.

        A second SIGTERM, and Ctrl+C, end at once.
        """

        def begin(*_: Any) -> None:
            if self.has_begun:
                end()
                return
            self.has_begun = True
            _log.info("told to end: not ready from now on, and gone in %g s", self.seconds)
            os.close(self._tells)
            timer = threading.Timer(self.seconds, end)
            timer.daemon = True
            timer.start()

        signal.signal(signal.SIGTERM, begin)

    def take_part(self, app: WsgiApp) -> WsgiApp:
        """In a worker: wait to be told, and answer accordingly."""
        os.close(self._tells)
        threading.Thread(target=self._wait, name="taskapi-drain", daemon=True).start()
        return _Draining(app, self)

    def _wait(self) -> None:
        os.read(self._told, 1)  # The end of the pipe: the supervisor has closed its side.
        self.has_begun = True
        time.sleep(max(0.0, self.seconds - QUIET_SECONDS))
        for listener in _listeners(self._port):
            _begin_no_connection(listener)


class _Draining:
    """A WSGI application that asks for another connection once the process is about to end."""

    def __init__(self, app: WsgiApp, drain: Drain) -> None:
        self._app = app
        self._drain = drain

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        if not self._drain.has_begun:
            return self._app(environ, start)
        environ[DRAINING] = True

        def start_the_last(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start(status, [*headers, ("Connection", "close")], *rest)

        return self._app(environ, start_the_last)


def _listeners(port: int) -> Iterator[socket.socket]:
    """The sockets by which this process listens on a port; the HTTP server keeps them to itself."""
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        try:
            copy = socket.socket(fileno=os.dup(int(descriptor.name)))
        except OSError:
            continue  # No socket, or closed meanwhile.
        with copy:
            if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and _port_of(copy) == port:
                yield copy


def _port_of(listener: socket.socket) -> int | None:
    """Its port, None where it has none."""
    name = listener.getsockname()
    return name[1] if isinstance(name, tuple) else None


def _begin_no_connection(listener: socket.socket) -> None:
    class Instruction(ctypes.Structure):
        _fields_ = (
            ("code", ctypes.c_uint16),
            ("yes", ctypes.c_uint8),
            ("no", ctypes.c_uint8),
            ("k", ctypes.c_uint32),
        )

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(Instruction)))

    instructions = (Instruction * len(_NO_NEW_CONNECTION))(*(Instruction(*one) for one in _NO_NEW_CONNECTION))
    program = Program(len(_NO_NEW_CONNECTION), instructions)
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(program))
    except OSError as error:
        # Then a connection that is begun at the end may be refused after its request was sent.
        _log.warning("new connections cannot be held off (%s)", error.strerror)

"""A client whose requests are due at moments fixed beforehand, whether earlier ones were answered or not.

Each latency is counted from the moment a request was due, so what waits behind a server that stalls is seen:
a closed loop asks less often then, and leaves it out ("coordinated omission"; Gil Tene, *How NOT to measure
latency*, and wrk2). The server needs the machine too, so one thread waits for all connections by epoll and
does little else; it tells how late it was itself, by which its figures can be believed. What is due within
the same millisecond is sent together.
"""

import gc
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from math import ceil, inf
from urllib.parse import urlsplit

# A request that was not answered so long after it was due is given up, as by a person. Its connection stays,
# as with HTTP/2, and takes no other before that answer has come: who opens new ones measures handshakes.
PATIENCE_SECONDS = 6.0
# An answer that comes later is of no use to most people.
IN_TIME_SECONDS = 1.0
_MILLISECOND = 0.001
_LOOKING_AROUND_SECONDS = 0.1
# A server that takes no connection is not asked for one all the time.
_CONNECT_SECONDS, _PAUSE_SECONDS = 0.2, 0.5
_READ_BYTES = 1 << 16


@dataclass(frozen=True)
class Shot:
    """A request, and the second at which it is due."""

    due: float
    request: bytes
    kind: str = ""


@dataclass(slots=True)
class Told:
    """What became of a shot; all moments in seconds since the beginning."""

    due: float
    kind: str
    # When the client came to it, and when the answer was whole: given up, where there is none.
    noticed: float
    done: float
    # Of the answer; 0 where there is none.
    status: int = 0
    is_hit: bool = False
    has_retry_after: bool = False

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_in_time(self) -> bool:
        return self.done - self.due <= IN_TIME_SECONDS

    @property
    def milliseconds(self) -> float:
        return (self.done - self.due) * 1000


@dataclass(frozen=True)
class Volley:
    told: Sequence[Told]
    # By time.perf_counter().
    began: float
    # Of one processor, what the client took of it.
    busy: float

    @property
    def late_ms(self) -> float:
        """How late the client came to 99 of 100 of its shots at most, in milliseconds."""
        return percentile([(one.noticed - one.due) * 1000 for one in self.told], 0.99)


def moments(phases: Sequence[tuple[float, float]]) -> Iterator[float]:
    """When requests are due: for each phase a rate a second, evenly, and how many seconds it lasts."""
    began = 0.0
    for rate, seconds in phases:
        for number in range(round(rate * seconds)):
            yield began + number / rate
        began += seconds


def percentile(values: Sequence[float], share: float) -> float:
    """The least of the values that this share of them does not pass (nearest rank); 0 of none."""
    if not values:
        return 0.0
    return sorted(values)[max(ceil(share * len(values)), 1) - 1]


class _Connection:
    """One connection, that waits for at most one answer."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.told: Told | None = None
        self.received = b""

    def read(self) -> bool:
        """Take what there is; whether the connection goes on."""
        while True:
            try:
                more = self.socket.recv(_READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                return True
            except OSError:
                return False
            if not more:
                return False
            self.received += more

    def answer(self) -> tuple[int, bytes] | None:
        """Status and head of the answer, once it is there as a whole."""
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return None
        head = head.lower()
        _, _, length = head.partition(b"\r\ncontent-length: ")
        if len(body) < int(length.split(b"\r\n", 1)[0] or 0):
            return None
        self.received = b""
        return int(head[9:12]), head


class OpenLoop:
    """Connections to one server, kept from volley to volley."""

    def __init__(self, url: str, connections: int, patience: float = PATIENCE_SECONDS) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        if self._tls is not None:
            # The certificate was made for this run.
            self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE
        self._most, self._patience = connections, patience
        self._epoll = select.epoll()
        self._open: dict[int, _Connection] = {}
        self._idle: list[_Connection] = []
        self._waiting: deque[tuple[Shot, Told]] = deque()
        self._not_before = 0.0
        self._now = time.perf_counter

    def connect(self) -> None:
        """Have all connections before there is anything to measure."""
        while len(self._open) < self._most and (opened := self._opened()) is not None:
            self._idle.append(opened)

    def close(self) -> None:
        for one in list(self._open.values()):
            self._drop(one)
        self._epoll.close()

    def fire(self, shots: Sequence[Shot]) -> Volley:
        """Send each when it is due, and wait for all answers, or until they are given up."""
        told = [Told(shot.due, shot.kind, shot.due, shot.due + self._patience) for shot in shots]
        gc.collect()
        gc.disable()
        began, busy = time.perf_counter(), time.thread_time()
        self._now = lambda: time.perf_counter() - began
        try:
            self._loop(shots, told)
        finally:
            gc.enable()
        busy = (time.thread_time() - busy) / (time.perf_counter() - began)
        return Volley(told, began, busy)

    def _loop(self, shots: Sequence[Shot], told: Sequence[Told]) -> None:
        sent, looked, now = 0, 0.0, 0.0
        end = (shots[-1].due if shots else 0.0) + 2 * self._patience
        while now < end and (sent < len(shots) or self._waiting or len(self._idle) < len(self._open)):
            now = self._now()
            while sent < len(shots) and shots[sent].due <= now:
                told[sent].noticed = now
                self._waiting.append((shots[sent], told[sent]))
                sent += 1
            self._send_waiting()
            until = shots[sent].due - self._now() if sent < len(shots) else _LOOKING_AROUND_SECONDS
            for number, _ in self._epoll.poll(min(max(until, _MILLISECOND), _LOOKING_AROUND_SECONDS)):
                self._receive(self._open[number])
            if now - looked > _LOOKING_AROUND_SECONDS:
                looked = now
                self._give_up(now)
        for one in [one for one in self._open.values() if one.told is not None]:
            self._drop(one)

    def _send_waiting(self) -> None:
        while self._waiting:
            connection = self._idle.pop() if self._idle else self._opened()
            if connection is None:
                return
            shot, connection.told = self._waiting.popleft()
            try:
                # So little always fits into an idle connection.
                connection.socket.send(shot.request)
            except OSError:
                self._fail(connection)

    def _receive(self, connection: _Connection) -> None:
        goes_on = connection.read()
        found = connection.answer() if connection.told is not None else None
        if found is not None and connection.told is not None:
            told, connection.told = connection.told, None
            told.status, head = found
            told.done = self._now()
            told.is_hit = b"\r\nx-cache: hit" in head
            told.has_retry_after = b"\r\nretry-after: " in head
            if goes_on and b"\r\nconnection: close" not in head:
                self._idle.append(connection)
            else:
                self._drop(connection)
        elif not goes_on:
            self._fail(connection)

    def _fail(self, connection: _Connection) -> None:
        """It was closed: before an answer, or while it was idle."""
        if connection.told is not None:
            connection.told.done = self._now()
        else:
            self._idle.remove(connection)
        self._drop(connection)

    def _give_up(self, now: float) -> None:
        while self._waiting and self._waiting[0][1].due + self._patience < now:
            self._waiting.popleft()
        for one in list(self._open.values()):
            if one.told is not None and one.told.due + self._patience < now:
                one.told = replace(one.told, due=inf)

    def _opened(self) -> _Connection | None:
        if len(self._open) >= self._most or time.perf_counter() < self._not_before:
            return None
        try:
            plain = socket.create_connection((self._host, self._port), timeout=_CONNECT_SECONDS)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened = self._tls.wrap_socket(plain, server_hostname=self._host) if self._tls else plain
        except OSError:
            self._not_before = time.perf_counter() + _PAUSE_SECONDS
            return None
        opened.setblocking(False)
        connection = self._open[opened.fileno()] = _Connection(opened)
        self._epoll.register(opened.fileno(), select.EPOLLIN)
        return connection

    def _drop(self, connection: _Connection) -> None:
        number = connection.socket.fileno()
        self._epoll.unregister(number)
        del self._open[number]
        with suppress(OSError):
            connection.socket.close()


@contextmanager
def opened(url: str, connections: int, patience: float = PATIENCE_SECONDS) -> Iterator[OpenLoop]:
    client = OpenLoop(url, connections, patience)
    try:
        client.connect()
        yield client
    finally:
        client.close()

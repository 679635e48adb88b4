"""What the serving process weighs: after minutes of readers, and with thousands of silent connections."""

import select
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from bench.load import Figures, Load, put
from bench.storming.service import Service, proportional_mb, resident_mb

READERS, IDLE = 1000, 5000
GOAL_MB, IDLE_GOAL_MB = 150, 100
_ASKED = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
_PATIENCE_SECONDS = 4.0


@dataclass(frozen=True)
class Memory:
    """All in MB of 10⁶ bytes."""

    seconds: int
    load: Figures
    fresh: float
    worker: float
    # Of all its processes, what they share counted once.
    together: float
    # More in the worker while so many connections were silent, of which so many had been answered once.
    idle: float
    answered: int
    # Seconds until somebody new was answered meanwhile; None: not within the client's patience.
    newcomer: float | None


def memory(service: Service, url: str, load: Load, seconds: int) -> Memory:
    fresh = resident_mb(service.worker)
    figures = put(load, seconds)
    worker = resident_mb(service.worker)
    together = proportional_mb(service.processes)
    before = resident_mb(service.worker)
    parts = urlsplit(url)
    held, answered = _silent(parts.hostname or "", parts.port or 0)
    try:
        idle = resident_mb(service.worker) - before
        newcomer = _newcomer(url)
    finally:
        for one in held:
            one.close()
    return Memory(seconds, figures, fresh, worker, together, idle, answered, newcomer)


def _silent(host: str, port: int) -> tuple[list[socket.socket], int]:
    """Connections that asked once and are silent from then on; how many of them were answered."""
    held: list[socket.socket] = []
    epoll = select.epoll()
    for _ in range(IDLE):
        one = socket.socket()
        one.setblocking(False)
        with suppress(BlockingIOError):
            one.connect((host, port))
        held.append(one)
        epoll.register(one.fileno(), select.EPOLLOUT)
    by_number = {one.fileno(): one for one in held}
    deadline, answered = time.monotonic() + _PATIENCE_SECONDS, 0
    while answered < IDLE and time.monotonic() < deadline:
        for number, event in epoll.poll(0.5):
            with suppress(OSError):
                if event & select.EPOLLOUT:
                    epoll.modify(number, select.EPOLLIN)
                    by_number[number].send(_ASKED)
                else:
                    epoll.unregister(number)
                    answered += by_number[number].recv(1 << 16).startswith(b"HTTP/1.1 200")
    epoll.close()
    return held, answered


def _newcomer(url: str) -> float | None:
    began = time.monotonic()
    try:
        httpx.get(f"{url}/livez", timeout=_PATIENCE_SECONDS).raise_for_status()
    except httpx.HTTPError:
        return None
    return time.monotonic() - began

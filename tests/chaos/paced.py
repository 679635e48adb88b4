"""Requests at a steady rate, whatever becomes of those before them: who waits is seen, not waited for."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import httpx

from tests.chaos.load import logged_in
from tests.servers import Server

# Enough that a second's requests can all be waiting.
_THREADS = 64


class PacedLoad:
    """Four reads to one write, so many a second over some servers in turn, until told to stop."""

    def __init__(self, servers: list[Server], rate: int) -> None:
        self.statuses: Counter[int] = Counter()
        self.waits: list[float] = []
        self._rate = rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._clients = [
            httpx.Client(base_url=f"{server.url}/api/v1", headers=logged_in(server), timeout=30)
            for server in servers
        ]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for client in self._clients:
            client.close()

    @property
    def slowest(self) -> float:
        """Seconds."""
        return max(self.waits)

    def _send(self) -> None:
        began, number = time.monotonic(), 0
        with ThreadPoolExecutor(_THREADS) as threads:
            while not self._stop.wait(max(0.0, began + number / self._rate - time.monotonic())):
                threads.submit(self._ask, number)
                number += 1

    def _ask(self, number: int) -> None:
        client = self._clients[number % len(self._clients)]
        due = time.monotonic()
        try:
            if number // len(self._clients) % 5:
                status = client.get("/tasks?limit=5").status_code
            else:
                status = client.post("/tasks", json={"title": str(number)}).status_code
        except httpx.TransportError:
            status = 0
        self.waits.append(time.monotonic() - due)
        self.statuses[status] += 1

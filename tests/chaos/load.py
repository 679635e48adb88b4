"""Readers and writers that go on while something happens to what is behind the service."""

import threading
import time
from collections import Counter
from typing import Self

import httpx

from tests.people import PASSWORD, new_address
from tests.servers import Server

READERS, WRITERS = 6, 2


def logged_in(server: Server) -> dict[str, str]:
    account = {"email": new_address(), "password": PASSWORD}
    with httpx.Client(base_url=f"{server.url}/api/v1") as client:
        assert client.post("/auth/register", json=account).status_code == 202
        token = client.post("/auth/login", json=account).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


class Load:
    """Readers and writers that go on until told to stop, and what they were answered."""

    def __init__(self, server: Server) -> None:
        self.reads: Counter[int] = Counter()
        self.writes: Counter[int] = Counter()
        self.titles: set[str] = set()
        self._base = f"{server.url}/api/v1"
        self._headers = logged_in(server)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._read) for _ in range(READERS)]
        self._threads += [threading.Thread(target=self._write, args=(one,)) for one in range(WRITERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(1)
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def seconds_until_written(self, more: int = 20) -> float:
        """How long it takes from now on until so many more writes are acknowledged."""
        began, before = time.monotonic(), self.writes[201]
        while self.writes[201] < before + more:
            assert time.monotonic() - began < 60, "nobody could write any more"
            time.sleep(0.02)
        return time.monotonic() - began

    def all_titles(self) -> list[str]:
        with httpx.Client(base_url=self._base, headers=self._headers) as client:
            found: list[str] = []
            cursor = ""
            while True:
                page = client.get(f"/tasks?limit=200{cursor}").json()
                found += [task["title"] for task in page["items"]]
                if page["next_cursor"] is None:
                    return found
                cursor = f"&cursor={page['next_cursor']}"

    def _read(self) -> None:
        with httpx.Client(base_url=self._base, headers=self._headers, timeout=20) as client:
            while not self._stop.is_set():
                self.reads[client.get("/tasks?limit=5").status_code] += 1

    def _write(self, writer: int) -> None:
        number = 0
        with httpx.Client(base_url=self._base, headers=self._headers, timeout=20) as client:
            while not self._stop.is_set():
                title = f"{writer}.{number}"
                key = {"Idempotency-Key": title}
                for _ in range(40):
                    status = client.post("/tasks", json={"title": title}, headers=key).status_code
                    self.writes[status] += 1
                    if status == 201:
                        self.titles.add(title)
                        break
                    time.sleep(0.25)
                number += 1

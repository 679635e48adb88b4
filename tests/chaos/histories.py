"""What clients of several instances saw, held against what they may rely on: docs/consistency.md.

Each scope has one writer, who counts upwards in the title of one task on one instance for some seconds, and
readers who ask instances at random. In every other scope everybody carries the Consistency-Token of what they
have seen, which makes an instance look again; in the others nobody does. What a writer was acknowledged is
known with its time, so that each read can be judged when it is answered.
"""

import random
import threading
import time
from bisect import bisect_right
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

import httpx

from tests.chaos.load import logged_in
from tests.servers import Server

# How old what others than the writer are shown may be (docs/consistency.md), and what a loaded machine adds
# between the answer and the look at the clock.
LATE_SECONDS = 1.0
_TOLERANCE = 0.3
READERS = 4
# How long a writer stays with an instance.
_STAYS_SECONDS = 4
_RESTS_SECONDS = 1.6


@dataclass
class Written:
    """What a writer was acknowledged: numbers, and when."""

    moments: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def acknowledge(self, number: int) -> None:
        self.numbers.append(number)
        self.moments.append(time.monotonic())

    def at(self, moment: float) -> int:
        """The newest number that was acknowledged by then."""
        place = bisect_right(self.moments, moment)
        return self.numbers[place - 1] if place else 0


@dataclass
class Seen:
    """What came out of a history."""

    statuses: Counter[str] = field(default_factory=Counter)
    caches: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class History:
    """Writers and readers of some scopes over some instances, until told to stop."""

    def __init__(self, servers: list[Server], scopes: int, seed: int) -> None:
        self.seen = Seen()
        self._servers = servers
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        for scope in range(scopes):
            headers = logged_in(servers[scope % len(servers)])
            written = Written()
            made = httpx.post(
                f"{servers[0].url}/api/v1/tasks", headers=headers, json={"title": "0"}, timeout=20
            )
            task = f"/tasks/{made.json()['id']}"
            chance = random.Random(f"{seed} {scope}")
            carries_token = scope % 2 == 0
            self._add(self._write, headers, task, written, chance.random(), carries_token)
            for _ in range(READERS):
                self._add(self._read, headers, task, written, chance.random(), carries_token)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _add(self, work: object, *arguments: object) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments))  # type: ignore[arg-type]

    def _clients(self, headers: dict[str, str], opened: ExitStack) -> list[httpx.Client]:
        return [opened.enter_context(client_of(server, headers)) for server in self._servers]

    def _write(
        self, headers: dict[str, str], task: str, written: Written, seed: float, carries_token: bool
    ) -> None:
        """Count upwards; with a token, also read what was written back on any instance."""
        chance, number = random.Random(seed), 0
        with ExitStack() as opened:
            clients = self._clients(headers, opened)
            while not self._stop.is_set():
                number += 1
                # What an instance wrote itself it knows: the others are to hear of it.
                chosen = clients[int(time.monotonic() / _STAYS_SECONDS) % len(clients)]
                answer = self._changed(chosen, task, number)
                if answer is None:
                    return
                written.acknowledge(number)
                time.sleep(chance.random() * 0.05)
                if not carries_token:
                    # What was missed of the last write before a rest is not made good by the next.
                    self._stop.wait(_RESTS_SECONDS if chance.random() < 0.2 else 0)
                    continue
                token = {"Consistency-Token": answer.headers["Consistency-Token"]}
                read = chance.choice(clients).get(task, headers=token)
                if read.status_code == 200 and int(read.json()["title"]) < number:
                    self.seen.faults.append(f"own write {number} read as {read.json()['title']}")

    def _changed(self, client: httpx.Client, task: str, number: int) -> httpx.Response | None:
        """The acknowledgement of a write, retried by its key; None where it is time to stop."""
        key = {"Idempotency-Key": f"{task} {number}"}
        while not self._stop.is_set():
            answer = client.patch(task, json={"title": str(number)}, headers=key)
            self.seen.statuses[f"write {answer.status_code}"] += 1
            if answer.status_code == 200:
                return answer
            time.sleep(0.05)
        return None

    def _read(
        self, headers: dict[str, str], task: str, written: Written, seed: float, carries_token: bool
    ) -> None:
        chance, newest = random.Random(seed), 0
        token: dict[str, str] = {}
        with ExitStack() as opened:
            clients = self._clients(headers, opened)
            while not self._stop.is_set():
                is_list = chance.random() < 0.3
                began = time.monotonic()
                answer = chance.choice(clients).get("/tasks" if is_list else task, headers=token)
                number = self._number(answer, is_list)
                if number is None:
                    continue
                due = written.at(began - LATE_SECONDS - _TOLERANCE)
                # Who is told that a replica stands in may be shown what it has got.
                if number < due and "X-Consistency" not in answer.headers:
                    self.seen.faults.append(f"{number} told when {due} was known for a second")
                if carries_token:
                    if number < newest:
                        self.seen.faults.append(f"went back from {newest} to {number}")
                    newest = max(newest, number)
                    token = {"Consistency-Token": answer.headers["Consistency-Token"]}
                time.sleep(chance.random() * 0.01)

    def _number(self, answer: httpx.Response, is_list: bool) -> int | None:
        self.seen.statuses[f"read {answer.status_code}"] += 1
        if answer.status_code != 200:
            return None
        self.seen.caches[answer.headers["X-Cache"]] += 1
        told = answer.json()["items"][0] if is_list else answer.json()
        return int(told["title"])


def client_of(server: Server, headers: dict[str, str]) -> httpx.Client:
    return httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=30)

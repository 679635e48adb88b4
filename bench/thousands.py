"""The loads by 5,000 connections through nginx, and what is seen meanwhile."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from bench.counted import Counted, counted, failed_apart
from bench.house import House
from bench.load import Figures, Load, put
from bench.names import READERS, USERS
from bench.storming.service import Service, resident_mb

# Of 5,000 connections those that come first, in so many groups, and those whose latencies count.
_FIRST, _GROUPS, _LAST = 4500, 5, 500
_SETTLING_SECONDS = 2
_LONGER_SECONDS = 5


@dataclass
class Long:
    """A load of a minute by thousands of connections, and what was seen meanwhile."""

    figures: Figures
    # Of what failed: refused while most of them connected, and all the rest.
    failed_connecting: int
    failed_after: int
    # Of reads, those answered from memory; of the machine's cores, those that were busy.
    hits: float
    busy: float
    # What somebody read back at once after changing it, and how often that was older.
    read_back: int
    stale: int
    # What the process that answers holds when it is over, in MB of 10⁶ bytes.
    resident: float


@dataclass
class Watch:
    """Somebody who changes a task of theirs through nginx again and again, and reads it back in every way."""

    read_back: int = 0
    stale: int = 0
    # Statuses of answers that were no success; 0 where there was none.
    failed: list[int] = field(default_factory=list)

    @contextmanager
    def watching(self, house: House, token: str, task_id: str) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(house, token, task_id, stop))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _watch(self, house: House, token: str, task_id: str, stop: threading.Event) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=house.front, headers=headers, verify=False, timeout=30) as client:  # noqa: S501
            number = 0
            while not stop.wait(0.1):
                number += 1
                title = f"Version {number}"
                path = f"/api/v1/tasks/{task_id}"
                try:
                    changed = client.patch(path, json={"title": title})
                    one = client.get(path)
                    listed = client.get("/api/v1/tasks?limit=50")
                except httpx.HTTPError:
                    self.failed.append(0)
                    continue
                wrong = [answer.status_code for answer in (changed, one, listed) if answer.status_code != 200]
                if wrong:
                    self.failed += wrong
                    continue
                titles = [task["title"] for task in listed.json()["items"] if task["id"] == task_id]
                self.read_back += 2
                self.stale += (one.json()["title"] != title) + (titles != [title])


def by_thousands(house: House, seconds: int) -> Iterator[tuple[str, Long]]:
    for name, words in (
        (READERS, ("0.01", "0", "1000")),
        (USERS, ("0.1", "2000", "8000")),
    ):
        tokens = house.crowd.tokens()
        load = Load(
            "thinking_crowd",
            house.front,
            file=house.crowd.written(house.folder / "people of ours", tokens),
            words=words,
        )
        print(name, flush=True)
        put(_of(load, _FIRST + _LAST), max(seconds // 3, 1))
        # What they have left is not to be counted below.
        time.sleep(_SETTLING_SECONDS)
        yield name, _watched(house, load, tokens[-1], seconds)


def _watched(house: House, load: Load, token: str, seconds: int) -> Long:
    """The load, while somebody who has no part in it, with that token, looks for what is stale."""
    watch = Watch()
    with watch.watching(house, token, house.crowd.members[-1].tasks[0]):
        busy, began = _busy(), time.monotonic()
        figures, connecting, after = _by_a_crowd(house, load, seconds)
        busy, took = _busy() - busy, time.monotonic() - began
    if watch.failed:
        print("failed:", watch.failed[:3])
    failed_connecting, failed_after = failed_apart(figures.failed + len(watch.failed), connecting)
    return Long(
        figures=figures,
        failed_connecting=failed_connecting,
        failed_after=failed_after,
        hits=(connecting + after).from_memory,
        busy=busy / took,
        read_back=watch.read_back,
        stale=watch.stale,
        resident=resident_mb(Service(house.folder / "home").worker),
    )


def _by_a_crowd(house: House, load: Load, seconds: int) -> tuple[Figures, Counted, Counted]:
    """What comes of a load by 5,000; its latencies are those of the last of them.

    These come when the others have been there for a while, who came in groups: 5,000 who connect at the same
    moment are no crowd, but a storm of handshakes. Also what was counted until the last came, and after that.
    """
    before = max(seconds // 4, 1)
    began = counted(house.metrics)
    # Longer than the last, whoever starts late.
    group, lasts = _of(load, _FIRST // _GROUPS), before + seconds + _LONGER_SECONDS
    with ThreadPoolExecutor(_GROUPS) as pool:
        others = []
        for number in range(_GROUPS):
            others.append(pool.submit(put, group, lasts - round(number * before / (_GROUPS + 1))))
            time.sleep(before / (_GROUPS + 1))
        time.sleep(before / (_GROUPS + 1))
        connected = counted(house.metrics)
        last = put(_of(load, _LAST), seconds)
        first = [one.result() for one in others]
    rate = sum(one.requests / one.seconds for one in first)
    figures = replace(
        last,
        requests=last.requests + round(rate * last.seconds),
        failed=last.failed + sum(one.failed for one in first),
    )
    return figures, connected - began, counted(house.metrics) - connected


def _of(load: Load, connections: int) -> Load:
    return replace(load, words=(*load.words, str(connections)), connections=connections)


def _busy() -> float:
    """Seconds that the machine's processors were busy (proc(5), stat)."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return sum(int(one) for place, one in enumerate(fields[:8]) if place not in {3, 4}) / os.sysconf(
        "SC_CLK_TCK"
    )

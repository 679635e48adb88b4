"""Pages that are asked for only once each, so that no memory of answers helps: for never_again.lua."""

import random
from collections.abc import Sequence
from pathlib import Path

import httpx

from bench.measured import MISS
from bench.people import Person
from bench.rivals import EACH, TASKS, Rivals

# A page begins after any task but the last ones and has one of these sizes: full, and 20 on average.
SIZES = range(15, 26)


class Pages:
    """All pages of all readers in a random order, dealt out round by round."""

    def __init__(self, rivals: Rivals, rounds: int) -> None:
        load = rivals.loads[MISS]
        if load.file is None:
            raise ValueError(f"{MISS} has no file")
        self._file: Path = load.file
        with httpx.Client(base_url=load.url, timeout=30) as client:
            lines = [line for reader in rivals.readers for line in _lines(client, reader)]
        random.Random(1).shuffle(lines)
        self.first = lines.pop()
        self._share = len(lines) // rounds
        self._left = lines

    def deal(self) -> int:
        """Write the next share to the model's file; how many requests it is good for."""
        share, self._left = self._left[: self._share], self._left[self._share :]
        self._file.write_text("".join(f"{line}\n" for line in share))
        return len(share)


def _lines(client: httpx.Client, reader: Person) -> list[str]:
    return [
        f"{TASKS}?limit={size}&cursor={cursor}\t{reader.token}"
        for cursor in _cursors(client, reader)
        for size in SIZES
    ]


def _cursors(client: httpx.Client, reader: Person) -> Sequence[str]:
    """A cursor after each task, by walking one task at a time."""
    cursors: list[str] = []
    while len(cursors) < EACH - SIZES[-1]:
        after = {"cursor": cursors[-1]} if cursors else {}
        answer = client.get(TASKS, params={"limit": 1, **after}, headers=reader.headers)
        cursors.append(answer.json()["next_cursor"])
    return cursors

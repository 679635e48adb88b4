"""Answers kept as bytes: what may be kept, under what, and the store of them (design, parts 2 and 3; ADR 7).

An answer is stored under the epochs that came with its data, and served while none of them has moved: so a
slow reader can never store old data under a new epoch, and a write has nothing to find and throw away. What
an answer may be stored under is the table RULES; `front.py` is the layer that asks.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from taskapi import clock

# What an entry costs beside its body, measured with tracemalloc: key, headers, objects.
ENTRY_BYTES = 3500

API = "/api/v1/"


@dataclass(frozen=True)
class Rule:
    """What an answer of a path may be stored under: epochs of a kind, beside its caller's user and session.

    `tag_by_url` says that its ETag follows from the URL and the epoch, so that it is known without the data.
    `seconds` bounds its life whatever the epochs say.
    """

    path: str
    kind: str
    tag_by_url: bool = False
    seconds: int | None = None


SCOPE, USER, USERS = "s:", "u:", "users"

# The design's table, a line for a line; what is not in it is never stored.
RULES = {
    rule.path: rule
    for rule in (
        Rule("tasks", SCOPE, tag_by_url=True),
        Rule("tasks/*", SCOPE),
        Rule("tasks/*/history", SCOPE, tag_by_url=True),
        Rule("labels", SCOPE, tag_by_url=True),
        Rule("projects", SCOPE, tag_by_url=True),
        Rule("projects/*", SCOPE),
        Rule("stats", SCOPE),
        Rule("me", USER),
        Rule("me/notifications", SCOPE),
        Rule("admin/users", USERS, seconds=300),
        Rule("admin/users/*", USERS, seconds=300),
    )
}


# No path with a rule has more parts: what is behind them is not looked at.
_MOST_ROOMS = max(name.count("/") for name in RULES) + 1


def rule_for(path: str) -> Rule | None:
    """The rule of a path, None for what is never stored."""
    if not path.startswith(API):
        return None
    rooms = path[len(API) :].split("/", _MOST_ROOMS)
    rule = RULES.get("/".join(rooms))
    for place in range(1, len(rooms)):
        if rooms[place]:
            rule = rule or RULES.get("/".join([*rooms[:place], "*", *rooms[place + 1 :]]))
    return rule


def is_streamed(path: str) -> bool:
    """Whether an answer may be too large to be held, and so is passed on as it comes."""
    return path.startswith("/download/")


@dataclass(frozen=True)
class Basis:
    """What an answer was made from: the caller's epochs before it, those that came with its data, and until
    when it holds (milliseconds since 1970).
    """

    user_id: str
    caller: Mapping[str, int]
    under: Mapping[str, int]
    until: int


@dataclass(slots=True, eq=False)
class Entry:
    """An answer, encoded already, and what it is valid under: `keys` and `values` of epochs, and a time.

    It has a beginning as well as an end, because clocks are set back.
    """

    user_id: str
    keys: tuple[str, ...]
    values: tuple[int, ...]
    since: int
    until: int
    etag: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, about."""
        return ENTRY_BYTES + len(self.body)

    def is_in_its_time(self) -> bool:
        return self.since <= clock.now() < self.until

    def is_older_than(self, seen: Mapping[str, int]) -> bool:
        """Whether a client has seen a newer epoch than one it was made under."""
        return any(seen.get(key, 0) > value for key, value in zip(self.keys, self.values, strict=True))


def life_of(rule: Rule, basis: Basis) -> tuple[dict[str, int], int] | None:
    """The epochs and the end of what a rule lets be stored; None where the answer is of another kind."""
    if not basis.under or not all(key.startswith(rule.kind) for key in basis.under):
        return None
    until = basis.until
    if rule.seconds is not None:
        until = min(until, clock.now() + rule.seconds * clock.SECOND)
    return {**basis.caller, **basis.under}, until


class Store:
    """Entries by key, the least recently used thrown out first; never more than `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[object, Entry] = OrderedDict()
        self.bytes = 0
        self.counts = {"hit": 0, "miss": 0, "bypass": 0, "evicted": 0}

    def get(self, key: object) -> Entry | None:
        return self._entries.get(key)

    def used(self, key: object) -> None:
        """An entry was found good: it is the last to be thrown out, and a hit is counted.

        Without the lock, for which all threads would queue: moving is one step of the interpreter, and of a
        count that two threads raise at once one may be lost.
        """
        self.counts["hit"] += 1
        with suppress(KeyError):
            self._entries.move_to_end(key)

    def put(self, key: object, entry: Entry) -> None:
        if entry.size > self._most_bytes:
            return
        with self._lock:
            self._remove(key)
            self._entries[key] = entry
            self.bytes += entry.size
            while self.bytes > self._most_bytes:
                # Not by a look at the first one, which another thread may be moving.
                _, oldest = self._entries.popitem(last=False)
                self.bytes -= oldest.size
                self.counts["evicted"] += 1

    def drop(self, key: object, entry: Entry) -> None:
        """Forget an entry that is no longer true, unless a newer one took its place."""
        with self._lock:
            if self._entries.get(key) is entry:
                self._remove(key)

    def count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def _remove(self, key: object) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.bytes -= entry.size

"""What a process knows of epochs: a map in memory that is asked before the primary is (design, part 2).

After a commit and before its client is answered the new values are published to it; what other processes
commit is noticed on SQLite and heard by the channel (ADR 10).
"""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from taskapi.db import Database
from taskapi.epochs import look_up

# What is remembered is looked up again after this long, whatever was heard.
LIFETIME_SECONDS = 10.0
# How often SQLite is asked whether another process (the command line) has written.
WATCH_SECONDS = 0.2
# How often what is used is looked up again, and how many at once.
REFRESH_SECONDS = 4.0
REFRESH_BATCH = 500
# For how many more rounds of that what nobody used is kept fresh, while it is not more than this many: people
# read for half a minute, and who comes back would otherwise wait for a question of their own.
IDLE_ROUNDS = 15
MOST_IDLE = 6_000
_MOST_KEYS = 200_000


@dataclass(slots=True, eq=False)
class _Known:
    value: int
    fresh_until: float
    # How many rounds of refreshing ago somebody asked.
    idle: int = 0


class Epochs:
    """The epochs this process knows.

    With `remember` they are kept in a map: right only where every write to the database is published here
    or noticed, by `watch` (SQLite) or by a channel (ADR 10), which says until when all was heard. While the
    map is not believed each question goes to the primary: right everywhere, at the price of one statement.
    """

    def __init__(
        self, database: Database, remember: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._clock = clock
        # A moment of the clock, moved on by a channel.
        self.believed_until = float("inf" if remember else "-inf")
        # Have other processes know what moved, and forget what may have.
        self.tell: Callable[[Mapping[str, int]], None] = lambda _moved: None
        self.doubt: Callable[[Iterable[str]], None] = lambda _keys: None
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        database.after_commit = lambda session: self.announce(session.moved)
        database.unknown_outcome = lambda session: self._drop(session.moved)

    def __len__(self) -> int:
        return len(self._known)

    def current(self, *keys: str) -> list[int]:
        """The epochs of some keys in their order; 0 for one that was never moved."""
        now = self._clock()
        if now >= self.believed_until:
            found = self._look_up(keys)
            return [found.get(key, 0) for key in keys]
        with self._lock:
            entries = [self._entry(key) for key in keys]
            missing = [key for key, entry in zip(keys, entries, strict=True) if entry.fresh_until <= now]
        if missing:
            self._fill(missing, dict(zip(keys, entries, strict=True)))
        with self._lock:
            return [entry.value for entry in entries]

    def hold(self, keys: Sequence[str], values: Sequence[int]) -> bool:
        """Whether these epochs are at their values still. Asks no database about what is known."""
        now, known = self._clock(), self._known
        if now < self.believed_until:
            for key, value in zip(keys, values, strict=True):
                entry = known.get(key)
                if entry is None or entry.fresh_until <= now:
                    break
                if entry.value > value:
                    return False
                if entry.value < value:
                    # A message is on its way; or a failover lost what the values were read from.
                    self.forget([key])
                    break
                entry.idle = 0
            else:
                return True
        return all(now == then for now, then in zip(self.current(*keys), values, strict=True))

    def known(self, key: str) -> int | None:
        """An epoch, if no database has to be asked for it."""
        entry, now = self._known.get(key), self._clock()
        return None if entry is None or min(entry.fresh_until, self.believed_until) <= now else entry.value

    def announce(self, moved: Mapping[str, int]) -> None:
        """A commit here moved these: nobody is answered before all processes can know it.

        Raises OutcomeUnknown where they could not be told.
        """
        self.publish(moved)
        self.tell(moved)

    def publish(self, moved: Mapping[str, int]) -> None:
        """A commit moved these. A key nobody asked for is not learnt: a newer value may be on its way."""
        with self._lock:
            for key, value in moved.items():
                entry = self._known.get(key)
                if entry is not None:
                    entry.value = max(entry.value, value)

    def forget(self, moved: Iterable[str]) -> None:
        """Nobody knows whether these moved: the database is asked before they are believed again."""
        with self._lock:
            for key in moved:
                self._known.pop(key, None)

    def _drop(self, moved: Iterable[str]) -> None:
        """Forget these here and everywhere."""
        self.forget(moved)
        self.doubt(moved)

    def clear(self) -> None:
        """Forget everything: something was written that may not have been published here."""
        with self._lock:
            self._known.clear()

    def watch(self, stop: threading.Event) -> None:
        """Until `stop`: notice what other processes write to the SQLite file, and keep what is used fresh.

        Runs in a thread of its own.
        """
        seen, refreshed = None, self._clock()
        asking = ThreadPoolExecutor(1, thread_name_prefix="taskapi-data-version")
        while not stop.wait(WATCH_SECONDS):
            if self._clock() - refreshed >= REFRESH_SECONDS:
                self.refresh()
                refreshed = self._clock()
            version = self._version(asking)
            if version is None or version != seen:
                self.clear()
            seen = version
        asking.shutdown(wait=False, cancel_futures=True)

    def keep_fresh(self, stop: threading.Event) -> None:
        """Until `stop`: keep what is used fresh, where a channel notices what others write."""
        while not stop.wait(REFRESH_SECONDS):
            if self._clock() < self.believed_until:
                self.refresh()

    def _version(self, asking: ThreadPoolExecutor) -> tuple[int, int] | None:
        """The file's version; None where it cannot be had in time, so that nothing is to be trusted.

        It is asked for on the one connection that writes, which a long write of ours may hold.
        """
        asked = asking.submit(self._database.data_version)
        try:
            return asked.result(timeout=WATCH_SECONDS)
        except (TimeoutError, SQLAlchemyError, sqlite3.Error):  # PRAGMA is asked of the driver itself.
            asked.cancel()
            return None

    def refresh(self) -> None:
        """Look up again, many at once, what was asked for lately, and forget the rest.

        So a request has to ask only for what nobody asked for in the last minute.
        """
        soon = self._clock() + LIFETIME_SECONDS - REFRESH_SECONDS
        with self._lock:
            due = {key: entry for key, entry in self._known.items() if entry.fresh_until <= soon}
            most = _rounds_kept(Counter(entry.idle for entry in due.values()))
            for key in [key for key, entry in due.items() if entry.idle > most]:
                del self._known[key], due[key]
            for entry in due.values():
                entry.idle += 1
        keys = list(due)
        for begin in range(0, len(keys), REFRESH_BATCH):
            try:
                self._fill(keys[begin : begin + REFRESH_BATCH], due)
            except SQLAlchemyError:
                return  # Then a request asks, and is told what is wrong.

    def _entry(self, key: str) -> _Known:
        """What is known of a key, or a placeholder: publications during the look-up find it and merge."""
        entry = self._known.get(key)
        if entry is None:
            if len(self._known) >= _MOST_KEYS:
                self._known.clear()
            entry = self._known[key] = _Known(0, 0.0)
        entry.idle = 0
        return entry

    def _fill(self, missing: Sequence[str], entries: dict[str, _Known]) -> None:
        fresh_until = self._clock() + LIFETIME_SECONDS
        found = self._look_up(missing)
        with self._lock:
            for key in missing:
                entry = entries[key]
                entry.value = max(entry.value, found.get(key, 0))
                # After a `clear` the entry is no longer in the map: then only this caller sees it.
                entry.fresh_until = fresh_until

    def _look_up(self, keys: Iterable[str]) -> dict[str, int]:
        with self._database.reader() as session:
            return look_up(session, keys)


def _rounds_kept(idle: Mapping[int, int]) -> int:
    """How many rounds a key may be idle, of which so many have been for how long."""
    kept = 0
    for rounds in range(1, IDLE_ROUNDS + 1):
        kept += idle.get(rounds, 0)
        if kept > MOST_IDLE:
            return rounds - 1
    return IDLE_ROUNDS

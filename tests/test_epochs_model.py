"""The map of epochs under every order of look-ups, commits, publications, forgetting and expiry.

Each call of `current` runs in a thread that goes on only when it is told to, so that a schedule chosen by
hypothesis decides what comes between its question to the database, the answer and the map.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from taskapi import schema
from taskapi.db import Database
from taskapi.epoch_map import LIFETIME_SECONDS, Epochs
from taskapi.epochs import move
from taskapi.settings import load_settings

_KEYS = ("a", "b")
_MOST_CALLS = 4


class _Paused(Epochs):
    """Pauses before it asks the database, and before it tells the map what it heard."""

    def __init__(self, database: Database, clock: Callable[[], float], pause: Callable[[], None]) -> None:
        super().__init__(database, remember=True, clock=clock)
        self._pause = pause

    def _look_up(self, keys: Iterable[str]) -> dict[str, int]:
        self._pause()
        found = super()._look_up(keys)
        self._pause()
        return found


class _Call(threading.Thread):
    """One call of `current`, started to its first pause or its end."""

    def __init__(self, epochs: Epochs, keys: tuple[str, ...], floor: dict[str, int]) -> None:
        super().__init__(daemon=True)
        self._epochs = epochs
        self._go, self._resting = threading.Semaphore(0), threading.Semaphore(0)
        self.keys = keys
        # What `current` must know: what was published before it was called.
        self.floor = floor
        self.answer: list[int] | None = None
        self.start()
        self._rest()

    def run(self) -> None:
        self.answer = self._epochs.current(*self.keys)
        self._resting.release()

    def pause(self) -> None:
        self._resting.release()
        self._go.acquire()

    def step(self) -> None:
        self._go.release()
        self._rest()

    def _rest(self) -> None:
        assert self._resting.acquire(timeout=30), "a call neither paused nor ended"


@dataclass
class _World:
    """A database, the map over it, and what any answer may be."""

    database: Database
    prefix: str
    now: float = 0.0
    committed: dict[str, int] = field(default_factory=dict)
    unpublished: list[dict[str, int]] = field(default_factory=list)
    floor: dict[str, int] = field(default_factory=dict)
    calls: list[_Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.epochs = _Paused(self.database, lambda: self.now, self._pause)
        # A commit waits for its turn to be published: the schedule gives it.
        self.database.after_commit = lambda session: self.unpublished.append(dict(session.moved))

    def _pause(self) -> None:
        thread = threading.current_thread()
        assert isinstance(thread, _Call)
        thread.pause()

    def do(self, action: str, choice: int) -> None:
        getattr(self, f"_{action}")(choice)

    def _key(self, choice: int) -> str:
        return self.prefix + _KEYS[choice % len(_KEYS)]

    def _commit(self, choice: int) -> None:
        key = self._key(choice)
        with self.database.writer() as session:
            self.committed[key] = move(session, key)

    def _foreign(self, choice: int) -> None:
        """Another process commits: nobody will publish it."""
        self._commit(choice)
        self.unpublished.pop()

    def _publish(self, choice: int) -> None:
        if self.unpublished:
            moved = self.unpublished.pop(choice % len(self.unpublished))
            self.epochs.publish(moved)
            self._known_by_all(moved)

    def _clear(self, _choice: int) -> None:
        """What others wrote until now was noticed: no later call may answer less."""
        self.epochs.clear()
        self._known_by_all(self.committed)

    def _expire(self, _choice: int) -> None:
        """With no look-up under way, all that is remembered now is looked up again after this."""
        if not self.calls:
            self._known_by_all(self.committed)
        self.now += LIFETIME_SECONDS

    def _pass(self, _choice: int) -> None:
        self.now += LIFETIME_SECONDS / 4

    def _ask(self, choice: int) -> None:
        if len(self.calls) < _MOST_CALLS:
            keys = [(self._key(0),), (self._key(1),), (self._key(1), self._key(0))][choice % 3]
            self.calls.append(_Call(self.epochs, keys, dict(self.floor)))
            self._settle()

    def _step(self, choice: int) -> None:
        if self.calls:
            self.calls[choice % len(self.calls)].step()
            self._settle()

    def end(self) -> None:
        while self.calls:
            self._step(0)
        while self.unpublished:
            self._publish(0)
        self._ask(2)
        while self.calls:
            self._step(0)

    def _known_by_all(self, values: dict[str, int]) -> None:
        self.floor |= {key: max(value, self.floor.get(key, 0)) for key, value in values.items()}

    def _settle(self) -> None:
        """Judge the calls that have answered."""
        for call in [call for call in self.calls if call.answer is not None]:
            self.calls.remove(call)
            call.join()
            assert call.answer is not None
            for key, value in zip(call.keys, call.answer, strict=True):
                assert value >= call.floor.get(key, 0), "older than what was published before the call"
                assert value <= self.committed.get(key, 0), "newer than anything committed"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    home: Path = tmp_path_factory.mktemp("home")
    made = Database(load_settings(TASKAPI_HOME=home))
    schema.migrate(made)
    yield made
    made.close()


_worlds = iter(range(1_000_000))
_ACTIONS = ("commit", "commit", "publish", "publish", "ask", "ask", "step", "step", "step")
_RARE = ("foreign", "clear", "expire", "pass")
_SCHEDULE = st.lists(st.tuples(st.sampled_from(_ACTIONS + _RARE), st.integers(0, 5)), min_size=4, max_size=25)


def _run(database: Database, schedule: list[tuple[str, int]]) -> None:
    world = _World(database, f"w{next(_worlds)}:")
    try:
        for action, choice in schedule:
            world.do(action, choice)
        world.end()
    finally:
        for call in world.calls:
            while call.answer is None:
                call.step()


def _named(*steps: str) -> list[Any]:
    return [(step, 0) for step in steps]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedule=_SCHEDULE)
# The look-up read before the commit and is told to the map after the publication.
@example(schedule=_named("ask", "step", "commit", "publish", "step", "ask"))
# A publication that was on its way while everything was forgotten.
@example(schedule=_named("commit", "foreign", "clear", "publish", "ask", "step", "step"))
# A look-up from before the forgetting ends after it.
@example(schedule=_named("ask", "step", "foreign", "clear", "step", "ask", "step", "step"))
# Two publications in the wrong order.
@example(
    schedule=[*_named("ask", "step", "step", "commit", "commit"), ("publish", 1), *_named("publish", "ask")]
)
# What is remembered for its lifetime is then looked up again.
@example(schedule=_named("ask", "step", "step", "foreign", "expire", "ask", "step", "step"))
@example(
    schedule=_named("commit", "publish", "ask", "step", "step", "foreign", "expire", "ask", "step", "step")
)
def test_no_order_of_events_makes_the_map_answer_what_is_too_old(
    database: Database, schedule: list[tuple[str, int]]
) -> None:
    _run(database, schedule)


@pytest.mark.prove
@settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedule=_SCHEDULE)
def test_no_order_of_events_makes_the_map_answer_what_is_too_old_in_thousands(
    database: Database, schedule: list[tuple[str, int]]
) -> None:
    _run(database, schedule)

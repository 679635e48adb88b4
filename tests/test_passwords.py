"""Hashing is costly: two at once, a short queue, and beyond it an answer at once."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore, Lock, Semaphore
from typing import Any

import pytest

from taskapi.errors import Busy
from taskapi.passwords import PasswordHashing

AT_ONCE = 2
WAITING = 8


class Slots(BoundedSemaphore):
    """The slots of a PasswordHashing; `arrived` is released by each who comes to take one."""

    def __init__(self, slots: Any) -> None:
        super().__init__(slots._value)
        self.arrived = Semaphore(0)

    def __enter__(self, blocking: bool = True, timeout: float | None = None, /) -> bool:
        self.arrived.release()
        return super().__enter__(blocking, timeout)


class SlowHasher:
    """Hashes for as long as a test wants, and counts how many do so at once."""

    def __init__(self) -> None:
        self.entered = Semaphore(0)
        self.go_on = Semaphore(0)
        self.peak = 0
        self._running = 0
        self._lock = Lock()

    def hash(self, _password: str) -> str:
        with self._lock:
            self._running += 1
            self.peak = max(self.peak, self._running)
        self.entered.release()
        assert self.go_on.acquire(timeout=30)
        with self._lock:
            self._running -= 1
        return "a hash"

    def verify(self, _stored: str, password: str) -> bool:
        return self.hash(password) == "a hash"


def calls(hashing: PasswordHashing) -> list[Callable[[], object]]:
    """As many as there is room for, of both kinds."""
    return [
        (lambda: hashing.verify("a password", "stored")) if i % 2 else (lambda: hashing.hash("a password"))
        for i in range(AT_ONCE + WAITING)
    ]


def wait_for(semaphore: Semaphore, times: int) -> None:
    for _ in range(times):
        assert semaphore.acquire(timeout=30)


def test_two_hash_at_once_eight_wait_and_the_next_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashing, hasher = PasswordHashing(), SlowHasher()
    slots = Slots(hashing._slots)
    monkeypatch.setattr("taskapi.passwords._HASHER", hasher)
    monkeypatch.setattr(hashing, "_slots", slots)
    with ThreadPoolExecutor(AT_ONCE + WAITING + 2) as threads:
        started: list[Future[object]] = [threads.submit(call) for call in calls(hashing)]
        try:
            wait_for(slots.arrived, AT_ONCE + WAITING)
            wait_for(hasher.entered, AT_ONCE)
            for refused in (lambda: hashing.hash("one more"), lambda: hashing.verify("one more", None)):
                with pytest.raises(Busy) as busy:
                    threads.submit(refused).result(timeout=5)
                assert (busy.value.status, busy.value.headers["Retry-After"]) == (503, "1")
            assert not hasher.entered.acquire(timeout=0.2), "a third hashes while two do"
        finally:
            hasher.go_on.release(AT_ONCE + WAITING + 2)
        assert all(one.result(timeout=30) for one in started)
    assert hasher.peak == AT_ONCE
    assert hashing.hash("there is room again") == "a hash"


def test_a_hash_that_fails_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    hashing = PasswordHashing()

    class Starved(SlowHasher):
        def hash(self, _password: str) -> str:
            raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr("taskapi.passwords._HASHER", Starved())
        for _ in range(3 * (AT_ONCE + WAITING)):
            with pytest.raises(MemoryError):
                hashing.hash("a password")
    assert hashing.verify("a password", hashing.hash("a password"))


@pytest.mark.parametrize("stored", ["", "a hash", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=8"])
def test_a_stored_hash_that_cannot_be_read_admits_nobody(stored: str) -> None:
    assert not PasswordHashing().verify("a password", stored)


def test_no_password_is_the_one_of_nobody() -> None:
    assert not PasswordHashing().verify("no password is this one", None)

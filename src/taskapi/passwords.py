"""Passwords: argon2id by OWASP's figures, few at once, and none that everybody tries first."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from importlib.resources import files
from itertools import pairwise

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from taskapi.binding import Binding
from taskapi.errors import Busy
from taskapi.text import folded

# OWASP Password Storage Cheat Sheet: m=19 MiB, t=2, p=1.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)

# Each hash takes a core and 19 MiB: more at once would only slow the others, and the other routes.
AT_ONCE = 2
# How many may wait; each adds about one hash's time divided by AT_ONCE.
MOST_WAITING = 8

MIN_LENGTH = 12
MAX_LENGTH = 256


class PasswordHashing:
    """Hashes and verifies, at most AT_ONCE together; beyond a short queue callers are told to come back."""

    def __init__(self, binding: Binding | None = None) -> None:
        # It takes a processor without the interpreter: not the one that all others need.
        self._lifted = nullcontext if binding is None else binding.lifted
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._inside = 0
        # How many were told to come back.
        self.refused = 0
        # Verified against where there is no account, so that both cost the same.
        self._nobody = _HASHER.hash("no password is this one")

    def hash(self, password: str) -> str:
        """The PHC string of a password. Raises Busy."""
        with self._slot():
            return _HASHER.hash(password)

    def verify(self, password: str, stored: str | None) -> bool:
        """Whether the password is the stored one; with None the same work, and no. Raises Busy."""
        with self._slot():
            try:
                right = _HASHER.verify(stored or self._nobody, password)
            except (VerificationError, InvalidHashError):
                return False
        return right and stored is not None

    def needs_rehash(self, stored: str) -> bool:
        """Whether a stored hash was made with figures that are no longer ours."""
        return _HASHER.check_needs_rehash(stored)

    @property
    def inside(self) -> int:
        """How many are hashed or wait for it."""
        return self._inside

    @contextmanager
    def _slot(self) -> Iterator[None]:
        with self._lock:
            if self._inside >= AT_ONCE + MOST_WAITING:
                self.refused += 1
                raise Busy("Too many people are signing in at this moment. Try again in a second.")
            self._inside += 1
        try:
            with self._slots, self._lifted():
                yield
        finally:
            with self._lock:
                self._inside -= 1


def is_common(password: str) -> bool:
    """Whether attackers try it first: a known password, alone, repeated or with a run after it."""
    plain = folded(password.strip())
    if len(set(plain)) < 4 or _is_run(plain):
        return True
    return any(core in _common() or _is_run(core) for core in _cores(plain))


def _cores(plain: str) -> Iterator[str]:
    """What is left of a password without its repetition and without what people add to its end."""
    yield plain
    for length in range(1, len(plain) // 2 + 1):
        if plain == (plain[:length] * (len(plain) // length + 1))[: len(plain)]:
            yield plain[:length]
    core = plain.rstrip("0123456789!?.*#$@_-")
    added = plain[len(core) :]
    if len(added) <= 4 or _is_run(added.rstrip("!?.*#$@_-")) or len(set(added)) == 1:
        yield core


def _is_run(text: str) -> bool:
    """Whether every character follows the one before it: 123456, fedcba, 111111; after 9 comes 0."""
    cycle = 10 if text.isdecimal() else 0x110000
    steps = {(ord(after) - ord(before)) % cycle for before, after in pairwise(text)}
    return len(text) > 1 and (steps <= {0, 1} or steps <= {0, cycle - 1})


@cache
def _common() -> frozenset[str]:
    text = files("taskapi").joinpath("data/common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(text.split("\n")) - {""}

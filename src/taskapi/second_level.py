"""Answers that some instance has made, kept in Redis for the others (ADR 16).

What is found there is held against the epochs like what is found in memory, and never tells any. It is sealed
under a key that follows from the request, so that whoever has the Redis can neither read nor forge an answer.
"""

import hmac
import queue
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import taskapi
from taskapi import clock
from taskapi.redis_calls import RedisCalls, Unreachable
from taskapi.responses import Entry

# Longer ones are cheap to make for what they weigh.
_MOST_BYTES = 256 * 1024
# After this long an answer that nobody changed is made anew.
_MOST_LIFE_MILLISECONDS = 10 * clock.MINUTE
# What is to be sent waits in memory, at most 32 MiB; where Redis is slow, some is not sent at all.
_MOST_WAITING = 128
_MOST_AT_ONCE = 50
# Of bodies: they have to be sent within the time of a call.
_MOST_BYTES_AT_ONCE = 512 * 1024
_GATHERING_SECONDS = 0.02
# After so many looks in vain in a row, one of so many is made until something is found: alone, or where each
# instance has clients of its own, a look is what a miss takes longest for.
_MOST_IN_VAIN = 32
_ONE_OF = 8
# As NIST SP 800-38D recommends.
_NONCE_BYTES = 12


class SecondLevel:
    """Entries by key, in a Redis that all instances of the service share; safe from any thread."""

    def __init__(self, calls: RedisCalls, name: str, secret: bytes) -> None:
        """`name` begins the keys of this service."""
        self._calls = calls
        self._name = name
        self._secret = secret
        self._waiting: queue.Queue[tuple[object, Entry]] = queue.Queue(_MOST_WAITING)
        # Looks in vain since something was found; threads may lose a count to each other.
        self._in_vain = 0
        self._turns = count()

    def get(self, key: object, holds: Callable[[Entry], bool]) -> Entry | None:
        """What another instance made, if it holds; None also where it is not worth a look."""
        if self._in_vain >= _MOST_IN_VAIN and next(self._turns) % _ONE_OF:
            return None
        found = self._look(key)
        # What is outdated is no find: this instance's own answers are there too, until they are made anew.
        if found is None or not holds(found):
            self._in_vain += 1
            return None
        self._in_vain = 0
        return found

    def _look(self, key: object) -> Entry | None:
        name, cipher = self._place(key)
        try:
            (sealed,) = self._calls.ask(("GET", name))
        except Unreachable:
            return None
        return _opened(sealed, cipher, name) if isinstance(sealed, bytes) else None

    def put(self, key: object, entry: Entry) -> None:
        """Have an entry sent when there is time; nobody waits for it."""
        if len(entry.body) <= _MOST_BYTES:
            with suppress(queue.Full):
                self._waiting.put_nowait((key, entry))

    def work(self) -> Iterator[tuple[str, Callable[[threading.Event], None]]]:
        """What has to run in threads of the serving process, by name."""
        yield "second-level", self._send

    def _send(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                entries = [self._waiting.get(timeout=1.0)]
            except queue.Empty:
                continue
            # First the answers themselves go out; meanwhile more may come.
            stop.wait(_GATHERING_SECONDS)
            size = len(entries[0][1].body)
            while len(entries) < _MOST_AT_ONCE and size < _MOST_BYTES_AT_ONCE and not self._waiting.empty():
                entries.append(self._waiting.get())
                size += len(entries[-1][1].body)
            self._send_all(entries)

    def _send_all(self, entries: list[tuple[object, Entry]]) -> None:
        commands: list[tuple[str | bytes | int, ...]] = []
        for key, entry in entries:
            life = min(entry.until - clock.now(), _MOST_LIFE_MILLISECONDS)
            if life > 0:
                name, cipher = self._place(key)
                commands.append(("SET", name, _sealed(entry, cipher, name), "PX", life))
        if commands:
            with suppress(Unreachable):
                self._calls.ask(*commands)

    def _place(self, key: object) -> tuple[str, AESGCM]:
        """Where an entry is, and what it is sealed with: neither tells what was asked for, or by whom.

        Releases do not share answers, which may look otherwise.
        """
        told = repr((taskapi.__version__, key)).encode()
        name = hmac.digest(self._secret, b"name" + told, "sha256").hex()[:32]
        return f"{self._name}:{name}", AESGCM(hmac.digest(self._secret, b"key" + told, "sha256"))


def _sealed(entry: Entry, cipher: AESGCM, name: str) -> bytes:
    head = orjson.dumps(
        [entry.user_id, entry.keys, entry.values, entry.since, entry.until, entry.etag, entry.headers]
    )
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, len(head).to_bytes(4, "big") + head + entry.body, name.encode())


def _opened(sealed: bytes, cipher: AESGCM, name: str) -> Entry | None:
    """The entry, None where it is none of ours."""
    try:
        content = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
    except (InvalidTag, ValueError):
        return None
    end = 4 + int.from_bytes(content[:4], "big")
    user_id, keys, values, since, until, etag, headers = orjson.loads(content[4:end])
    return Entry(
        user_id, tuple(keys), tuple(values), since, until, etag, tuple(map(tuple, headers)), content[end:]
    )

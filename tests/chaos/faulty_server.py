"""`taskapi` with a fault planted into how it hears of others, named by FAULT: each has to be found.

FAULT="tells nobody" python -m tests.chaos.faulty_server serve --port 5001
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from taskapi import consistency
from taskapi.__main__ import main
from taskapi.channel import Belief, Channel
from taskapi.redis_calls import Unreachable

# So late that everybody notices.
_LATE_SECONDS = 3.0


def _tells_nobody() -> None:
    _replace(Channel, "tell", lambda _self, _moved: None)


def _tells_after_the_answer() -> None:
    tell = Channel.tell

    def late(self: Channel, moved: Mapping[str, int]) -> None:
        threading.Timer(_LATE_SECONDS, tell, (self, moved)).start()

    _replace(Channel, "tell", late)


def _believes_without_a_beat() -> None:
    proved = Belief.proved

    def for_good(self: Belief, way: str, moment: float) -> None:
        proved(self, way, moment)
        if self._epochs.believed_until > time.monotonic():
            self._epochs.believed_until = float("inf")

    _replace(Belief, "proved", for_good)
    _replace(Belief, "lost", lambda _self, _way: None)


def _has_no_second_way() -> None:
    def by_redis_alone(self: Channel, told: list[str]) -> None:
        try:
            self._calls.ask(("PUBLISH", self._name, "\n".join(told)))
        except Unreachable:
            return

    _replace(Channel, "_send", by_redis_alone)


def _hears_redis_alone() -> None:
    def no_news(self: Channel, stop: threading.Event) -> None:
        while not stop.wait(0.1):
            self._belief.proved("postgresql", time.monotonic())

    _replace(Channel, "_hear_postgresql", no_news)


def _agrees_with_nobody() -> None:
    def meet(self: Channel, identity: str) -> None:
        self._heard = self._named = identity

    _replace(Channel, "_meet", meet)


def _does_not_look_at_tokens() -> None:
    _replace(consistency, "seen_by", lambda *_: {})


def _replace(owner: Any, name: str, fault: Callable[..., Any]) -> None:
    setattr(owner, name, fault)


FAULTS: dict[str, Callable[[], None]] = {
    "tells nobody": _tells_nobody,
    "tells after the answer": _tells_after_the_answer,
    "believes without a beat": _believes_without_a_beat,
    "has no second way": _has_no_second_way,
    "hears Redis alone": _hears_redis_alone,
    "does not look at tokens": _does_not_look_at_tokens,
}

# Found where there are two masters alone.
_OF_MASTERS: dict[str, Callable[[], None]] = {"agrees with nobody": _agrees_with_nobody}

if __name__ == "__main__":
    (FAULTS | _OF_MASTERS)[os.environ["FAULT"]]()
    main()

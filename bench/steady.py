"""The crowd of few connections, measured as it is when it has been there for long.

Each path of each person is in memory with the chance that its last request came after the last change, which
is share / (share + changes) for a path of this share of the requests, however seldom the person asks. What
starts with nothing in memory comes near to that after minutes only.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.counted import Counted, counted
from bench.house import House
from bench.load import Figures, Load, put
from bench.names import (
    AFTER,
    CROWD,
    DIRECT,
    FAST,
    FAST_FRONT,
    FAST_TWO_FRONT,
    FRONT,
    LIGHT,
    LIGHT_FRONT,
    LIGHT_TWO_FRONT,
)
from bench.storming.sent import PATHS
from taskapi.tokens import ACCESS_SECONDS

# The references that keep answers or are quick without; the others have no place in a crowd.
_PEERS = (AFTER, FAST_FRONT, FAST_TWO_FRONT, FAST, LIGHT_FRONT, LIGHT_TWO_FRONT, LIGHT)
_OURS = (FRONT, DIRECT)
_COLD_SECONDS = 2
# Seconds in which what is in memory is asked for once, by those who keep answers; "after" takes longest.
_FILLING = {FRONT: 9, DIRECT: 8, AFTER: 20}
# Of requests, those that change something of somebody.
_CHANGES = 0.01
# What no change of a task changes.
_OF_ONESELF = "/api/v1/me"
# What is between loads: reading the metrics, and wrk that starts.
BETWEEN_SECONDS = 0.5


@dataclass(frozen=True)
class Steady:
    """What is told of the rounds; `warm` is for how many seconds each had the load before."""

    warm: int
    # taskapi's reads that were answered from memory, in the rounds.
    from_memory: float
    # Requests/s through nginx in the first seconds of all, when nothing was in memory.
    cold: float
    cold_seconds: int


def holds(rounds: int, seconds: int, warm: int) -> bool:
    """Whether all is over before the tokens are: answers in memory are kept by token."""
    each = warm + rounds * (seconds + BETWEEN_SECONDS)
    return len((*_OURS, *_PEERS)) * each + sum(_FILLING.values()) + _COLD_SECONDS < ACCESS_SECONDS


def steady(house: House, rounds: int, seconds: int, warm: int) -> tuple[dict[str, list[Figures]], Steady]:
    """Every round's figures by server, and what is told of them."""
    tokens = dict.fromkeys(_OURS, house.crowd.tokens()) | dict.fromkeys(_PEERS, house.crowd.peers_tokens)
    loads = {name: _load(house, name, some) for name, some in tokens.items()}
    print(f"{CROWD}: filling what keeps answers, and {warm} s of it for each", flush=True)
    cold = put(loads[FRONT], _COLD_SECONDS).rate
    for name, filling in _FILLING.items():
        put(_once(house, name, tokens[name]), filling)
    for load in loads.values():
        put(load, warm)
    found: dict[str, list[Figures]] = {name: [] for name in loads}
    seen = Counted()
    for number in range(1, rounds + 1):
        for name, load in loads.items():
            before = counted(house.metrics)
            found[name].append(put(load, seconds))
            if name in _OURS:
                seen += counted(house.metrics) - before
        print(f"{CROWD}: round {number} of {rounds}", flush=True)
    return found, Steady(warm, seen.from_memory, cold, _COLD_SECONDS)


def _load(house: House, name: str, tokens: Sequence[str]) -> Load:
    """The crowd, with the same tokens from the first second to the last."""
    people = house.crowd.written(house.folder / f"crowd of {_known(name)}", tokens)
    return Load("crowd", _url(house, name), file=people, words=(str(_CHANGES),))


def _once(house: House, name: str, tokens: Sequence[str]) -> Load:
    """All that is in memory when the crowd has been there for long, asked for once."""
    asked = list(_in_memory(house, tokens))
    random.Random(4).shuffle(asked)
    path = house.folder / f"what {_known(name)} ask for once"
    path.write_text("".join(f"{one}\t{token}\n" for one, token in asked))
    return Load("never_again", _url(house, name), file=path)


def _in_memory(house: House, tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Paths, and whose."""
    chance = random.Random(3)
    starts = pairwise((0, *(most for most, _ in PATHS)))
    shares = [(most - least) / 100 * (1 - _CHANGES) for least, most in starts]
    for token, member in zip(tokens, house.crowd.members, strict=True):
        for share, (_, path) in zip(shares, PATHS, strict=True):
            if path == _OF_ONESELF or chance.random() < share / (share + _CHANGES):
                yield path.format(task=member.tasks[0]), token


def _known(name: str) -> str:
    return "ours" if name in _OURS else "theirs"


def _url(house: House, name: str) -> str:
    return ({FRONT: house.front, DIRECT: house.taskapi} | house.peers_through_front | house.peers)[name]

"""The crowd of few connections, measured after each system has had it for a while."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.counted import Counted, counted
from bench.house import House
from bench.load import Figures, Load, put
from bench.names import AFTER, CROWD, DIRECT, FAST, FRONT, LIGHT
from taskapi.tokens import ACCESS_SECONDS

# The references that keep answers or are quick without; the others have no place in a crowd.
_PEERS = (AFTER, FAST, LIGHT)
_OURS = (FRONT, DIRECT)
_COLD_SECONDS = 2
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
    return len((*_OURS, *_PEERS)) * each < ACCESS_SECONDS


def steady(house: House, rounds: int, seconds: int, warm: int) -> tuple[dict[str, list[Figures]], Steady]:
    """Every round's figures by server, and what is told of them."""
    loads = _loads(house)
    print(f"{CROWD}: {warm} s of it for each", flush=True)
    cold = _warmed(loads, warm)
    found: dict[str, list[Figures]] = {name: [] for name in loads}
    seen = Counted()
    for number in range(1, rounds + 1):
        for name, load in loads.items():
            before = counted(house.metrics)
            found[name].append(put(load, seconds))
            if name in _OURS:
                seen += counted(house.metrics) - before
        print(f"{CROWD}: round {number} of {rounds}", flush=True)
    return found, Steady(warm, seen.from_memory, cold, min(_COLD_SECONDS, warm))


def _loads(house: House) -> dict[str, Load]:
    """All with the same tokens from the first second to the last."""
    folder, crowd = house.folder, house.crowd
    ours = crowd.written(folder / "crowd of ours", crowd.tokens())
    theirs = crowd.written(folder / "crowd of theirs", crowd.peers_tokens)
    urls = {FRONT: house.front, DIRECT: house.taskapi} | {name: house.peers[name] for name in _PEERS}
    return {
        name: Load("crowd", url, file=ours if name in _OURS else theirs, words=("0.01",))
        for name, url in urls.items()
    }


def _warmed(loads: Mapping[str, Load], seconds: int) -> float:
    """Each has the load for so long, ours last; the rate of our first seconds through nginx."""
    for name in _PEERS:
        put(loads[name], seconds)
    first = min(_COLD_SECONDS, seconds)
    cold = put(loads[FRONT], first).rate
    if seconds > first:
        put(loads[FRONT], seconds - first)
    put(loads[DIRECT], seconds)
    return cold

"""taskapi killed and started anew while readers ask through nginx."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from bench.open_loop import OpenLoop, Shot
from bench.storming.seen import Seen, phase, seconds_until_normal
from bench.storming.sent import Phases
from bench.storming.service import Service

GOAL_SECONDS = 1.5
_BEFORE_SECONDS = 2


@dataclass(frozen=True)
class ColdStart:
    before: Seen
    # Seconds from the start of the process to the first good answer, and until it was as before; None where
    # that was not within those that were watched.
    until_answered: float | None
    until_normal: float | None
    watched: float
    # Of the reads after the first good answer, those from memory.
    hits: float
    failed: int


def cold_start(
    client: OpenLoop, shots: Callable[[Phases], list[Shot]], rate: float, seconds: float, service: Service
) -> ColdStart:
    """One start, watched for so many seconds."""
    moments: list[float] = []
    timer = threading.Timer(_BEFORE_SECONDS, lambda: moments.append(service.start_anew()))
    timer.start()
    end = _BEFORE_SECONDS + seconds
    volley = client.fire(shots([(rate, end)]))
    timer.join()
    service.require_running()
    started = moments[0] - volley.began
    # What was in flight when it was killed is left out.
    before = phase(volley.told, 0, _BEFORE_SECONDS - 0.2)
    # What was due before may have been answered by the old one.
    answered = [one.done for one in volley.told if one.is_good and one.due > started]
    first = min(answered) - started if answered else None
    return ColdStart(
        before=before,
        until_answered=first,
        until_normal=seconds_until_normal(volley.told, started, end, before),
        watched=end - started,
        hits=0.0 if first is None else phase(volley.told, started + first, end).hits,
        failed=sum(not one.is_good for one in volley.told),
    )

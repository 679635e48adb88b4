"""Three times as many requests as one core can answer, due whether it answers or not."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.open_loop import OpenLoop, Shot, Told, percentile
from bench.storming.seen import Seen, between, phase, seconds_until_normal, windows
from bench.storming.sent import Phases

TIMES = 3
GOODPUT_GOAL, REFUSAL_GOAL_MS, NORMAL_GOAL_SECONDS = 0.85, 50, 5
_BEFORE_SECONDS, DURING_SECONDS, _AFTER_SECONDS = 2, 5, 6
_EASY = 0.5


@dataclass(frozen=True)
class Overload:
    # Requests/s: what a closed loop got, what was due, and good answers while it was too much.
    peak: float
    offered: float
    goodput: float
    # Those good answers that came within a second of the moment they were due.
    in_time: float
    # Of what was due: refused by 503 with Retry-After, by another refusal, and never or wrongly answered.
    refused: float
    refused_without_word: float
    failed: float
    refused_p99: float
    p99: float
    until_normal: float | None
    watched: float
    late_ms: float
    busy: float
    before: Seen
    windows: list[tuple[float, Seen]]


def overload(client: OpenLoop, shots: Callable[[Phases], list[Shot]], peak: float) -> Overload:
    """One overload, with an easy time before and after it."""
    over = _BEFORE_SECONDS + DURING_SECONDS
    end = over + _AFTER_SECONDS
    easy = _EASY * peak
    volley = client.fire(
        shots([(easy, _BEFORE_SECONDS), (TIMES * peak, DURING_SECONDS), (easy, _AFTER_SECONDS)])
    )
    due = between(volley.told, _BEFORE_SECONDS, over)
    done = [one for one in volley.told if one.is_good and _BEFORE_SECONDS <= one.done < over]
    refusals = [one for one in due if one.status in {429, 503}]
    telling = sum(_tells_when(one) for one in refusals)
    before = phase(volley.told, 0, _BEFORE_SECONDS)
    return Overload(
        peak=peak,
        offered=len(due) / DURING_SECONDS,
        goodput=len(done) / DURING_SECONDS,
        in_time=sum(one.is_in_time for one in done) / DURING_SECONDS,
        refused=telling / len(due),
        refused_without_word=(len(refusals) - telling) / len(due),
        failed=sum(not one.is_good for one in due) / len(due) - len(refusals) / len(due),
        refused_p99=percentile([one.milliseconds for one in refusals], 0.99),
        p99=percentile([one.milliseconds for one in due if one.is_good], 0.99),
        until_normal=seconds_until_normal(volley.told, over, end, before),
        watched=_AFTER_SECONDS,
        late_ms=volley.late_ms,
        busy=volley.busy,
        before=before,
        windows=windows(volley.told, end),
    )


def _tells_when(told: Told) -> bool:
    return told.status == 503 and told.has_retry_after

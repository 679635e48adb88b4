"""Readers at a rate that the house bears, five times as many for some seconds, and then as before."""

from dataclasses import dataclass

from bench.open_loop import OpenLoop
from bench.storming.seen import Seen, phase, seconds_until_normal, windows
from bench.storming.sent import Readers

TIMES = 5
BEFORE_SECONDS, DURING_SECONDS = 3, 5


@dataclass(frozen=True)
class Burst:
    # Requests/s that a closed loop got, and what share of it was asked for before.
    peak: float
    share: float
    before: Seen
    during: Seen
    after: Seen
    # Seconds after the burst; None where it was not within those that were watched.
    until_normal: float | None
    watched: float
    late_ms: float
    busy: float
    windows: list[tuple[float, Seen]]


def burst(client: OpenLoop, readers: Readers, peak: float, share: float, after: float) -> Burst:
    """One burst; `after` is how many seconds are watched when it is over."""
    rate = share * peak
    over = BEFORE_SECONDS + DURING_SECONDS
    end = over + after
    volley = client.fire(
        readers.shots([(rate, BEFORE_SECONDS), (TIMES * rate, DURING_SECONDS), (rate, after)])
    )
    before = phase(volley.told, 0, BEFORE_SECONDS)
    return Burst(
        peak=peak,
        share=share,
        before=before,
        during=phase(volley.told, BEFORE_SECONDS, over),
        after=phase(volley.told, over, end),
        until_normal=seconds_until_normal(volley.told, over, end, before),
        watched=after,
        late_ms=volley.late_ms,
        busy=volley.busy,
        windows=windows(volley.told, end),
    )

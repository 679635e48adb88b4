"""Many different people log in at once, while others read what is in memory."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.open_loop import OpenLoop, percentile
from bench.storming.seen import Seen, phase
from bench.storming.sent import Readers, log_ins

# More a second than two cores can check.
OFFERED = 100
_BEFORE_SECONDS, _STORM_SECONDS, _AFTER_SECONDS = 2, 5, 1


@dataclass(frozen=True)
class LogIns:
    log_ins: Seen
    refused_p99: float
    # Of the refusals, those that say when to come again.
    told_when: float
    before: Seen
    during: Seen
    late_ms: float


def storm(client: OpenLoop, readers: Readers, rate: float, addresses: Iterator[str]) -> LogIns:
    over = _BEFORE_SECONDS + _STORM_SECONDS
    shots = readers.shots([(rate, over + _AFTER_SECONDS)])
    shots += log_ins(addresses, [(OFFERED, _STORM_SECONDS)], after=_BEFORE_SECONDS)
    volley = client.fire(sorted(shots, key=lambda shot: shot.due))
    entering = [one for one in volley.told if one.kind == "log-in"]
    reading = [one for one in volley.told if one.kind == "read"]
    refused = [one for one in entering if one.status == 503]
    return LogIns(
        log_ins=phase(entering, _BEFORE_SECONDS, over),
        refused_p99=percentile([one.milliseconds for one in refused], 0.99),
        told_when=sum(one.has_retry_after for one in refused) / max(len(refused), 1),
        before=phase(reading, 0, _BEFORE_SECONDS),
        during=phase(reading, _BEFORE_SECONDS, over),
        late_ms=volley.late_ms,
    )

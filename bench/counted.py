"""What taskapi itself has counted of its requests, as its metrics tell."""

from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

# It may have more to do than to tell its metrics.
_PATIENCE_SECONDS = 30
_READS = ("hit", "miss", "bypass")


@dataclass(frozen=True)
class Counted:
    """Since it started; the difference of two is what was between them."""

    # Reads, and of them those answered from memory.
    reads: float = 0
    hits: float = 0
    # Requests that were told to come back, by 503.
    refused: float = 0

    def __add__(self, other: "Counted") -> "Counted":
        return Counted(self.reads + other.reads, self.hits + other.hits, self.refused + other.refused)

    def __sub__(self, before: "Counted") -> "Counted":
        return Counted(self.reads - before.reads, self.hits - before.hits, self.refused - before.refused)

    @property
    def from_memory(self) -> float:
        """Of the reads."""
        return self.hits / max(self.reads, 1)


def counted(metrics: str) -> Counted:
    """What is told at this address."""
    return read(httpx.get(metrics, timeout=_PATIENCE_SECONDS).raise_for_status().text)


def read(told: str) -> Counted:
    families = text_string_to_metric_families(told)
    found = Counted()
    for sample in (one for family in families for one in family.samples):
        if sample.name == "taskapi_cache_answers_total" and sample.labels["outcome"] in _READS:
            is_hit = sample.labels["outcome"] == "hit"
            found += Counted(reads=sample.value, hits=sample.value if is_hit else 0)
        elif sample.name == "api_requests_total" and sample.labels["status"] == "503":
            found += Counted(refused=sample.value)
    return found


def failed_apart(failed: int, connecting: Counted) -> tuple[int, int]:
    """Of what clients saw fail: what was refused while most of them connected, and all the rest.

    Of the rest nobody knows when it failed, if it was no refusal: it counts as after that. More may have been
    refused than clients saw, of those who had gone.
    """
    first = min(round(connecting.refused), failed)
    return first, failed - first

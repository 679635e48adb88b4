"""The threads of a process that tell its metrics, where a port is set for them."""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client.registry import Collector

from taskapi.facts import Fact
from taskapi.metrics.exposition import Port, Told
from taskapi.metrics.facts import Facts, Slowly
from taskapi.metrics.instance import Instance, forget_the_dead
from taskapi.metrics.measures import Sample, samples, samples_of_answering
from taskapi.parts import Parts
from taskapi.settings import Settings

# How often a process leaves its numbers to the others of its instance.
SAVE_SECONDS = 1.0

_log = logging.getLogger("taskapi.metrics")

Work = tuple[str, Callable[[threading.Event], None]]


def of_answering(parts: Parts, facts: Sequence[Fact]) -> Iterator[Work]:
    """What has to run in a process that answers requests, by name; nothing where no port is set."""
    address = parts.settings.metrics_address
    if address is None:
        return
    instance = answering(parts)
    # Where there may be others of the same parent.
    if parts.settings.redis_url is not None:
        yield from _beside_others(parts.settings, instance)
    # Where it does its jobs itself it tells how they are.
    more = _of_service(parts, facts) if parts.settings.broker_url is None else []
    port = Port(address, Told(instance.cells), more, waits_to_be_asked=parts.settings.drain_seconds > 0)
    yield "metrics-port", port.work


def of_scheduler(parts: Parts, facts: Sequence[Fact]) -> Iterator[Work]:
    """What has to run in a process that rings, and tells of the service as a whole."""
    address = parts.settings.metrics_address
    if address is not None:
        yield "metrics-port", Port(address, Told(_instance(parts).cells), _of_service(parts, facts)).work


def of_worker(parts: Parts) -> Iterator[Work]:
    """What has to run in a process that does jobs, and whose parent tells of it."""
    if parts.settings.metrics_address is not None:
        yield from _beside_others(parts.settings, _instance(parts))


def of_workers(settings: Settings) -> Iterator[Work]:
    """What has to run in a process that tells of its children."""
    address = settings.metrics_address
    if address is not None:
        instance = Instance(settings.home, os.getpid(), None, lambda: None)
        yield "metrics-port", Port(address, Told(instance.cells), []).work


def _of_service(parts: Parts, facts: Sequence[Fact]) -> list[Collector]:
    return [Facts(parts.database), Slowly(parts.database, facts)]


def answering(parts: Parts) -> Instance:
    """An instance as a process sees it that answers requests."""
    return _instance(parts, samples_of_answering)


def _instance(parts: Parts, *more: Callable[[Parts], Iterable[Sample]]) -> Instance:
    def save() -> None:
        parts.requests.save(parts.cells)
        for measured in (samples, *more):
            for measure, labels, number in measured(parts):
                parts.cells.put(measure.name, labels, [number])

    return Instance(parts.settings.home, os.getppid(), parts.cells, save)


def _beside_others(settings: Settings, instance: Instance) -> Iterator[Work]:
    try:
        forget_the_dead(settings.home)
        instance.share()
    except OSError as error:
        _log.warning("metrics of this process are not told to its others (%s)", error.strerror)
        return

    def save(stop: threading.Event) -> None:
        while not stop.wait(SAVE_SECONDS):
            instance.save()
        instance.save()

    yield "metrics", save

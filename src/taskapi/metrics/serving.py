"""The threads of a process that tell its metrics, where a port is set for them."""

import logging
import os
import threading
from collections.abc import Callable, Iterator

from prometheus_client.registry import Collector

from taskapi.metrics.exposition import Port, Told
from taskapi.metrics.facts import Facts
from taskapi.metrics.instance import Instance, forget_the_dead
from taskapi.metrics.measures import samples
from taskapi.parts import Parts
from taskapi.settings import Settings

# How often a process leaves its numbers to the others of its instance.
SAVE_SECONDS = 1.0

_log = logging.getLogger("taskapi.metrics")

Work = tuple[str, Callable[[threading.Event], None]]


def of_process(parts: Parts, does_jobs: bool, has_siblings: bool) -> Iterator[Work]:
    """What has to run in a process, by name; nothing where no port is set.

    `does_jobs`: it is one that tells how the outbox is. `has_siblings`: others may have the same parent.
    """
    address = parts.settings.metrics_address
    if address is None:
        return
    instance = _instance(parts)
    if has_siblings:
        yield from _beside_others(parts.settings, instance)
    more: list[Collector] = [Facts(parts.database)] if does_jobs else []
    port = Port(address, Told(instance.cells), more, waits_to_be_asked=parts.settings.drain_seconds > 0)
    yield "metrics-port", port.work


def of_child(parts: Parts) -> Iterator[Work]:
    """What has to run in a process whose parent tells the metrics."""
    if parts.settings.metrics_address is not None:
        yield from _beside_others(parts.settings, _instance(parts))


def of_parent(settings: Settings) -> Iterator[Work]:
    """What has to run in a process that tells of its children."""
    address = settings.metrics_address
    if address is not None:
        instance = Instance(settings.home, os.getpid(), None, lambda: None)
        yield "metrics-port", Port(address, Told(instance.cells), []).work


def _instance(parts: Parts) -> Instance:
    def save() -> None:
        parts.requests.save(parts.cells)
        for measure, labels, number in samples(parts):
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

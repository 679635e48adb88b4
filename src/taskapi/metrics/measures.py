"""What is measured beside requests, by name: docs/metrics.md says the same."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from taskapi import logs
from taskapi.parts import Parts


@dataclass(frozen=True)
class Measure:
    """`processes` says what several processes of an instance come to together."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    labels: tuple[str, ...] = ()
    processes: Literal["sum", "max", "min"] = "sum"


Sample = tuple[Measure, tuple[str, ...], float]

CACHE = Measure(
    "taskapi_cache_answers_total",
    "counter",
    "Answers to reads: from memory (hit), made (miss), never kept (bypass); and those evicted.",
    ("outcome",),
)
CACHE_BYTES = Measure("taskapi_cache_bytes", "gauge", "What answers in memory take.")
CONNECTIONS = Measure(
    "taskapi_database_connections", "gauge", "Connections to the primary: used, idle, most.", ("state",)
)
STATEMENTS = Measure("taskapi_database_statements_total", "counter", "Statements asked of the primary.")
STATEMENT_SECONDS = Measure(
    "taskapi_database_seconds_total", "counter", "Seconds until the primary had answered them."
)
REPLICA_READS = Measure(
    "taskapi_replica_reads_total",
    "counter",
    "Reads that replicas may answer: by a replica, by the primary; and replicas passed over: behind, failed.",
    ("outcome",),
)
REPLICAS = Measure(
    "taskapi_replicas", "gauge", "Replicas by whether they follow.", ("state",), processes="min"
)
EPOCHS_KNOWN = Measure("taskapi_epochs_known", "gauge", "Epochs remembered.")
EPOCHS_BEHIND = Measure(
    "taskapi_epochs_behind_seconds",
    "gauge",
    "How long nothing has proved that all news of others was heard; above 1 nothing is told from memory.",
    processes="max",
)
LIMITED = Measure(
    "taskapi_limited_total", "counter", "Tries that a limit refused, or would have in a dry run.", ("policy",)
)
HASHING = Measure("taskapi_passwords_waiting", "gauge", "Passwords that are hashed, or wait for it.")
HASHING_REFUSED = Measure(
    "taskapi_passwords_refused_total", "counter", "Told to come back, as too many waited."
)
JOBS = Measure(
    "taskapi_jobs_total", "counter", "Tries of background jobs: done, failed, parked.", ("kind", "outcome")
)
PROCESSOR = Measure(
    "taskapi_processor_seconds_total", "counter", "Seconds of processors that all processes took together."
)
MEMORY = Measure("taskapi_memory_bytes", "gauge", "What all processes hold together (resident).")
LOST_LINES = Measure("taskapi_log_lines_lost_total", "counter", "Lines of the log that could not be kept.")

OF_A_PROCESS = (
    *(CACHE, CACHE_BYTES, CONNECTIONS, STATEMENTS, STATEMENT_SECONDS, REPLICA_READS, REPLICAS),
    *(EPOCHS_KNOWN, EPOCHS_BEHIND, LIMITED, HASHING, HASHING_REFUSED, JOBS, LOST_LINES),
    *(PROCESSOR, MEMORY),
)


def samples(parts: Parts) -> Iterator[Sample]:
    """What any process counts and holds now."""
    used, are_open, most = parts.database.connections
    yield CONNECTIONS, ("used",), used
    yield CONNECTIONS, ("idle",), are_open - used
    yield CONNECTIONS, ("most",), most
    yield STATEMENTS, (), parts.database.work.statements
    yield STATEMENT_SECONDS, (), parts.database.work.seconds
    for labels, count in list(parts.jobs.items()):
        yield JOBS, labels, count
    yield LOST_LINES, (), logs.lost_lines()
    yield PROCESSOR, (), time.process_time()
    resident = _resident_bytes()
    if resident is not None:
        yield MEMORY, (), resident


def _resident_bytes() -> int | None:
    """What this process holds, where the system tells (proc(5), statm)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def samples_of_answering(parts: Parts) -> Iterator[Sample]:
    """What only a process has that answers requests: in others nobody asks for it, or listens."""
    for outcome, count in parts.store.counts.items():
        yield CACHE, (outcome,), count
    yield CACHE_BYTES, (), parts.store.bytes
    yield from _of_replicas(parts)
    yield EPOCHS_KNOWN, (), len(parts.epochs)
    if parts.channel is not None:
        yield EPOCHS_BEHIND, (), parts.channel.behind(time.monotonic())
    for policy, count in parts.limiter.refused.items():
        yield LIMITED, (policy,), count
    yield HASHING, (), parts.hashing.inside
    yield HASHING_REFUSED, (), parts.hashing.refused


def _of_replicas(parts: Parts) -> Iterator[Sample]:
    replicas = parts.database.replicas
    if replicas is None:
        return
    for outcome in ("replica", "primary", "behind", "failed"):
        yield REPLICA_READS, (outcome,), replicas.counts[outcome]
    following = replicas.following
    yield REPLICAS, ("following",), following
    yield REPLICAS, ("away",), len(replicas) - following

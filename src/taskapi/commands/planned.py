"""How a plan is shown: a table that says where each figure comes from, or one object for programs."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from math import ceil
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from taskapi.planning.model import ServiceTimes
from taskapi.planning.sizing import (
    ANSWERS_EACH,
    LIFE_IN_REDIS_SECONDS,
    OTHER_CONNECTIONS,
    WORKER_PROCESSES,
    Plan,
    Tier,
)

# Where it is not a terminal that would break lines, programs want a line for each row.
_UNBROKEN = 1000
# `maxmemory` of deploy/redis/cache.conf.
_LEAST_REDIS_MB = 256
Row = tuple[str, str, str]


def as_data(plan: Plan, currency: str, times: ServiceTimes, beyond: Sequence[str]) -> dict[str, Any]:
    """All of it: what was asked, what is needed, what to set, and the times that it comes from."""
    return {
        "load": asdict(plan.load),
        "rules": asdict(plan.rules),
        "microseconds": asdict(plan.demand),
        "processes": plan.processes,
        "replicas": plan.replicas,
        "tiers": {name: asdict(tier) for name, tier in plan.tiers.items()},
        "settings": settings(plan),
        "max_connections": plan.pool.max_connections,
        "redis_maxmemory_mb": maxmemory_mb(plan),
        "cost": {"month": plan.month, "currency": currency},
        "times": {
            "machine": times.machine,
            "commit": times.commit,
            "date": times.date,
            "contention": max(times.contention),
        },
        "warnings": list(beyond),
    }


def settings(plan: Plan) -> dict[str, int]:
    """What each instance is to be given."""
    return {
        "TASKAPI_WORKERS": plan.workers,
        "TASKAPI_THREADS": plan.rules.threads,
        "TASKAPI_POOL_SIZE": plan.pool.size,
        "TASKAPI_POOL_OVERFLOW": plan.pool.overflow,
        "TASKAPI_CACHE_MB": plan.rules.cache_mb,
    }


def maxmemory_mb(plan: Plan) -> int:
    """What Redis may keep of answers, in MiB: no less than deploy/redis gives it."""
    return max(_LEAST_REDIS_MB, ceil(plan.tiers["redis"].memory_gib * 1024))


def show(plan: Plan, currency: str, times: ServiceTimes, beyond: Sequence[str]) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _UNBROKEN)
    load, mix = plan.load, plan.load.mix
    click.echo(
        f"{load.rate:,.0f} requests/s by {load.users:,.0f} people: {mix.hit:.2%} from memory, "
        f"{mix.miss:.2%} made, {mix.write:.2%} writes."
    )
    click.echo(
        f"Times of {times.date}, commit {times.commit}, {times.machine}; "
        f"taken {max(times.contention):.2f} times, as processes that share cores cost each other."
    )
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("what", "how much", "because"):
        table.add_column(name, no_wrap=name == "what", overflow="fold")
    for row in rows(plan, currency):
        table.add_row(*row)
    console.print(table)
    click.echo(
        "Set for each instance: " + " ".join(f"{name}={value}" for name, value in settings(plan).items())
    )
    click.echo(f"Set in PostgreSQL: max_connections={plan.pool.max_connections}")
    click.echo(f"Set in the Redis of answers: maxmemory {maxmemory_mb(plan)}mb")
    for sentence in beyond:
        click.echo(f"Note: {sentence}")


def rows(plan: Plan, currency: str) -> Iterator[Row]:
    """What is needed, how much of it, and what that comes from."""
    demand, rules, tiers = plan.demand, plan.rules, plan.tiers
    share, utilisation = f"at {rules.utilisation:.0%}", rules.utilisation
    yield (
        "processes of the API",
        f"{plan.processes:,}",
        f"{demand.interpreter:,.0f} µs of one interpreter a request, {share}",
    )
    yield (
        "cores of the API",
        f"{tiers['api'].busy_cores / utilisation:,.1f}",
        f"{demand.app:,.0f} µs a request, {share}",
    )
    yield _machines("instances", tiers["api"], f"{plan.workers} processes each")
    yield (
        "memory of all instances",
        f"{tiers['api'].memory_gib:,.1f} GiB",
        f"each process as measured, and TASKAPI_CACHE_MB={rules.cache_mb}",
    )
    yield _machines(
        "background workers", tiers["worker"], f"{WORKER_PROCESSES} processes each; jobs were not measured"
    )
    yield _machines(
        "nginx",
        tiers["nginx"],
        f"{demand.nginx:,.0f} µs a request with TLS, {share}",
    )
    yield from _database_rows(plan)
    redis = tiers["redis"]
    yield (
        "memory of Redis",
        f"{redis.memory_gib:,.2f} GiB",
        f"of {LIFE_IN_REDIS_SECONDS} s, at most {ANSWERS_EACH} a person; {demand.redis:,.0f} µs a request",
    )
    yield _machines("Redis", redis, "one answers for all")
    yield f"{currency} a month", f"{plan.month:,.0f}", "the prices; no traffic, disks, backups or work"


def _database_rows(plan: Plan) -> Iterator[Row]:
    demand, rules, postgres = plan.demand, plan.rules, plan.tiers["postgres"]
    share = f"at {rules.utilisation:.0%}"
    yield (
        "cores of PostgreSQL",
        f"{postgres.busy_cores / rules.utilisation:,.1f}",
        f"{demand.postgres:,.0f} µs a request, {share}",
    )
    reading = plan.replicas - postgres.spare
    yield _machines("PostgreSQL", postgres, f"a primary, {reading} replicas that answer reads")
    yield (
        "memory of PostgreSQL",
        f"{postgres.memory_gib:,.1f} GiB",
        f"its connections, and the data of {plan.load.users:,.0f} people",
    )
    yield (
        "connections",
        f"{plan.pool.max_connections:,}",
        f"{plan.pool.size + plan.pool.overflow + 1} for each process, {OTHER_CONNECTIONS} for others",
    )


def _machines(what: str, tier: Tier, because: str) -> Row:
    spare = f", {tier.spare} spare" if tier.spare else ""
    machine = tier.machine
    return what, f"{tier.count} × {machine.cores} cores, {machine.memory_gib:g} GiB", because + spare

"""Where a plan goes beyond what anybody has tried."""

from collections.abc import Iterator

from taskapi.planning.model import ServiceTimes
from taskapi.planning.sizing import Plan

# `worker_connections` of each of nginx's processes, of which there is one a core (deploy/nginx).
_CONNECTIONS_OF_NGINX = 8192
# PostgreSQL has a process for each; from about here on a pooler costs less than they do.
_MANY_CONNECTIONS = 500
# A process remembers so many tokens (callers.py), and nginx gives a person's requests to all instances.
_MOST_KNOWN = 20_000


def warnings(plan: Plan, times: ServiceTimes) -> Iterator[str]:
    """Each in one sentence that says what is beyond what."""
    tried = times.measured_up_to
    if times.estimated:
        yield f"Nobody has measured {', '.join(times.estimated)}: these are estimates."
    if plan.load.rate > tried.rate:
        yield (
            f"{plan.load.rate:,.0f} requests/s are more than the {tried.rate:,.0f} that were measured on one "
            "machine."
        )
    if plan.processes > tried.workers:
        yield f"{plan.processes} processes are more than the {tried.workers} that were measured."
    yield (
        "All was measured on one machine: what the network between several takes is not in the times. "
        "Measure with your own load before you rely on it."
    )
    nginx = plan.tiers["nginx"]
    of_nginx = plan.load.users / ((nginx.count - nginx.spare) * nginx.machine.cores)
    if of_nginx > _CONNECTIONS_OF_NGINX:
        yield (
            f"Each process of nginx would have {of_nginx:,.0f} connections, one for each person, and takes "
            f"{_CONNECTIONS_OF_NGINX:,}: raise worker_connections (deploy/nginx)."
        )
    if plan.load.users > _MOST_KNOWN:
        yield (
            f"Each process would meet {plan.load.users:,.0f} people, and remembers {_MOST_KNOWN:,} tokens: "
            "fewer reads may come from memory than was said, and who is forgotten is verified anew."
        )
    redis = plan.tiers["redis"]
    if redis.busy_cores > plan.rules.utilisation:
        yield (
            f"Redis would be busy for {redis.busy_cores:.2f} s of each second, and it has one core: more "
            f"than {plan.rules.utilisation:.0%}."
        )
    if redis.memory_gib > redis.machine.memory_gib * plan.rules.utilisation:
        yield (
            f"Redis would keep {redis.memory_gib:,.0f} GiB of answers, more than the largest machine has "
            "room for: it throws the oldest away."
        )
    if plan.pool.max_connections > _MANY_CONNECTIONS:
        yield (
            f"{plan.pool.max_connections:,} connections are many for PostgreSQL; put pgbouncer between "
            "(docs/postgresql.md)."
        )
    answering = plan.replicas - int(plan.rules.spare)
    if answering > 0:
        yield "What a replica takes to repeat a write was not measured; it is counted like the write itself."

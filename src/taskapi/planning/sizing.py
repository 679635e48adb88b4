"""How many processes, machines and connections a load needs, so that nothing is busier than it should be.

Each core and the memory of each machine are used to `utilisation` at most at the load that is planned for;
what is spare comes on top. Behind each size is the utilisation law (model.py): cores = X · D / utilisation.
"""

from dataclasses import dataclass
from math import ceil

from taskapi.admission import SPARE_THREADS
from taskapi.errors import BadStart
from taskapi.planning.model import SECOND, Demand, Kinds, Mix, Weights
from taskapi.planning.prices import Machine, Prices, cost

GIB = 1 << 30
# How long an answer stays in Redis (ADR 16).
LIFE_IN_REDIS_SECONDS = 600
# Of one person, as the load models ask: a list, a filtered list, a task, statistics, oneself.
ANSWERS_EACH = 5
# What a process keeps open of its connections, if it has threads for so many.
KEPT_CONNECTIONS = 10
# For commands, backups, whoever looks, and PostgreSQL's own three for superusers.
OTHER_CONNECTIONS = 20
# Background jobs: processes of one worker, as the box has it.
WORKER_PROCESSES = 2


@dataclass(frozen=True)
class Load:
    """What is to be served."""

    # Requests a second.
    rate: float
    users: float
    mix: Mix


@dataclass(frozen=True)
class Rules:
    """What a plan keeps to."""

    # Of each resource, 0 to 1.
    utilisation: float = 0.6
    spare: bool = True
    # So many places of which any one may fail.
    zones: int = 1
    threads: int = 8
    cache_mb: int = 64


@dataclass(frozen=True)
class Tier:
    """Machines of one kind: `count` of them, `spare` of these beyond what the load needs."""

    machine: Machine
    count: int
    spare: int
    # At the load, without what is kept free; all machines together.
    busy_cores: float
    memory_gib: float


@dataclass(frozen=True)
class Pool:
    """Connections to PostgreSQL: what a process keeps, what it may open beyond, what all need together."""

    size: int
    overflow: int
    max_connections: int


@dataclass(frozen=True)
class Plan:
    """What a load needs."""

    load: Load
    rules: Rules
    demand: Demand
    # Of the API, in all instances but spare ones; and in each instance.
    processes: int
    workers: int
    # Beside the primary; they answer reads, or only wait to stand in for it.
    replicas: int
    pool: Pool
    tiers: dict[str, Tier]

    @property
    def month(self) -> float:
        return cost((tier.machine, tier.count) for tier in self.tiers.values())


def planned(load: Load, kinds: Kinds, weights: Weights, prices: Prices, rules: Rules) -> Plan:
    """What the load needs, where requests take so much. Raises BadStart for what no machine can do."""
    demand = kinds.mixed(load.mix)
    processes = max(1, ceil(_cores(load.rate, demand.interpreter) / rules.utilisation))
    api, workers = _api(load.rate, demand, processes, weights, prices, rules)
    jobs = Tier(prices.of_instance, 2 if rules.spare else 1, int(rules.spare), 0.0, 0.0)
    pool = _pool(api.count * workers + jobs.count * WORKER_PROCESSES, rules)
    database = _database(load, kinds, weights, pool, prices, rules)
    tiers = {
        "nginx": _nginx(load, demand, prices, rules),
        "api": api,
        "worker": jobs,
        "postgres": database,
        "redis": _redis(load, demand, weights, prices, rules),
    }
    return Plan(load, rules, demand, processes, workers, database.count - 1, pool, tiers)


def _cores(rate: float, microseconds: float) -> float:
    """How many cores are busy: the utilisation law."""
    return rate * microseconds / SECOND


def _with_spare(needed: int, rules: Rules) -> int:
    """One more; over several zones so many that those of all zones but one are enough."""
    if not rules.spare:
        return needed
    # Of more zones than that the others would do nothing for it.
    zones = min(rules.zones, needed + 1)
    return needed + 1 if zones == 1 else zones * ceil(needed / (zones - 1))


def _api(
    rate: float, demand: Demand, processes: int, weights: Weights, prices: Prices, rules: Rules
) -> tuple[Tier, int]:
    """The instances, and the processes of each."""
    machine = prices.of_instance
    busy = _cores(rate, demand.app)
    each = (weights.process + (rules.cache_mb << 20)) / GIB
    fitting = int(machine.memory_gib * rules.utilisation / each) if each else processes
    if fitting < 1:
        raise BadStart(
            f"--prices: a process needs {each:.2f} GiB, which is more than {rules.utilisation:.0%} of the "
            f"memory of {machine.name!r}; name a larger machine as `instance`"
        )
    needed = max(ceil(busy / rules.utilisation / machine.cores), ceil(processes / fitting), 1)
    count = _with_spare(needed, rules)
    workers = ceil(processes / needed)
    return Tier(machine, count, count - needed, busy, each * workers * count), workers


def _pool(processes: int, rules: Rules) -> Pool:
    """So many that no thread waits for one; each process also has one on which it hears of others."""
    places = rules.threads + SPARE_THREADS
    size = min(KEPT_CONNECTIONS, places)
    return Pool(size, places - size, processes * (places + 1) + OTHER_CONNECTIONS)


def _nginx(load: Load, demand: Demand, prices: Prices, rules: Rules) -> Tier:
    busy = _cores(load.rate, demand.nginx)
    cores = busy / rules.utilisation
    machine = prices.cheapest(cores, 0) or prices.largest
    needed = max(1, ceil(cores / machine.cores))
    count = _with_spare(needed, rules)
    return Tier(machine, count, count - needed, busy, 0.0)


def _database(load: Load, kinds: Kinds, weights: Weights, pool: Pool, prices: Prices, rules: Rules) -> Tier:
    """A primary for everything, or for writes alone with replicas of the same size for reads.

    A replica repeats each write; that is counted as the time that the primary takes for one, which is more.
    """
    writes = _cores(load.rate * load.mix.write, kinds.write.postgres)
    hits = _cores(load.rate * load.mix.hit, kinds.hit.postgres)
    reads = _cores(load.rate * load.mix.miss, kinds.miss.postgres) + hits
    memory = (pool.max_connections * weights.connection + load.users * weights.person) / GIB
    spare = int(rules.spare)
    machine = prices.cheapest((writes + reads) / rules.utilisation, memory / rules.utilisation)
    if machine is not None:
        return Tier(machine, 1 + spare, spare, writes + reads, memory)
    machine = prices.largest
    free = machine.cores * rules.utilisation - writes
    if free <= 0:
        raise BadStart(
            f"--rps: its writes need {writes / rules.utilisation:,.0f} cores of the one primary, and the "
            f"largest machine of the prices has {machine.cores}; plan for fewer writes, or name a larger one "
            "by --prices"
        )
    if memory > machine.memory_gib * rules.utilisation:
        raise BadStart(
            f"--users: their data and connections need {memory / rules.utilisation:,.0f} GiB of memory, and "
            f"the largest machine of the prices has {machine.memory_gib:,.0f}; plan for fewer, or name a "
            "larger one by --prices"
        )
    replicas = ceil(reads / free)
    return Tier(machine, 1 + replicas + spare, spare, writes + reads, memory)


def _redis(load: Load, demand: Demand, weights: Weights, prices: Prices, rules: Rules) -> Tier:
    """Room for each answer that is made, as long as it may be there (Little's law: number = rate · time).

    What one person asks for again and again has one place, so there are never more than so many of each.
    """
    busy = _cores(load.rate, demand.redis)
    answers = min(load.rate * load.mix.miss * LIFE_IN_REDIS_SECONDS, load.users * ANSWERS_EACH)
    memory = answers * weights.answer / GIB
    # Where none has so much, Redis throws the oldest away, and others make them anew.
    machine = prices.cheapest(1, memory / rules.utilisation) or prices.largest
    spare = int(rules.spare)
    return Tier(machine, 1 + spare, spare, busy, memory)

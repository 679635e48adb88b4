"""The model of a plan: what holds of it whatever the load and the times are."""

from dataclasses import asdict, fields, replace
from math import ceil

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from taskapi.admission import SPARE_THREADS
from taskapi.errors import BadStart
from taskapi.planning.model import SECOND, Demand, Kinds, Limits, Mix, ServiceTimes, Weights, most
from taskapi.planning.prices import Machine, Prices, cost
from taskapi.planning.sizing import ANSWERS_EACH, GIB, LIFE_IN_REDIS_SECONDS, Load, Plan, Rules, planned
from taskapi.planning.untried import warnings

PRICES = Prices(
    "EUR",
    "four",
    [Machine("two", 2, 8, 60), Machine("four", 4, 16, 120), Machine("many", 64, 256, 1920)],
)
WEIGHTS = Weights(process=200 << 20, connection=2 << 20, answer=9000, person=33_000)
KINDS = Kinds(
    hit=Demand(interpreter=60, server=40, nginx=70, postgres=2, redis=1, client=35),
    miss=Demand(interpreter=1000, server=80, nginx=130, postgres=400, redis=30, client=80),
    write=Demand(interpreter=1500, server=70, nginx=110, postgres=800, redis=50, client=80),
)

shares = st.floats(0, 1)
mixes = st.builds(Mix.of, shares, shares)
demands = st.builds(Demand, **{one.name: st.floats(0.1, 10_000) for one in fields(Demand)})
kinds = st.builds(Kinds, hit=demands, miss=demands, write=demands)
rates = st.floats(0.1, 20_000)
rules = st.builds(Rules, utilisation=st.floats(0.1, 0.9), spare=st.booleans(), zones=st.integers(1, 4))


def plan_of(rate: float, mix: Mix, kept: Rules, times: Kinds = KINDS, users: float = 1000) -> Plan:
    """A plan, of a load that the largest machine can do."""
    try:
        return planned(Load(rate, users, mix), times, WEIGHTS, PRICES, kept)
    except BadStart:
        assume(False)
        raise


def sizes(plan: Plan) -> dict[str, float]:
    """All that a larger load may not have less of."""
    return {
        "processes": plan.processes,
        "replicas": plan.replicas,
        "connections": plan.pool.max_connections,
        "month": plan.month,
        **{f"{name} cores": tier.busy_cores for name, tier in plan.tiers.items()},
        **{f"{name} machines' cores": tier.count * tier.machine.cores for name, tier in plan.tiers.items()},
    }


@given(shares, shares)
def test_the_shares_of_a_mix_sum_up_to_one_and_none_is_negative(reads: float, hit: float) -> None:
    mix = Mix.of(reads, hit)
    assert sum(asdict(mix).values()) == pytest.approx(1)
    assert min(asdict(mix).values()) >= 0
    assert mix.hit == pytest.approx(reads * hit)


@given(kinds, mixes)
def test_a_mixed_demand_is_that_of_each_kind_by_its_share(times: Kinds, mix: Mix) -> None:
    mixed = times.mixed(mix)
    for one in fields(Demand):
        by_share = [getattr(mix, kind) * getattr(getattr(times, kind), one.name) for kind in asdict(mix)]
        assert getattr(mixed, one.name) == pytest.approx(sum(by_share))


@given(demands, st.integers(1, 64), st.floats(0.1, 64))
def test_a_prediction_is_one_of_its_two_bounds_and_above_neither(
    demand: Demand, processes: int, cores: float
) -> None:
    bounds = [processes / demand.interpreter * SECOND, cores / demand.total * SECOND]
    predicted = most(demand, processes, cores)
    assert predicted == pytest.approx(min(bounds))
    for one in fields(Demand):
        busy = predicted * getattr(demand, one.name) / SECOND
        assert busy <= cores * 1.001


@given(kinds, st.floats(1, 3), mixes)
def test_a_plan_reckons_with_the_worst_contention_that_was_seen(
    times: Kinds, factor: float, mix: Mix
) -> None:
    limits = Limits(workers=3, rate=1)
    found = ServiceTimes("m", "c", "d", times, WEIGHTS, [1.0, factor, 1.0], limits, []).planned.mixed(mix)
    plain = times.mixed(mix)
    for one in fields(Demand):
        assert getattr(found, one.name) == pytest.approx(getattr(plain, one.name) * factor)


@given(demands, st.integers(1, 64), st.floats(0.1, 64))
def test_more_processes_or_cores_never_predict_less(demand: Demand, processes: int, cores: float) -> None:
    predicted = most(demand, processes, cores)
    assert most(demand, processes + 1, cores) >= predicted
    assert most(demand, processes, cores + 1) >= predicted


@pytest.mark.parametrize(("processes", "cores"), [(0, 2.0), (1, 0.0)])
def test_nobody_answers_without_process_or_core(processes: int, cores: float) -> None:
    with pytest.raises(ValueError, match="core"):
        most(KINDS.hit, processes, cores)


def test_the_client_counts_in_a_prediction_and_in_no_plan() -> None:
    slow = replace(KINDS, hit=replace(KINDS.hit, client=100_000))
    hits = Mix.of(1, 1)
    assert most(slow.mixed(hits), 8, 2) < most(KINDS.mixed(hits), 8, 2)
    assert sizes(plan_of(1000, hits, Rules(), slow)) == sizes(plan_of(1000, hits, Rules()))


@given(rates, st.floats(1, 4), mixes, rules, st.floats(1, 1e6))
def test_more_load_never_needs_less(rate: float, times: float, mix: Mix, kept: Rules, users: float) -> None:
    less, more = plan_of(rate, mix, kept, users=users), plan_of(rate * times, mix, kept, users=users * times)
    # Each instance has as many processes as the others: up to one more than it would need.
    of_one = kept.threads + SPARE_THREADS + 1
    rounded = {"connections": less.tiers["api"].count * of_one}
    for name, size in sizes(less).items():
        assert size <= sizes(more)[name] * 1.000001 + rounded.get(name, 0), name


def test_processes_are_the_same_number_on_each_instance() -> None:
    mix, kept = Mix(hit=0.8125, miss=0.0, write=0.1875), Rules(utilisation=0.125, spare=False)
    less, more = plan_of(5917, mix, kept), plan_of(6657, mix, kept)
    assert (less.processes, less.workers, less.tiers["api"].count) == (16, 4, 5)
    assert (more.processes, more.workers, more.tiers["api"].count) == (18, 3, 6)
    assert less.pool.max_connections > more.pool.max_connections


@given(rates, mixes, rules, kinds)
def test_no_resource_is_busier_than_it_may_be(rate: float, mix: Mix, kept: Rules, times: Kinds) -> None:
    plan = plan_of(rate, mix, kept, times)
    demand = times.mixed(mix)
    allowed = kept.utilisation * 1.000001
    assert rate * demand.interpreter / SECOND <= plan.processes * allowed
    for name, taken in (("api", demand.interpreter + demand.server), ("nginx", demand.nginx)):
        tier = plan.tiers[name]
        cores = (tier.count - tier.spare) * tier.machine.cores
        assert rate * taken / SECOND <= cores * allowed, name
    assert plan.workers * (plan.tiers["api"].count - plan.tiers["api"].spare) >= plan.processes


@given(rates, mixes, rules)
def test_a_primary_has_room_for_its_writes_and_replicas_for_the_reads(
    rate: float, mix: Mix, kept: Rules
) -> None:
    plan = plan_of(rate, mix, kept)
    tier = plan.tiers["postgres"]
    room = tier.machine.cores * kept.utilisation * 1.000001
    writes = rate * mix.write * KINDS.write.postgres / SECOND
    reads = rate * KINDS.mixed(mix).postgres / SECOND - writes
    reading = plan.replicas - tier.spare
    assert writes <= room
    assert reads <= (reading * (room - writes) if reading else room - writes) + 1e-9


@given(rates, mixes, rules, st.floats(0.1, 1))
def test_the_memory_of_an_instance_is_enough_for_its_processes(
    rate: float, mix: Mix, kept: Rules, gibibytes: float
) -> None:
    heavy = replace(WEIGHTS, process=int(gibibytes * GIB))
    try:
        plan = planned(Load(rate, 1000, mix), KINDS, heavy, PRICES, kept)
    except BadStart:
        assume(False)
        raise
    needed = plan.workers * (heavy.process + (kept.cache_mb << 20)) / GIB
    assert needed <= PRICES.of_instance.memory_gib * kept.utilisation * 1.000001


@given(rates, mixes, st.integers(2, 4))
def test_what_is_left_of_all_zones_but_one_is_enough(rate: float, mix: Mix, zones: int) -> None:
    needed = plan_of(rate, mix, Rules(spare=False)).tiers["api"].count
    spread = plan_of(rate, mix, Rules(zones=zones)).tiers["api"].count
    assert spread - ceil(spread / zones) >= needed
    assert plan_of(rate, mix, Rules()).tiers["api"].count == needed + 1


@given(rates, mixes, rules)
def test_the_price_is_that_of_all_machines_together(rate: float, mix: Mix, kept: Rules) -> None:
    plan = plan_of(rate, mix, kept)
    bought = [machine for tier in plan.tiers.values() for machine in [tier.machine] * tier.count]
    assert plan.month == pytest.approx(sum(machine.month for machine in bought))
    assert cost([]) == 0


@given(st.floats(0, 64), st.floats(0, 256))
def test_the_machine_that_is_taken_fits_and_no_other_that_fits_is_cheaper(
    cores: float, memory: float
) -> None:
    taken = PRICES.cheapest(cores, memory)
    assert taken is not None
    fitting = [one for one in PRICES.machines if one.cores >= cores and one.memory_gib >= memory]
    assert taken in fitting
    assert taken.month == min(one.month for one in fitting)


@given(rates, mixes, st.integers(2, 64))
def test_no_thread_waits_for_a_connection(rate: float, mix: Mix, threads: int) -> None:
    pool = plan_of(rate, mix, Rules(threads=threads)).pool
    assert pool.size + pool.overflow == threads + 8
    assert pool.size >= 1
    assert pool.overflow >= 0


def test_a_large_plan_has_replicas_for_reads() -> None:
    plan = planned(Load(400_000, 1000, Mix.of(0.999, 0.5)), KINDS, WEIGHTS, PRICES, Rules(spare=False))
    assert plan.replicas >= 2
    assert plan.tiers["postgres"].machine.name == "many"


@pytest.mark.parametrize(
    ("load", "option"),
    [
        (Load(1e6, 1000, Mix.of(0, 0)), "--rps"),
        (Load(100, 1e9, Mix.of(0.99, 0.95)), "--users"),
    ],
)
def test_what_no_machine_can_do_is_refused_with_the_mend(load: Load, option: str) -> None:
    with pytest.raises(BadStart) as refusal:
        planned(load, KINDS, WEIGHTS, PRICES, Rules())
    assert str(refusal.value).startswith(f"{option}: ")
    assert "--prices" in str(refusal.value)


def test_a_process_larger_than_its_machine_is_refused() -> None:
    huge = replace(WEIGHTS, process=20 * GIB)
    with pytest.raises(BadStart, match="name a larger machine as `instance`"):
        planned(Load(1, 1, Mix.of(1, 1)), KINDS, huge, PRICES, Rules())


def told(plan: Plan, *, workers: int = 3, rate: float = 1e6, estimated: list[str] | None = None) -> str:
    """The warnings, in one text."""
    limits = Limits(workers=workers, rate=rate)
    times = ServiceTimes("m", "c", "d", KINDS, WEIGHTS, [1.0], limits, estimated or [])
    return "\n".join(warnings(plan, times))


def test_what_goes_beyond_what_was_measured_is_said() -> None:
    small = plan_of(10, Mix.of(0.99, 0.95), Rules())
    assert told(small).count("\n") == 0
    assert "1 processes are more" not in told(small, workers=1)
    assert "10 requests/s are more than the 9 " in told(small, rate=9)
    assert "Nobody has measured hit.redis" in told(small, estimated=["hit.redis"])
    large = plan_of(200_000, Mix.of(0.99, 0.95), Rules(), users=1_000_000)
    assert f"{large.processes} processes are more than the 3 " in told(large)
    assert "pgbouncer" in told(large)
    assert "worker_connections" in told(large)


def test_a_redis_that_would_be_too_busy_or_too_small_is_said() -> None:
    plan = plan_of(400_000, Mix.of(1, 0.5), Rules(spare=False))
    assert "Redis would be busy" in told(plan)
    assert "throws the oldest away" not in told(plan)
    long = replace(WEIGHTS, answer=GIB)
    plan = planned(Load(400_000, 1000, Mix.of(1, 0.5)), KINDS, long, PRICES, Rules(spare=False))
    assert "throws the oldest away" in told(plan)


@given(rates, mixes, st.integers(1, 10**6))
def test_redis_has_room_for_no_more_answers_than_people_ask_for(rate: float, mix: Mix, users: int) -> None:
    redis = plan_of(rate, mix, Rules(), users=users).tiers["redis"]
    answers = redis.memory_gib * GIB / WEIGHTS.answer
    assert answers <= users * ANSWERS_EACH * 1.000001
    assert answers <= rate * mix.miss * LIFE_IN_REDIS_SECONDS * 1.000001


def test_more_people_than_a_process_remembers_are_said() -> None:
    assert "remembers 20,000 tokens" not in told(plan_of(1000, Mix.of(0.99, 0.95), Rules(), users=20_000))
    assert "remembers 20,000 tokens" in told(plan_of(1000, Mix.of(0.99, 0.95), Rules(), users=20_001))


def test_no_more_zones_are_used_than_help() -> None:
    small = plan_of(10, Mix.of(0.99, 0.95), Rules(zones=10)).tiers
    assert {name: small[name].count for name in ("api", "nginx")} == {"api": 2, "nginx": 2}


def test_reads_on_replicas_are_said_to_rest_on_an_assumption() -> None:
    plan = planned(Load(400_000, 1000, Mix.of(0.999, 0.5)), KINDS, WEIGHTS, PRICES, Rules(spare=False))
    assert "repeat a write was not measured" in told(plan)

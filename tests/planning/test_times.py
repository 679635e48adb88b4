"""How `make bench BENCH=times` reckons, without its load; and whom it counts the time of processors to."""

import os
import subprocess
import sys
import time
from dataclasses import fields

import pytest

from bench import predicted
from bench.load import Figures
from bench.predicted import REFERENCE, Round, Seen, contending, contention_of, times_of
from bench.processors import Spent, Watched, memory
from taskapi.planning.model import Demand

CORES = os.cpu_count() or 1
BUSY = "import time\nuntil = time.process_time() + 0.5\nwhile time.process_time() < until: pass"
NAMES = [one.name for one in fields(Demand)]


def a_round(requests: int, microseconds: float, others: float = 0.0) -> Round:
    """A second of requests that took so much of each group."""
    spent = dict.fromkeys(NAMES, requests * microseconds / 1000000.0)
    return Round(Figures(requests, 1.0, 1.0, 1.0, 0), Spent(1.0, spent, others))


def test_times_are_the_median_of_the_rounds_by_request() -> None:
    rounds = [a_round(100, 10), a_round(200, 30), a_round(50, 20)]
    times = times_of({"hit": rounds, "miss": rounds, "write": rounds})
    assert times.hit == Demand(20, 20, 20, 20, 20, 20)


def test_contention_is_found_by_one_mix_and_told_of_the_others() -> None:
    demand = Demand(100, 100, 100, 100, 100, 100)
    # Twice as much as the kinds alone say in the mix of reference, three times in another.
    rounds = {REFERENCE: [a_round(1000, 200)], "another": [a_round(1000, 300)]}
    seen = [Seen(workers, mix, [demand], rounds[mix]) for workers in (1, 2) for mix in rounds]
    assert [one.grown for one in seen] == [pytest.approx(2), pytest.approx(3)] * 2
    found = contending(seen)
    assert contention_of(found) == [2, 2]
    for before, after in zip(seen, found, strict=True):
        assert after.predicted[0] == pytest.approx(before.predicted[0] / 2)
    assert found[1].error == pytest.approx(found[1].predicted[0] / 1000 - 1)


def test_what_others_took_of_the_machine_is_not_reckoned_with() -> None:
    assert a_round(1, 1, others=0.25).free_cores == CORES - 0.25


def test_the_report_says_how_far_off_it_is() -> None:
    rounds = [a_round(1000, 100)]
    alone = dict.fromkeys(("hit", "miss", "write"), rounds)
    times = times_of(alone)
    seen = contending([Seen(1, mix, [times.hit], rounds) for mix in (REFERENCE, "another")])
    text = "\n".join(predicted.lines(alone, times, {"process": 5}, seen, 3, 2))
    assert "| hit | 100.0 |" in text
    assert f"| 1 | {REFERENCE} |" in text
    assert "fitted" in text
    assert "The goal is 15%: " in text


def test_a_process_that_works_is_seen_to_and_its_memory_is() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY]) as busy:
        watched = Watched(taskapi=[busy.pid], nginx=[], redis=[], postmaster=os.getpid())
        with watched.watching() as spent:
            time.sleep(0.02)
            assert memory(busy.pid, "Pss") > 1 << 20
            os.waitid(os.P_PID, busy.pid, os.WEXITED | os.WNOWAIT)
    assert spent.groups["interpreter"] == pytest.approx(0.5, abs=0.2)
    assert spent.groups["server"] == 0
    assert spent.groups["nginx"] == 0
    # This process is the postmaster here, and the other is below it.
    assert spent.groups["postgres"] >= spent.groups["interpreter"] * 0.9
    assert memory(busy.pid, "Pss") == 0


def test_what_somebody_took_who_is_gone_is_counted_by_the_postmaster() -> None:
    watched = Watched(taskapi=[], nginx=[], redis=[], postmaster=os.getpid())
    with watched.watching() as spent:
        subprocess.run([sys.executable, "-c", BUSY], check=True)
    assert spent.groups["postgres"] >= 0.45

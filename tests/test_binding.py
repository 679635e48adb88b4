"""Python's threads are on one processor, and go to another where others need it more."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskapi import binding as module
from taskapi.binding import Binding, Bound, _bound_to, better
from taskapi.passwords import PasswordHashing
from tests.servers import Server, running

pytestmark = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="there is one processor, so nothing to choose"
)
ALL = os.sched_getaffinity(0)


@pytest.fixture
def binding() -> Binding:
    made = Binding()
    made.want()
    return made


def in_a_thread(work: Binding | None) -> set[int]:
    """The processors of a thread of its own that came there."""
    seen: list[set[int]] = []

    def run() -> None:
        if work is not None:
            work.here()
        seen.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return seen[0]


def test_whoever_comes_is_bound_to_the_same_processor_and_nobody_else(binding: Binding) -> None:
    assert in_a_thread(binding) == in_a_thread(binding) == {binding.processor}
    assert in_a_thread(None) == ALL


def test_where_it_is_not_wanted_nobody_is_bound() -> None:
    alone = Binding()
    assert in_a_thread(alone) == ALL
    assert alone.processor is None
    with alone.inherited(), alone.lifted():
        assert os.sched_getaffinity(0) == ALL


def test_threads_that_are_started_inside_inherit_it_and_their_maker_does_not(
    binding: Binding,
) -> None:
    with binding.inherited():
        assert in_a_thread(None) == {binding.processor}
    assert os.sched_getaffinity(0) == ALL


def test_the_first_look_of_each_thread_binds_it(binding: Binding) -> None:
    seen: list[set[int]] = []

    def run() -> None:
        for _ in range(2):
            assert bound.is_bound
            seen.append(os.sched_getaffinity(0))

    with binding.inherited():
        bound = Bound(binding)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [{binding.processor}] * 2
    with binding.inherited():  # It is this thread that made it.
        pass


def test_passwords_are_hashed_on_any_processor(binding: Binding, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[int]] = []

    class Hasher:
        def hash(self, _password: str) -> str:
            seen.append(os.sched_getaffinity(0))
            return ""

    hashing = PasswordHashing(binding)
    monkeypatch.setattr("taskapi.passwords._HASHER", Hasher())
    with binding.inherited():
        hashing.hash("correct horse")
        assert os.sched_getaffinity(0) == {binding.processor}
    hashing.hash("correct horse")
    assert os.sched_getaffinity(0) == ALL
    assert seen == [ALL, ALL]


def test_all_who_are_bound_move_along_and_nobody_else(binding: Binding) -> None:
    told, go = threading.Barrier(3), threading.Event()
    seen: dict[str, set[int]] = {}

    def wait(name: str) -> None:
        if name == "bound":
            binding.here()
        told.wait(10)
        assert go.wait(10)
        seen[name] = os.sched_getaffinity(0)

    threads = [threading.Thread(target=wait, args=(name,)) for name in ("bound", "free")]
    for thread in threads:
        thread.start()
    told.wait(10)
    (other, *_) = sorted(ALL - {binding.processor})
    binding.move(other)
    go.set()
    for thread in threads:
        thread.join()
    assert seen == {"bound": {other}, "free": ALL}
    assert in_a_thread(binding) == {other}


def test_one_processor_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: pytest.fail("something was bound"))
    alone = Binding()
    alone.want()
    alone.here()
    assert alone.processor is None


def test_where_it_is_forbidden_it_is_said_once_and_all_goes_on(
    binding: Binding, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def forbid(*_: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", forbid)
    with caplog.at_level("WARNING", logger="taskapi.binding"):
        for _ in range(3):
            assert in_a_thread(binding) == ALL
            with binding.lifted(), binding.inherited():
                pass
    assert len(caplog.records) == 1


def test_what_the_system_says_of_processors_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    # proc_stat(5): user nice system idle iowait irq softirq steal guest guest_nice
    stat.write_text(
        "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 100 20 30 4000 500 6 7 37 8 9\ncpu11 0 0 0 9 0 0 0 0 0 0\nintr 5\n"
    )
    monkeypatch.setattr(module, "_STAT", stat)
    ticks = os.sysconf("SC_CLK_TCK")
    assert module._busy() == {0: 200 / ticks, 11: 0}


def test_who_is_in_the_way_moves_to_the_idlest() -> None:
    assert better({0: 1.0, 1: 0.6, 2: 0.1}, 0, 0.5) == 2
    # All that is busy there is we.
    assert better({0: 1.0, 1: 0.3, 2: 0.1}, 0, 0.95) == 0
    # The others are no better off elsewhere.
    assert better({0: 1.0, 1: 0.9}, 0, 0.6) == 0
    # We do nothing.
    assert better({0: 1.0, 1: 0.0}, 0, 0.0) == 0


@given(st.dictionaries(st.integers(0, 7), st.floats(0, 1), min_size=1), st.floats(0, 1), st.data())
def test_who_moved_stays_there_as_long_as_nothing_else_changes(
    others: dict[int, float], ours: float, data: st.DataObject
) -> None:
    mine = data.draw(st.sampled_from(sorted(others)))
    to = better({**others, mine: others[mine] + ours}, mine, ours)
    assert better({**others, to: others[to] + ours}, to, ours) == to


def test_who_shares_with_another_worker_leaves_and_nobody_comes_to_one() -> None:
    # However little it gets there, and however busy others are elsewhere.
    assert better({0: 1.0, 1: 0.8}, 0, 0.5, [0]) == 1
    assert better({0: 1.0, 1: 0.8, 2: 0.2}, 0, 0.5, [0]) == 2
    assert better({0: 1.0, 1: 0.1, 2: 0.2}, 0, 0.5, [0, 1]) == 2
    assert better({0: 1.0, 1: 0.0}, 0, 0.2, [1]) == 0
    # There are more workers than processors.
    assert better({0: 1.0, 1: 1.0}, 0, 0.5, [0, 1]) == 0
    assert better({0: 1.0, 1: 1.0}, 0, 0.3, [0, 0, 1]) == 1


def workers(server: Server) -> list[int]:
    path = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return [int(pid) for pid in path.read_text().split()]


def test_workers_of_one_service_are_on_different_processors(home: Path, shared: dict[str, str]) -> None:
    with running(home, TASKAPI_WORKERS="2", **shared) as server:

        def bound() -> list[int | None]:
            httpx.get(f"{server.url}/livez")
            return [_bound_to(worker) for worker in workers(server)]

        deadline = time.monotonic() + 20
        while None in bound() and time.monotonic() < deadline:
            time.sleep(0.05)
        first, second = bound()
    assert None not in {first, second}
    assert first != second


def test_other_services_of_the_same_parent_are_no_workers_of_ours() -> None:
    """Of the system's first process all services are children."""
    tell = "import os; from taskapi.binding import _siblings; print(_siblings() == [os.getpid()])"
    with subprocess.Popen(["sleep", "30"]) as other:
        try:
            told = subprocess.run([sys.executable, "-c", tell], capture_output=True, text=True, check=True)
        finally:
            other.kill()
    assert told.stdout == "True\n"


def affinities(server: Server) -> list[set[int]]:
    """Of each thread of the process that serves, the processors it may use."""
    (worker,) = workers(server)
    return [os.sched_getaffinity(int(one.name)) for one in Path(f"/proc/{worker}/task").iterdir()]


@pytest.mark.parametrize(("said", "bound"), [("on", True), ("off", False)])
def test_a_process_that_serves_binds_what_runs_python_and_not_what_speaks_http(
    home: Path, said: str, bound: bool
) -> None:
    with running(home, TASKAPI_BINDING=said) as server:
        for _ in range(3):
            assert httpx.get(f"{server.url}/livez").status_code == 200
        found = affinities(server)
    single = {frozenset(one) for one in found if len(one) == 1}
    assert len(single) == bound
    assert ALL in found

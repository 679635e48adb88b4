"""Seeded tasks prepared by other processes: the same as here, in order, and nobody left behind."""

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from taskapi.seeding import preparing
from taskapi.seeding.preparing import Batch, Prepared, prepared
from taskapi.seeding.stories import Author
from tests.servers import clean_environment

MANY = 5_000
AUTHORS = [Author(1, number, f"somebody {number}", 1_790_000_000_000) for number in range(2)]


def batches() -> Iterator[Batch]:
    for start in range(0, 200, 20):
        yield AUTHORS[start % 40 // 20], list(range(start, start + 20))


def told(of: list[Prepared]) -> list[Any]:
    return [(one.task_id, one.changes, one.row("scope", 7)) for one in of]


def helpers() -> list[multiprocessing.process.BaseProcess]:
    return multiprocessing.active_children()


def test_other_processes_prepare_the_same_in_the_same_order() -> None:
    here = [(author, told(tasks)) for author, tasks in prepared(batches(), MANY - 1)]
    assert not helpers()
    elsewhere = [(author, told(tasks)) for author, tasks in prepared(batches(), MANY)]
    assert here == elsewhere
    assert [author for author, _ in here] == [author for author, _ in batches()]


def test_they_end_with_whoever_stops_half_way() -> None:
    with closing(prepared(batches(), MANY)) as some:  # type: ignore[type-var]
        next(some)
        assert len(helpers()) == preparing._PROCESSES
    for _ in range(100):
        if not helpers():
            return
        time.sleep(0.05)
    raise AssertionError("they live on")


def test_one_that_is_killed_is_told_of_and_hangs_nobody() -> None:
    with closing(prepared(batches(), MANY)) as some:  # type: ignore[type-var]
        next(some)
        for helper in helpers():
            helper.kill()
        with pytest.raises(ChildProcessError, match="The same command goes on"):
            list(some)


def test_they_end_with_one_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import multiprocessing, time\n"
        "from tests.seeding.test_preparing import *\n"
        "if __name__ == '__main__':\n"
        "    some = prepared(batches(), MANY)\n"
        "    next(some)\n"
        "    print(*(one.pid for one in helpers()), flush=True)\n"
        "    time.sleep(60)\n"
    )
    script = tmp_path / "killed.py"
    script.write_text(code)
    with subprocess.Popen(
        [sys.executable, str(script)],
        env=clean_environment(PYTHONPATH=str(Path(__file__).parents[2])),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        left = [int(number) for number in process.stdout.readline().split()]
        process.kill()
    assert len(left) == preparing._PROCESSES
    for _ in range(100):
        if not any(lives(one) for one in left):
            return
        time.sleep(0.05)
    raise AssertionError("they live on")


def lives(process: int) -> bool:
    """Whether a process runs; one that nobody asked about after its end has no command any more."""
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    except FileNotFoundError:
        return False

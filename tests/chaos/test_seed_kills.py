"""`taskapi seed` interrupted and run again: no doubles, nothing missing, and a server answers meanwhile."""

import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest

from tests.chaos.writers import Writer, compared, prepared
from tests.servers import clean_environment, command, running

ARGUMENTS = ("seed", "--users", "3", "--seed", "7")


@dataclass
class Runs:
    """What came of all runs."""

    seconds: float = 0.0
    kept: list[int] = field(default_factory=list)
    shown: str = ""


def counted(home: Path) -> int:
    """How many seeded tasks are there; none before there is a database."""
    try:
        with closing(sqlite3.connect(f"file:{home / 'taskapi.db'}?mode=ro", uri=True)) as connection:
            by_seed = "SELECT count(DISTINCT task_id) FROM task_history WHERE request_id = 'seed-7'"
            return int(connection.execute(by_seed).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def start(home: Path, tasks: int, output: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "taskapi", *ARGUMENTS, "--tasks", str(tasks)],
        env=clean_environment(TASKAPI_HOME=str(home), TERM="xterm", COLUMNS="100"),
        stdout=output,
        stderr=output,
        stdin=subprocess.DEVNULL,
        # Whoever runs the tests in the background may have it ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - it takes no lock
    )


def on_a_terminal(home: Path, tasks: int, kill: tuple[signal.Signals, int] | None) -> tuple[int, str]:
    """One run on a terminal, ended by a signal when so many tasks are there; its code and output."""
    master, slave = pty.openpty()
    process = start(home, tasks, slave)
    os.close(slave)
    shown: list[bytes] = []
    reading = threading.Thread(target=_read, args=(master, shown))
    reading.start()
    if kill is not None:
        _stop_at(process, home, kill[1])
        process.send_signal(kill[0])
        process.send_signal(signal.SIGCONT)
    code = process.wait(timeout=1200)
    reading.join()
    os.close(master)
    return code, b"".join(shown).decode()


def _stop_at(process: "subprocess.Popen[bytes]", home: Path, tasks: int) -> None:
    """Have it stand still once so many tasks are there; it stands still, too, while they are counted."""
    while process.poll() is None:
        process.send_signal(signal.SIGSTOP)
        if counted(home) >= tasks:
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.03)


def _read(master: int, shown: list[bytes]) -> None:
    try:
        while data := os.read(master, 65_536):
            shown.append(data)
    except OSError:
        return  # Linux says so where the other end is closed.


def seeded_with_two_kills(home: Path, tasks: int) -> Runs:
    """Interrupted at a sixth, killed at a third, then to its end."""
    runs = Runs()
    began = time.monotonic()
    for kill in ((signal.SIGINT, tasks // 6), (signal.SIGKILL, tasks // 3)):
        code, shown = on_a_terminal(home, tasks, kill)
        runs.kept.append(counted(home))
        assert code in {130, -signal.SIGKILL}, shown
        assert kill[1] <= runs.kept[-1] < tasks
        if code == 130:
            assert "the same command goes on from there" in shown
    code, runs.shown = on_a_terminal(home, tasks, None)
    runs.seconds = time.monotonic() - began
    assert code == 0, runs.shown
    assert f"Made {tasks - runs.kept[1]} tasks and " in runs.shown
    return runs


def require_each_once(home: Path, tasks: int) -> None:
    """As many tasks as were asked for, each with its whole history, and a last run that changes nothing."""
    with closing(sqlite3.connect(home / "taskapi.db")) as connection:
        seeded = "id IN (SELECT task_id FROM task_history WHERE request_id = 'seed-7')"
        found, ids, places, epochs, versions = connection.execute(
            "SELECT count(*), count(DISTINCT id), count(DISTINCT scope_id || position),"  # noqa: S608
            f" count(DISTINCT scope_id || epoch), sum(version) FROM tasks WHERE {seeded}"
        ).fetchone()
        assert (found, ids, places, epochs) == (tasks, tasks, tasks, tasks)
        by_seed = "SELECT count(*) FROM task_history WHERE request_id = 'seed-7'"
        assert connection.execute(by_seed).fetchone() == (versions,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        changes = connection.execute("PRAGMA data_version").fetchone()
        again = command(*ARGUMENTS, "--tasks", str(tasks), "--json", home=home)
        assert orjson.loads(again.stdout)["made_tasks"] == 0
        assert connection.execute("PRAGMA data_version").fetchone() == changes


def numbers_shown(output: str) -> list[int]:
    """What the bar said was done, each time it was drawn anew."""
    return [int(number) for number in re.findall(r"(\d+)/\d+", output)]


def test_seed_interrupted_and_killed_goes_on_without_doubles_and_moves_a_bar(home: Path) -> None:
    tasks = 10_000
    runs = seeded_with_two_kills(home, tasks)
    require_each_once(home, tasks)
    shown = numbers_shown(runs.shown)
    assert len(set(shown)) > 2
    assert shown[-1] == tasks


def test_a_server_on_the_same_file_goes_on_writing_meanwhile(home: Path) -> None:
    (person,) = prepared(home, 1)
    stop = threading.Event()
    with running(home, TASKAPI_LIMITS="off") as server:
        writers = [Writer(server.port, person.grant.access_token, seed, stop) for seed in range(2)]
        for writer in writers:
            writer.start()
        process = start(home, 3_000, subprocess.DEVNULL)
        assert process.wait(timeout=120) == 0
        stop.set()
        for writer in writers:
            writer.join()
    assert counted(home) == 3_000
    for writer in writers:
        assert (writer.broken, writer.refusals) == (None, [])
        assert len(writer.statuses) > 5
    assert compared(home, writers).lost == 0


@pytest.mark.prove
def test_two_hundred_thousand_tasks_in_one_go_interrupted_and_killed(home: Path) -> None:
    tasks = 200_000
    (person,) = prepared(home, 1)
    stop = threading.Event()
    with running(home, TASKAPI_LIMITS="off") as server:
        writer = Writer(server.port, person.grant.access_token, 1, stop)
        writer.start()
        runs = seeded_with_two_kills(home, tasks)
        stop.set()
        writer.join()
    shown = numbers_shown(runs.shown)
    slowest = max(writer.seconds) * 1000
    print(  # noqa: T201 - a proof prints its figures
        f"\n{tasks} tasks in {runs.seconds:.0f} s with two kills ({tasks / runs.seconds:.0f} a second), kept"
        f" {runs.kept}, the bar drawn at {len(set(shown))} numbers; {len(writer.statuses)} writes by a server"
        f" meanwhile, the slowest in {slowest:.0f} ms"
    )
    require_each_once(home, tasks)
    assert len(set(shown)) > 50
    assert (writer.broken, writer.refusals) == (None, [])

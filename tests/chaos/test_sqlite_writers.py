"""Fifty writers on one SQLite file, beside another process that writes to it now and then."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import pytest

from tests.chaos.writers import Found, Writer, compared, integrity, prepared
from tests.servers import command, running

WRITERS = 50


@dataclass(frozen=True)
class Storm:
    """What came of it."""

    writers: list[Writer]
    commands: list[int]
    found: Found
    integrity: str
    output: str
    seconds: float


def storm(home: Path, most: int | None, seconds: float | None) -> Storm:
    """All writers write `most` times, or for some seconds; the command line writes as long as they do."""
    *people, victim = prepared(home, WRITERS + 1)
    stop, done = threading.Event(), threading.Event()
    codes: list[int] = []

    def write_by_command() -> None:
        while not done.is_set():
            word = ("disable", "enable")[len(codes) % 2]
            codes.append(command("users", word, victim.email, home=home).returncode)

    with running(home, TASKAPI_LIMITS="off") as server:
        writers = [
            Writer(server.port, person.grant.access_token, seed, stop, most)
            for seed, person in enumerate(people)
        ]
        other = threading.Thread(target=write_by_command)
        began = time.monotonic()
        other.start()
        for writer in writers:
            writer.start()
        if seconds is not None:
            stop.wait(seconds)
            stop.set()
        for writer in writers:
            writer.join()
        took = time.monotonic() - began
        done.set()
        other.join()
        assert server.stop() == 0
    output = server.log.read_text() + (home / "logs" / "app.log").read_text()
    return Storm(writers, codes, compared(home, writers), integrity(home), output, took)


def require_no_fault(result: Storm) -> None:
    assert [writer.broken for writer in result.writers if writer.broken] == []
    assert [status for writer in result.writers for status in writer.refusals] == []
    assert result.commands
    assert set(result.commands) == {0}
    assert "database is locked" not in result.output
    assert "could not be used" not in result.output
    assert result.found.lost == 0
    assert result.integrity == "ok"


def test_fifty_writers_and_the_command_line_never_meet_a_locked_database(home: Path) -> None:
    result = storm(home, most=20, seconds=None)
    require_no_fault(result)
    assert result.found.acknowledged == WRITERS * 20


@pytest.mark.prove
def test_fifty_writers_for_a_minute_lose_nothing(home: Path) -> None:
    result = storm(home, most=None, seconds=60)
    waits = [second * 1000 for writer in result.writers for second in writer.seconds]
    cuts = quantiles(waits, n=100)
    print(  # noqa: T201 - a proof prints its figures
        f"\n{WRITERS} writers, {result.seconds:.0f} s: {len(waits) / result.seconds:.0f} writes/s,"
        f" p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, {len(result.commands)} commands,"
        f" {result.found.acknowledged} acknowledged, {result.found.lost} lost"
    )
    require_no_fault(result)

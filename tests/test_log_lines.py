"""Lines leave a request at once, reach whoever reads in their order, and wait for nobody."""

import os
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from taskapi import log_lines
from taskapi.log_lines import Form, Line, RotatingFile, Terminal, Writer, as_json, for_people, moment

INF = float("inf")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reads, writes = os.pipe()
    yield reads, writes
    for descriptor in (reads, writes):
        os.close(descriptor)


def line(number: int, message: str = "told") -> Line:
    return {"@timestamp": moment(time.time()), "log.level": "info", "message": message, "number": number}


def numbers(data: bytes) -> list[int]:
    return [orjson.loads(one)["number"] for one in data.splitlines()]


class Collected:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.form: Form = as_json
        self.data = b""
        self.writes = 0

    def write(self, lines: bytes, deadline: float = INF) -> None:
        assert deadline > 0
        self.data += lines
        self.writes += 1


def test_until_it_is_started_each_line_is_written_at_once() -> None:
    sink = Collected()
    writer = Writer([sink])
    for number in range(3):
        writer.put(line(number))
        assert numbers(sink.data) == list(range(number + 1))


def test_of_many_threads_each_line_is_written_once_and_each_threads_in_their_order() -> None:
    sink = Collected()
    writer = Writer([sink])
    writer.start()

    def tell(first: int) -> None:
        for number in range(first, first + 500):
            writer.put(line(number))

    threads = [threading.Thread(target=tell, args=(first,)) for first in range(0, 4000, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.flush()
    told = numbers(sink.data)
    assert sorted(told) == list(range(4000))
    for first in range(0, 4000, 500):
        of_thread = [number for number in told if first <= number < first + 500]
        assert of_thread == sorted(of_thread)
    assert writer.lost == 0
    assert sink.writes < 1000, "they are written together"


def test_a_started_writer_writes_by_itself_within_a_moment() -> None:
    sink = Collected()
    writer = Writer([sink])
    writer.start()
    for number in range(3):
        writer.put(line(number))
        for _ in range(200):
            if len(numbers(sink.data)) > number:
                break
            time.sleep(0.01)
        assert numbers(sink.data) == list(range(number + 1))


def test_who_reads_no_more_keeps_nobody_waiting_and_what_is_lost_is_counted(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "MOST_WAITING", 50)
    reads, writes = pipe
    writer = Writer([Terminal(writes, as_json)])
    writer.start()
    long = "x" * 20_000
    began = time.monotonic()
    # Far more than the pipe holds, and than is kept.
    for number in range(400):
        writer.put(line(number, long))
        time.sleep(0.001)
    assert time.monotonic() - began < 60
    assert writer.lost > 0
    data, counted = b"", 0
    os.set_blocking(reads, False)
    for _ in range(500):
        try:
            data += os.read(reads, 1 << 20)
        except BlockingIOError:
            if not writer._lanes[0]._waiting and counted == len(data):
                break
            counted = len(data)
        time.sleep(0.02)
    told = numbers(data)
    assert told == sorted(told)
    assert len(told) + writer.lost == 400


def test_where_one_sink_is_not_read_the_other_goes_on_and_the_end_does_not_wait_for_it(
    pipe: tuple[int, int],
) -> None:
    reads, writes = pipe
    well = Collected()
    writer = Writer([Terminal(writes, as_json), well])
    writer.start()
    # More than the pipe holds: from then on nobody takes a line.
    for number in range(40):
        writer.put(line(number, "x" * 5_000))
    time.sleep(0.3)
    writer.put(line(40))
    began = time.monotonic()
    writer.flush(0.5)
    assert time.monotonic() - began < 60
    assert numbers(well.data) == list(range(41))
    # Its thread would else write the rest to whatever is opened under this number next.
    data = b""
    while 40 not in numbers(data[: data.rfind(b"\n") + 1]):
        assert select.select([reads], [], [], 10)[0]
        data += os.read(reads, 1 << 20)


def test_who_writes_by_itself_gives_up_a_reader_that_does_not_read(pipe: tuple[int, int]) -> None:
    _, writes = pipe
    with pytest.raises(TimeoutError):
        Terminal(writes, as_json).write(b"x" * 200_000, time.monotonic() + 0.2)


def test_a_reader_that_is_gone_or_a_full_disk_is_no_error() -> None:
    class Full(Collected):
        def write(self, lines: bytes, deadline: float = INF) -> None:
            raise OSError(28, "No space left on device", lines, deadline)

    well = Collected()
    writer = Writer([Full(), well])
    writer.put(line(1))
    assert numbers(well.data) == [1]
    assert writer.lost == 1


def test_text_that_no_encoding_knows_and_a_sink_that_breaks_stop_no_line_after_them() -> None:
    class Broken(Collected):
        def write(self, lines: bytes, deadline: float = INF) -> None:
            raise ValueError(lines, deadline)

    well = Collected()
    writer = Writer([Broken(), well])
    writer.start()
    for number, message in enumerate(("a\ud800b", "well")):
        writer.put(line(number, message))
        writer.flush()
    assert [orjson.loads(one)["message"] for one in well.data.splitlines()] == ["a\\ud800b", "well"]
    assert b"\\ud800" in for_people(line(0, "a\ud800b") | {"error.stack_trace": "\ud800\x1b[31m"})
    assert b"\x1b" not in for_people(line(0) | {"error.stack_trace": "first\n\x1b[31msecond"})


def test_a_line_that_a_full_disk_cut_short_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = RotatingFile(tmp_path / "app.log")
    real = os.write
    room = iter([5, None])

    def full(descriptor: int, data: bytes) -> int:
        left = next(room, 0)
        if left is None:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:left] if left else data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            file.write(as_json(line(1)))
    file.write(as_json(line(2)))
    file.close()
    torn, whole = (tmp_path / "app.log").read_bytes().splitlines()
    assert len(torn) == 5
    assert numbers(whole) == [2]


def test_after_a_fork_the_child_writes_by_itself(pipe: tuple[int, int]) -> None:
    reads, writes = pipe
    writer = Writer([Terminal(writes, as_json)])
    writer.start()
    if os.fork() == 0:
        writer.put(line(7))
        os._exit(0)
    os.wait()
    assert numbers(os.read(reads, 1 << 16)) == [7]


def test_a_person_sees_no_escape_sequence_of_a_clients() -> None:
    shown = for_people(line(1, "a\x1b[31m\r\nb\u2028c"), is_coloured=True).decode()
    assert shown.count("\n") == 1
    assert "\x1b" not in shown
    warned = for_people(line(1) | {"log.level": "warning"}, is_coloured=True).decode()
    assert "\x1b[33mwarning\x1b[0m" in warned
    assert "\x1b" not in for_people(line(1) | {"log.level": "warning"}).decode()

"""Connections are given on past the pool, and nobody waits for, meets or loses anything by it."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from taskapi import engines, kept
from taskapi.db import Database
from taskapi.parts import Parts

_WHO = text("SELECT pg_backend_pid()")
_POOL = 4


@pytest.fixture(scope="module")
def small(make_app: Callable[..., Flask]) -> Database:
    """A database whose pool has few connections, half of which are kept for each kind."""
    app = make_app("postgresql", TASKAPI_POOL_SIZE=str(_POOL), TASKAPI_POOL_OVERFLOW="0")
    parts: Parts = app.extensions["taskapi"]
    return parts.database


@pytest.fixture(autouse=True)
def nothing_kept(small: Database) -> None:
    assert small._limits is not None
    small._limits.empty()
    for _ in range(3):  # From then on the driver is given it as it is.
        _pid_of_reader(small)


@pytest.fixture
def checkouts(small: Database) -> Iterator[list[Any]]:
    """What the pool was asked for."""
    seen: list[Any] = []

    def note(*what: Any) -> None:
        seen.append(what)

    event.listen(small._writing, "checkout", note)
    yield seen
    event.remove(small._writing, "checkout", note)


def _pid_of_reader(database: Database) -> int:
    with database.reader() as session:
        return int(session.value(_WHO))


def _pid_of_writer(database: Database) -> int:
    with database.writer() as session:
        return int(session.value(_WHO))


@pytest.mark.parametrize("pid_of", [_pid_of_reader, _pid_of_writer])
def test_what_was_used_a_moment_ago_is_used_again_and_the_pool_not_asked(
    small: Database, checkouts: list[Any], pid_of: Callable[[Database], int]
) -> None:
    before = pid_of(small)
    checkouts.clear()
    assert {pid_of(small) for _ in range(5)} == {before}
    assert checkouts == []
    # Nobody uses it meanwhile, as the metrics have it.
    assert small.connections[0] == 0


def test_what_rested_or_was_out_for_long_goes_back_to_the_pool(
    small: Database, checkouts: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TRUSTED_SECONDS", 0.0), ("_OUT_SECONDS", -1.0)):
        with monkeypatch.context() as patched:
            patched.setattr(kept, name, value)
            _pid_of_reader(small)
            checkouts.clear()
            _pid_of_reader(small)
            assert len(checkouts) == 1, name


def test_nobody_waits_for_a_connection_that_is_only_kept(small: Database) -> None:
    with ExitStack() as opened:
        readers = [opened.enter_context(small.reader()) for _ in range(_POOL)]
        for session in readers:
            session.value(_WHO)
    assert len(small._kept_readers or ()) == _POOL // 2
    with ExitStack() as opened:
        writers = [opened.enter_context(small.writer()) for _ in range(_POOL)]
        assert len({session.value(_WHO) for session in writers}) == _POOL


def test_many_who_read_and_write_at_once_are_all_served(small: Database) -> None:
    def work(number: int) -> None:
        for turn in range(40):
            (_pid_of_reader if (number + turn) % 2 else _pid_of_writer)(small)

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(work, range(12)))
    used, are_open, most = small.connections
    assert used == 0
    assert are_open <= most == _POOL


@pytest.mark.parametrize("pid_of", [_pid_of_reader, _pid_of_writer])
def test_connections_that_ended_while_they_were_kept_are_met_by_nobody(
    small: Database, new_connection: psycopg.Connection[Any], pid_of: Callable[[Database], int]
) -> None:
    gone = {pid_of(small)}
    ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid = ANY (%s)"
    assert new_connection.execute(ended, (list(gone),)).fetchall() == [(True,)]
    assert pid_of(small) not in gone


def _fail_in_a_transaction(database: Database) -> None:
    with database.writer() as session:
        session.value(_WHO)
        raise ZeroDivisionError


def test_what_a_writer_left_undone_is_undone_before_anybody_comes(small: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        _fail_in_a_transaction(small)
    assert len(small._kept_writers or ()) == 0
    with small.writer() as session:
        assert session.value(text("SELECT pg_current_xact_id_if_assigned()")) is None


def test_a_snapshot_is_never_given_to_others(small: Database) -> None:
    with small.snapshot() as session:
        session.value(_WHO)
    with small.writer() as session:
        assert session.value(text("SHOW transaction_isolation")) == "read committed"


def test_closing_leaves_no_connection_open(
    make_app: Callable[..., Flask], new_connection: psycopg.Connection[Any]
) -> None:
    parts: Parts = make_app("postgresql").extensions["taskapi"]
    pids = [_pid_of_reader(parts.database) for _ in range(4)] + [_pid_of_writer(parts.database)]
    parts.database.close()
    left = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY (%s)"
    gone = threading.Event()
    for _ in range(100):
        if new_connection.execute(left, (pids,)).fetchone() == (0,):
            gone.set()
            break
        gone.wait(0.05)
    assert gone.is_set()


@pytest.fixture
def new_connection(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


@pytest.fixture
def refusing(small: Database) -> Iterator[Any]:
    """A table whose constraint is held against a row at the commit."""
    name = f"r{uuid4().hex}"
    with small.writer() as session:
        session.run(text(f"CREATE TABLE {name} (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
    yield text(f"INSERT INTO {name} VALUES (1), (1)")  # noqa: S608 - a name of ours
    with small.writer() as session:
        session.run(text(f"DROP TABLE {name}"))


def test_a_commit_that_was_refused_leaves_nothing_to_who_comes_next(small: Database, refusing: Any) -> None:
    for _ in range(3):
        with pytest.raises(IntegrityError):
            _send(small, refusing)
        assert _pid_of_writer(small)


def _send(database: Database, statement: Any) -> None:
    with database.writer() as session:
        session.run(statement)


def test_what_the_driver_began_behind_is_never_given_on(small: Database) -> None:
    session = small.new_writer()
    session.value(_WHO)
    session.commit()
    session.value(_WHO)
    session.close()
    assert len(small._kept_writers or ()) == 0


@pytest.mark.parametrize("opened", ["snapshot", "impatient", "writers"])
def test_who_takes_nothing_that_is_kept_does_not_wait_for_it_either(small: Database, opened: str) -> None:
    with ExitStack() as readers:
        for _ in range(_POOL):
            readers.enter_context(small.reader()).value(_WHO)
    assert len(small._kept_readers or ()) == _POOL // 2
    ways: dict[str, Callable[[], Any]] = {
        "snapshot": small.snapshot,
        "impatient": partial(small.reader, patient=False),
        "writers": small.writer,
    }
    with ExitStack() as sessions:
        for _ in range(_POOL):
            sessions.enter_context(ways[opened]()).value(_WHO)


def test_what_is_given_back_while_somebody_asks_the_pool_is_theirs(small: Database) -> None:
    """As if it were given back between their look at what is kept and their asking."""
    limits, readers = small._limits, small._kept_readers
    assert limits is not None
    assert readers is not None
    with ExitStack() as sessions:
        for _ in range(_POOL - 2):
            sessions.enter_context(small.writer()).value(_WHO)
        reader = small.new_reader()
        reader.value(_WHO)
        limits._asking = 1
        reader.close()
        assert len(readers) == 0
        limits._asking = 0


def test_the_pool_knows_for_how_long_a_connection_has_rested(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app("postgresql", TASKAPI_POOL_SIZE="2", TASKAPI_POOL_OVERFLOW="0")
    parts: Parts = app.extensions["taskapi"]
    database = parts.database
    with database.writer() as other:
        # So there is one connection besides.
        other.value(_WHO)
        before = _pid_of_writer(database)
        writers = database._kept_writers
        assert writers is not None
        # The pool has all, so nothing is kept: as if it had been.
        connection = writers.take()
        connection.commit()
        writers._idle = [(time.monotonic() - 3600, connection)]
        # What is not known to have been used a moment ago is asked for a sign of life.
        monkeypatch.setattr(engines, "is_silent", lambda _: pytest.fail("it was trusted"))
        assert _pid_of_writer(database) == before

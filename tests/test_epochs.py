"""Epochs only grow, and what this process knows of them is never older than what it was told."""

import random
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert, text

from taskapi import epoch_map, schema
from taskapi.db import Database, Session
from taskapi.epoch_map import IDLE_ROUNDS, LIFETIME_SECONDS, REFRESH_SECONDS, WATCH_SECONDS, Epochs
from taskapi.epochs import Epoch, move, move_all
from taskapi.parts import Parts
from taskapi.settings import load_settings

_FAR = 1 << 60


def _key() -> str:
    return f"s:{uuid4()}"


def _stored(parts: Parts, key: str) -> int:
    with parts.database.reader() as session:
        return int(session.value(text("SELECT value FROM epochs WHERE key = :key"), key=key) or 0)


def _move(database: Database, key: str) -> int:
    with database.writer() as session:
        return move(session, key)


def _clock(parts: Parts) -> int:
    """Microseconds since 1970, by the clock that `move` reads."""
    asked = (
        "SELECT database_microseconds()"
        if parts.database.is_sqlite
        else "SELECT (extract(epoch from clock_timestamp()) * 1000000)::bigint"
    )
    with parts.database.reader() as session:
        return int(session.value(text(asked)))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    stored=st.none() | st.integers(0, 5) | st.integers(_FAR, _FAR + 9),
    transactions=st.lists(st.integers(1, 4), min_size=1, max_size=4),
)
def test_an_epoch_only_grows_and_is_never_behind_the_clock(
    parts: Parts, stored: int | None, transactions: list[int]
) -> None:
    key = _key()
    if stored is not None:
        with parts.database.writer() as session:
            session.run(insert(Epoch), {"key": key, "value": stored})
    seen = [stored or 0]
    for moves in transactions:
        began = _clock(parts)
        with parts.database.writer() as session:
            seen += [move(session, key) for _ in range(moves)]
        assert _stored(parts, key) == seen[-1] >= began
    assert all(after > before for before, after in pairwise(seen))
    if stored is not None and stored >= _FAR:
        # A value from a clock that ran ahead is counted on, not jumped over.
        assert seen[-1] == stored + sum(transactions)


def test_an_epoch_lost_with_a_commit_is_not_made_again(parts: Parts) -> None:
    key = _key()
    lost = _move(parts.database, key)
    with parts.database.writer() as session:
        session.run(text("DELETE FROM epochs WHERE key = :key"), {"key": key})
    assert _move(parts.database, key) > lost


def _in_threads(works: int, work: Callable[[int], Any]) -> list[Any]:
    line = threading.Barrier(works, timeout=60)

    def start(number: int) -> Any:
        line.wait()
        return work(number)

    with ThreadPoolExecutor(works) as pool:
        return [done.result() for done in [pool.submit(start, number) for number in range(works)]]


def test_movers_of_one_key_at_once_get_values_of_their_own(parts: Parts) -> None:
    key = _key()
    got = _in_threads(16, lambda _: [_move(parts.database, key) for _ in range(4)])
    values = [value for each in got for value in each]
    assert len(set(values)) == len(values)
    assert all(each == sorted(each) for each in got)
    assert _stored(parts, key) == max(values)
    assert parts.epochs.current(key) == [max(values)]


def test_transactions_that_move_overlapping_keys_never_deadlock(parts: Parts) -> None:
    keys = [_key() for _ in range(5)]

    def work(number: int) -> int:
        chance = random.Random(number)
        moved = 0
        for _ in range(25):
            wanted = chance.sample(keys, chance.randint(2, 5))
            with parts.database.writer() as session:
                values = move_all(session, wanted + wanted[:1])
            assert set(values) == set(wanted)
            moved += len(wanted)
        return moved

    assert sum(_in_threads(8, work)) > 0
    assert parts.epochs.current(*keys) == [_stored(parts, key) for key in keys]


class _Failure(Exception):
    pass


def _move_and_fail(database: Database, key: str) -> None:
    with database.writer() as session:
        move(session, key)
        raise _Failure


def test_a_move_that_is_rolled_back_is_not_published(parts: Parts) -> None:
    key = _key()
    before = _move(parts.database, key)
    assert parts.epochs.current(key) == [before]
    with pytest.raises(_Failure):
        _move_and_fail(parts.database, key)
    assert parts.epochs.current(key) == [before] == [_stored(parts, key)]


def test_a_commit_is_published_before_the_writer_goes_on(parts: Parts) -> None:
    key = _key()
    assert parts.epochs.current(key) == [0]
    for _ in range(3):
        moved = _move(parts.database, key)
        assert parts.epochs.current(key, _key(), key) == [moved, 0, moved]


@pytest.fixture
def file(tmp_path: Path) -> Callable[[], Database]:
    """Opens one migrated SQLite file, each time as another process would."""
    given = load_settings(TASKAPI_HOME=tmp_path)
    database = Database(given)
    schema.migrate(database)
    database.close()
    return lambda: Database(given)


class _Watched(Epochs):
    """Tells when everything was forgotten."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, remember=True)
        self.cleared = threading.Semaphore(0)

    def clear(self) -> None:
        super().clear()
        self.cleared.release()


def test_what_another_process_writes_is_noticed(file: Callable[[], Database]) -> None:
    ours, theirs = file(), file()
    epochs, stop = _Watched(ours), threading.Event()
    watching = threading.Thread(target=epochs.watch, args=(stop,))
    watching.start()
    try:
        # The first look always forgets: what was written before it is not known.
        assert epochs.cleared.acquire(timeout=30)
        assert epochs.current("users") == [0]
        for _ in range(2):
            moved = _move(theirs, "users")
            assert epochs.cleared.acquire(timeout=30)
            assert epochs.current("users") == [moved]
    finally:
        stop.set()
        watching.join(timeout=WATCH_SECONDS + 30)
        ours.close()
        theirs.close()
    assert not watching.is_alive()


def test_only_another_process_changes_the_version_of_the_data(file: Callable[[], Database]) -> None:
    ours, theirs = file(), file()
    first = ours.data_version()
    _move(ours, "users")
    assert ours.data_version() == first
    _move(theirs, "users")
    second = ours.data_version()
    assert second != first
    with theirs.reader() as session:
        session.value(text("SELECT count(*) FROM epochs"))
    assert ours.data_version() == second
    ours.close()
    theirs.close()


def test_a_watch_that_cannot_ask_forgets_everything_and_goes_on(file: Callable[[], Database]) -> None:
    ours = file()
    epochs, stop = _Watched(ours), threading.Event()
    borrowed = ours._writing.raw_connection()
    driver = borrowed.driver_connection
    assert driver is not None
    borrowed.close()
    watching = threading.Thread(target=epochs.watch, args=(stop,))
    watching.start()
    try:
        assert epochs.cleared.acquire(timeout=10)
        # SQLite stops each statement on this connection, as it does after a failure of the disk.
        driver.set_progress_handler(lambda: 1, 1)
        # Not once but each time: nothing is trusted until it can be asked again.
        assert all(epochs.cleared.acquire(timeout=10) for _ in range(3))
    finally:
        stop.set()
        watching.join()
        driver.set_progress_handler(None, 1)
        ours.close()


def test_a_map_that_is_full_is_emptied_and_stays_right(
    file: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskapi.epoch_map._MOST_KEYS", 3)
    database = file()
    epochs = Epochs(database, remember=True)
    moved: Mapping[str, int] = {key: _move(database, key) for key in "abcdefgh"}
    for _ in range(2):
        assert epochs.current(*moved) == list(moved.values())
        assert len(epochs._known) <= 3
    database.close()


def test_what_is_known_is_asked_again_only_after_its_lifetime(file: Callable[[], Database]) -> None:
    database, moment, asked = file(), [0.0], list[str]()
    epochs = Epochs(database, remember=True, clock=lambda: moment[0])
    event.listen(database._reading, "before_cursor_execute", lambda *seen: asked.append(seen[2]))
    for time, questions in ((0.0, 1), (LIFETIME_SECONDS - 0.1, 1), (LIFETIME_SECONDS, 2), (11.0, 2)):
        moment[0] = time
        assert epochs.current("a", "b") == [0, 0]
        assert len(asked) == questions
    assert epochs.current("b", "c") == [0, 0]
    assert len(asked) == 3
    database.close()


def test_a_session_that_moved_nothing_publishes_nothing(file: Callable[[], Database]) -> None:
    database, published = file(), list[Session]()
    database.after_commit = published.append
    with database.writer() as session:
        session.value(text("SELECT count(*) FROM epochs"))
    assert published == []
    database.close()


def test_what_is_known_holds_until_it_moves_and_asks_nobody(make_app: Callable[..., Any]) -> None:
    # An application of its own: from here on its writes are published to `known` alone.
    parts: Parts = make_app("sqlite").extensions["taskapi"]
    known, key, other = Epochs(parts.database, remember=True), _key(), _key()
    value = _move(parts.database, key)
    assert known.hold([key, other], [value, 0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Epochs, "_look_up", lambda *_: pytest.fail("the database was asked"))
        assert known.hold([key, other], [value, 0])
        assert not known.hold([key, other], [value - 1, 0])
        known.publish({other: 7})
        assert not known.hold([key, other], [value, 0])
        assert known.known(other) == 7
        assert known.known(_key()) is None
    known.forget([key])
    assert known.known(key) is None


def test_an_answer_that_is_ahead_of_what_was_heard_holds_if_the_database_says_so(
    make_app: Callable[..., Any],
) -> None:
    parts: Parts = make_app("sqlite").extensions["taskapi"]
    # What is committed from here on is not published to it: the message is on its way.
    known, key = Epochs(parts.database, remember=True), _key()
    parts.database.after_commit = lambda _session: None
    known.current(key)
    value = _move(parts.database, key)
    assert known.hold([key], [value])
    assert known.known(key) == value
    assert not known.hold([key], [value + 1]), "a failover lost what it was read from"


def test_what_is_used_is_looked_up_again_in_time_and_the_rest_is_forgotten(
    make_app: Callable[..., Any],
) -> None:
    # An application of its own: from here on its writes are published to `known` alone.
    parts: Parts = make_app("sqlite").extensions["taskapi"]
    time = [0.0]
    known = Epochs(parts.database, remember=True, clock=lambda: time[0])
    used, unused = [_key() for _ in range(1200)], _key()
    values = {key: _move(parts.database, key) for key in (*used, unused)}
    for key in values:
        known.current(key)
    looked_up: list[int] = []
    look_up = known._look_up

    def counted(keys: Iterable[str]) -> dict[str, int]:
        looked_up.append(len(list(keys)))
        return look_up(keys)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known, "_look_up", counted)
        time[0] += LIFETIME_SECONDS - REFRESH_SECONDS
        # Once more for whoever asked since the last time.
        known.refresh()
        looked_up.clear()
        for number in range(IDLE_ROUNDS + 3):
            time[0] += LIFETIME_SECONDS - REFRESH_SECONDS
            for key in used:
                assert known.hold([key], [values[key]])
            known.refresh()
            is_kept = number < IDLE_ROUNDS
            assert looked_up == [500, 500, 201 if is_kept else 200], "many at once, and by nobody's request"
            assert known.known(unused) == (values[unused] if is_kept else None)
            looked_up.clear()
    assert set(known._known) == set(used)


def test_where_many_are_idle_those_who_left_last_are_kept_fresh(
    make_app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epoch_map, "MOST_IDLE", 25)
    parts: Parts = make_app("sqlite").extensions["taskapi"]
    time = [0.0]
    known = Epochs(parts.database, remember=True, clock=lambda: time[0])
    for number in range(6):
        known.current(*(f"{number} {place}" for place in range(10)))
        time[0] += LIFETIME_SECONDS - REFRESH_SECONDS
        known.refresh()
    assert {key[0] for key in known._known} == {"3", "4", "5"}


def test_while_the_file_cannot_be_asked_nothing_is_believed(make_app: Callable[[str], Any]) -> None:
    parts: Parts = make_app("sqlite").extensions["taskapi"]
    known, key, stop = Epochs(parts.database, remember=True), _key(), threading.Event()
    watching = threading.Thread(target=known.watch, args=(stop,))
    with parts.database.writer() as session:
        session.value(text("SELECT 1"))  # From here on the one connection that writes is taken.
        watching.start()
        try:
            for _ in range(3):
                known.current(key)
                began = monotonic()
                while known.known(key) is not None:
                    assert monotonic() - began < 30
                    sleep(0.01)
        finally:
            stop.set()
    watching.join()

"""Jobs: done once they are committed, together with their mark, tried again when they fail, never lost."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, insert, select, update

from taskapi import outbox
from taskapi.claims import LEASE_MILLISECONDS, Claims
from taskapi.clock import DAY, HOUR, MINUTE, SECOND, now
from taskapi.db import Session
from taskapi.epochs import Epoch
from taskapi.jobs import Handler, Job, OutboxRow, Periodic, Source, enqueue
from taskapi.outbox import BACK_OFF, Outbox
from taskapi.parts import Parts
from taskapi.smtp import ALIVE_SECONDS, OPENING_SECONDS, STEP_SECONDS
from tests.conftest import ENGINES
from tests.test_serving import wait_until


@pytest.fixture(scope="module", params=ENGINES)
def whole(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Parts:
    found: Parts = make_app(request.param).extensions["taskapi"]
    return found


@pytest.fixture
def parts(whole: Parts) -> Iterator[Parts]:
    """An application of this module's own, without any job."""
    with whole.database.writer() as session:
        session.run(delete(OutboxRow))
    yield whole
    whole.database.ring = lambda: None


class Clock:
    """The outbox's time, which goes on only where a test says so."""

    def __init__(self) -> None:
        self.moment = now()

    def __call__(self) -> int:
        return self.moment


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(outbox, "now", made)
    monkeypatch.setattr("taskapi.jobs.now", made)
    monkeypatch.setattr("taskapi.claims.now", made)
    return made


def leave(parts: Parts, kind: str = "test.job", count: int = 1, **payload: object) -> None:
    with parts.database.writer() as session:
        for _ in range(count):
            enqueue(session, kind, payload, "a-request")


def rows(parts: Parts) -> list[Any]:
    with parts.database.reader() as session:
        return list(session.rows(select(OutboxRow.__table__).order_by(OutboxRow.id)))


def only(parts: Parts) -> Any:
    (row,) = rows(parts)
    return row


def nothing(_parts: Parts, _session: Session, _job: Job) -> None:
    """A handler that has nothing to do."""


def failing(_parts: Parts, _session: Session, _job: Job) -> None:
    raise ValueError("ann@example.test said\nno")


def mark(session: Session, key: str = "test") -> None:
    """An effect in the database that can be counted."""
    session.run(insert(Epoch).values(key=key, value=1))


def marks(parts: Parts, key: str) -> int:
    with parts.database.reader() as session:
        return int(session.value(select(func.count()).select_from(Epoch).where(Epoch.key == key)))


def test_a_job_is_done_once_and_its_handler_is_told_all_of_it(parts: Parts) -> None:
    seen: list[Job] = []
    worker = Outbox(parts, {"test.job": lambda _parts, _session, job: seen.append(job)})
    leave(parts, word="hello")
    assert (worker.do_due(), worker.do_due()) == (1, 0)
    row = only(parts)
    told = Job(row.id, "test.job", {"word": "hello"}, None, "a-request", row.created_at, attempt=1)
    assert seen == [told]
    assert row.done_at
    assert row.lease_until is row.parked_at is row.last_error is None


def test_what_was_rolled_back_leaves_no_job(parts: Parts) -> None:
    def leave_and_fail() -> None:
        with parts.database.writer() as session:
            enqueue(session, "test.job", {}, "a-request")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        leave_and_fail()
    assert Outbox(parts, {"test.job": nothing}).do_due() == 0


def test_what_a_handler_wrote_is_kept_only_with_the_mark(parts: Parts) -> None:
    key = f"t:{now()}"

    def half(_parts: Parts, session: Session, job: Job) -> None:
        mark(session, key)
        if job.attempt == 1:
            raise ValueError

    worker = Outbox(parts, {"test.job": half}, back_off=[0])
    leave(parts)
    worker._claims.take()  # A worker that is killed right here keeps nothing but its lease.
    assert (worker.do_due(), marks(parts, key)) == (0, 0)
    expire(parts)
    worker.do_due()
    assert marks(parts, key) == 1
    assert only(parts).done_at


def expire(parts: Parts) -> None:
    with parts.database.writer() as session:
        session.run(update(OutboxRow).values(due_at=now() - 1, lease_until=now() - 1))


def test_a_failing_job_is_tried_five_times_with_growing_waits_and_then_parked(
    parts: Parts, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Outbox(parts, {"test.job": failing})
    leave(parts)
    for wait in BACK_OFF:
        assert (worker.do_due(), worker.do_due()) == (1, 0)
        row = only(parts)
        assert 0.8 * wait <= row.due_at - clock.moment <= 1.2 * wait
        assert row.parked_at is None
        assert row.last_error == "ValueError: … said"
        clock.moment = row.due_at
    with caplog.at_level(logging.WARNING):
        assert worker.do_due() == 1
    row = only(parts)
    assert (row.attempts, row.parked_at, row.done_at) == (5, clock.moment, None)
    (line,) = caplog.messages
    assert row.id in line
    assert "ann@" not in line
    clock.moment += DAY
    assert worker.do_due() == 0


def test_a_payload_that_cannot_be_read_keeps_no_other_job_waiting(parts: Parts) -> None:
    leave(parts)
    with parts.database.writer() as session:
        session.run(update(OutboxRow).values(payload="{"))
    leave(parts)
    Outbox(parts, {"test.job": nothing}, back_off=[]).do_due()
    broken, other = rows(parts)
    assert (broken.parked_at is not None, other.done_at is not None) == (True, True)
    assert broken.last_error.startswith("JSONDecodeError")


def test_an_unknown_kind_is_parked_at_once(parts: Parts) -> None:
    leave(parts, "test.unheard")
    Outbox(parts, {}).do_due()
    row = only(parts)
    assert row.parked_at
    assert "no handler" in row.last_error


@pytest.mark.parametrize(
    "said",
    [
        "refused: {'o'brien@example.test': (450, b'no')}",
        "<änn@müller.example> is full",
        "https://h/reset#" + "kY3-_zQ9" * 12,
        "x" * 1000,
    ],
)
def test_an_error_is_kept_without_what_is_private_and_short(said: str) -> None:
    told = outbox.told(ValueError(f"{said}\nsecond line"))
    assert len(told) <= 300
    assert told.startswith("ValueError: ")
    for private in ("@", "brien", "kY3", "second"):
        assert private not in told


def test_whoever_lost_the_lease_keeps_nothing_of_its_try(parts: Parts, clock: Clock) -> None:
    key, second = f"t:{now()}", Outbox(parts, {"test.job": nothing})

    def slow(_parts: Parts, session: Session, _job: Job) -> None:
        clock.moment += LEASE_MILLISECONDS - 1
        assert second.do_due() == 0
        clock.moment += 1
        assert second.do_due() == 1
        mark(session, key)

    leave(parts)
    Outbox(parts, {"test.job": slow}).do_due()
    row = only(parts)
    assert (row.fence, row.attempts, row.last_error) == (2, 2, None)
    assert row.done_at
    assert marks(parts, key) == 0


@pytest.mark.parametrize("fails", [False, True])
def test_whoever_lost_the_lease_says_nothing_about_the_job_any_more(
    parts: Parts, clock: Clock, fails: bool
) -> None:
    second = Outbox(parts, {})

    def slow(_parts: Parts, _session: Session, _job: Job) -> None:
        clock.moment += LEASE_MILLISECONDS
        assert second._claims.take() is not None
        if fails:
            raise ValueError

    leave(parts)
    Outbox(parts, {"test.job": slow}).do_due()
    row = only(parts)
    assert (row.fence, row.lease_until) == (2, clock.moment + LEASE_MILLISECONDS)
    assert row.done_at is row.last_error is None


def test_many_workers_do_each_job_once(parts: Parts) -> None:
    done: Counter[str] = Counter()
    start = threading.Barrier(4)

    def work() -> None:
        worker = Outbox(parts, {"test.job": lambda _parts, _session, job: done.update([job.id])})
        start.wait()
        worker.do_due()

    leave(parts, count=40)
    with ThreadPoolExecutor(4) as crowd:
        for one in [crowd.submit(work) for _ in range(4)]:
            one.result()
    assert len(done) == 40
    assert set(done.values()) == {1}
    assert all(row.done_at for row in rows(parts))


def test_a_job_that_kills_its_workers_is_parked_in_the_end(parts: Parts, clock: Clock) -> None:
    worker = Outbox(parts, {"test.job": nothing})
    leave(parts)
    for _ in range(outbox.MOST_DEATHS):
        assert worker._claims.take() is not None
        clock.moment += LEASE_MILLISECONDS
    worker.do_due()
    assert only(parts).parked_at


def test_no_transaction_is_open_while_a_handler_does_not_use_its_session(parts: Parts) -> None:
    def writing_elsewhere(parts: Parts, _session: Session, _job: Job) -> None:
        with parts.database.writer() as other:
            mark(other, f"t:{now()}")

    leave(parts)
    Outbox(parts, {"test.job": writing_elsewhere}).do_due()
    assert only(parts).done_at


def test_a_periodic_job_is_left_once_a_period_over_all_processes(parts: Parts, clock: Clock) -> None:
    clock.moment -= clock.moment % HOUR
    done: list[int] = []
    handlers: dict[str, Handler] = {"test.hourly": lambda _parts, _session, job: done.append(job.created_at)}
    workers = [Outbox(parts, handlers, [Periodic("test.hourly", HOUR)]) for _ in range(2)]
    for minute in range(0, 180, 20):
        for worker in workers:
            worker.do_due()
        clock.moment += 20 * MINUTE
        assert len(done) == minute // 60 + 1
    assert len({row.once_key for row in rows(parts)}) == 3


def test_a_periodic_job_has_its_turn_where_others_never_end(parts: Parts, clock: Clock) -> None:
    done: list[int] = []

    def endless(parts: Parts, _session: Session, _job: Job) -> None:
        clock.moment += MINUTE
        if len(done) < 3:
            leave(parts)

    handlers: dict[str, Handler] = {
        "test.job": endless,
        "test.hourly": lambda _parts, _session, job: done.append(job.created_at),
    }
    leave(parts)
    Outbox(parts, handlers, [Periodic("test.hourly", HOUR)]).do_due()
    assert len(done) == 3


def test_jobs_done_a_week_ago_are_forgotten_in_batches(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(parts, count=3)
    assert Outbox(parts, {"test.job": nothing}).do_due() == 3
    leave(parts, "test.unheard")
    Outbox(parts, {}).do_due()
    leave(parts, "jobs.forget_done")
    ages = dict(zip([row.id for row in rows(parts)], (8 * DAY, 8 * DAY, 6 * DAY), strict=False))
    with parts.database.writer() as session:
        for job_id, age in ages.items():
            session.run(update(OutboxRow).where(OutboxRow.id == job_id).values(done_at=now() - age))
    monkeypatch.setattr(outbox, "_FORGET_BATCH", 1)
    monkeypatch.setattr(outbox, "_FORGET", delete(OutboxRow).where(OutboxRow.id.in_(outbox._OLD.limit(1))))
    Outbox(parts, {"jobs.forget_done": outbox.forget_done}).do_due()
    kept = [row.kind for row in rows(parts)]
    assert kept == ["test.job", "test.unheard", "jobs.forget_done"]


@pytest.fixture
def thread(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Outbox], threading.Event]]:
    """Runs a worker in its thread, which nothing wakes but the bell; what stops it."""
    monkeypatch.setattr(outbox, "SWEEP_SECONDS", 1000.0)
    monkeypatch.setattr(outbox, "TROUBLE_SECONDS", 0.01)
    stop = threading.Event()
    started: list[tuple[threading.Thread, Outbox]] = []

    def start(worker: Outbox) -> threading.Event:
        running = threading.Thread(target=worker.work, args=(stop,))
        started.append((running, worker))
        worker._database.ring = worker.ring
        running.start()
        return stop

    yield start
    stop.set()
    for running, worker in started:
        worker.end()
        running.join(timeout=20)
        assert not running.is_alive()


def test_a_commit_wakes_the_worker(parts: Parts, thread: Callable[[Outbox], threading.Event]) -> None:
    thread(Outbox(parts, {"test.job": nothing}))
    for _ in range(2):
        leave(parts)
        wait_until(lambda: all(row.done_at for row in rows(parts)))


def test_the_end_waits_for_the_job_in_hand(parts: Parts, thread: Callable[[Outbox], threading.Event]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(_parts: Parts, _session: Session, _job: Job) -> None:
        begun.set()
        go_on.wait(10)

    worker = Outbox(parts, {"test.job": slow})
    stop = thread(worker)
    leave(parts, count=2)
    assert begun.wait(10)
    stop.set()
    threading.Timer(0.05, go_on.set).start()
    worker.end()
    assert [bool(row.done_at) for row in rows(parts)] == [True, False]


def test_the_worker_outlives_a_database_that_cannot_be_had(
    parts: Parts, thread: Callable[[Outbox], threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Outbox(parts, {"test.job": nothing})
    asked = worker._claims.due
    troubles = iter([OSError("gone")] * 2)

    def due(most: int) -> int:
        trouble = next(troubles, None)
        if trouble:
            raise trouble
        return asked(most)

    monkeypatch.setattr(worker._claims, "due", due)
    monkeypatch.setattr(outbox, "SWEEP_SECONDS", 0.01)
    leave(parts)
    thread(worker)
    wait_until(lambda: bool(only(parts).done_at))


def test_a_lease_is_longer_than_a_mail_can_take() -> None:
    assert (ALIVE_SECONDS + OPENING_SECONDS + 4 * STEP_SECONDS) * SECOND < LEASE_MILLISECONDS


def test_a_source_that_fails_keeps_nothing_else_waiting(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_session: Session) -> bool:
        raise ValueError("a zone that nobody knows")

    left: list[int] = []

    def once(_session: Session) -> int:
        left.append(1)
        return 0

    sources = (
        Source("broken", broken, lambda _session: 0),
        Source("good", lambda _session: not left, once),
    )
    done: list[str] = []
    leave(parts)
    worker = Outbox(parts, {"test.job": lambda _parts, _session, job: done.append(job.id)}, sources=sources)
    with caplog.at_level(logging.WARNING, logger="taskapi.jobs"):
        for _ in range(3):
            worker._looked = 0
            worker.do_due()
    assert (len(done), left) == (1, [1])
    told = [line for line in caplog.messages if "broken" in line]
    assert told == ["broken that are due cannot be left: ValueError: a zone that nobody knows"]


def test_jobs_that_take_long_are_done_beside_the_others(parts: Parts) -> None:
    done: list[str] = []
    handlers: dict[str, Handler] = {
        kind: lambda _parts, _session, job: done.append(job.kind) for kind in ("test.job", "test.long")
    }
    leave(parts, "test.long")
    leave(parts, count=2)
    Outbox(parts, handlers, claims=Claims(parts.database, but={"test.long"})).do_due()
    assert done == ["test.job"] * 2
    Outbox(parts, handlers, claims=Claims(parts.database, only={"test.long"})).do_due()
    assert done == ["test.job"] * 2 + ["test.long"]


def test_who_holds_on_to_a_job_keeps_it_beyond_its_lease(parts: Parts, clock: Clock) -> None:
    second = Outbox(parts, {"test.job": nothing})

    def slow(_parts: Parts, _session: Session, job: Job) -> None:
        for _ in range(5):
            clock.moment += LEASE_MILLISECONDS - 1
            job.hold()
            assert second.do_due() == 0

    leave(parts)
    Outbox(parts, {"test.job": slow}).do_due()
    row = only(parts)
    assert (row.attempts, row.fence, bool(row.done_at)) == (1, 1, True)


def test_who_lost_a_job_is_told_when_holding_on_to_it(parts: Parts, clock: Clock) -> None:
    second, went_on = Outbox(parts, {"test.job": nothing}), []

    def slow(_parts: Parts, _session: Session, job: Job) -> None:
        clock.moment += LEASE_MILLISECONDS
        assert second.do_due() == 1
        job.hold()
        went_on.append(job)

    leave(parts)
    Outbox(parts, {"test.job": slow}).do_due()
    assert went_on == []
    assert only(parts).last_error is None


def test_a_death_is_no_failure(parts: Parts, clock: Clock) -> None:
    """Killed as often as it may fail, a job still has all its tries."""
    leave(parts)
    dying = Outbox(parts, {})
    for _ in range(len(BACK_OFF) + 1):
        assert dying._claims.take() is not None
        clock.moment += LEASE_MILLISECONDS

    def failing(_parts: Parts, _session: Session, _job: Job) -> None:
        raise ValueError

    worker = Outbox(parts, {"test.job": failing})
    for wait in BACK_OFF:
        assert worker.do_due() == 1
        assert only(parts).parked_at is None
        clock.moment += 2 * wait
    worker.do_due()
    row = only(parts)
    assert (row.failures, bool(row.parked_at)) == (len(BACK_OFF) + 1, True)


def test_a_job_whose_worker_died_comes_behind_those_that_wait(parts: Parts, clock: Clock) -> None:
    leave(parts)
    first = only(parts).id
    clock.moment += SECOND
    assert Outbox(parts, {})._claims.take() is not None
    leave(parts, count=2)
    clock.moment += LEASE_MILLISECONDS
    order: list[str] = []
    handlers: dict[str, Handler] = {"test.job": lambda _parts, _session, job: order.append(job.id)}
    assert Outbox(parts, handlers).do_due() == 3
    assert order[-1] == first

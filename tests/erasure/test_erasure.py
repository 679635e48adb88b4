"""Accounts whose days of regret are over go for good: whole, in small steps, and nobody else notices."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, insert, select, update

from taskapi import batches, epochs, schema
from taskapi.accounts.models import User
from taskapi.audit.models import AuditEntry
from taskapi.clock import DAY, SECOND, now
from taskapi.db import Session
from taskapi.erasure import queries, service
from taskapi.handlers import HANDLERS, PERIODIC
from taskapi.ids import new_id
from taskapi.jobs import OutboxRow
from taskapi.notifications.models import NotificationSettings
from taskapi.parts import Parts
from taskapi.passwords import PasswordHashing
from taskapi.tasks.models import TaskChange
from tests.erasure.jobs import carry_out
from tests.people import PASSWORD, Answer, Api, Person, make_person
from tests.personal_tokens.tokens import new_token
from tests.planted import plant_export, plant_import, plant_tasks

ERASE = "accounts.erase_due"
# What ids may stay in: the audit holds nothing else, epochs only grow, and done jobs are forgotten in days.
IDS_STAY = {"audit", "audit_chain", "epochs", "outbox"}


def let_go(person: Person, days_ago: float = 0) -> None:
    """As if somebody had deleted their account, and the fourteen days were over."""
    answer = person.api.delete("/me", {"password": PASSWORD})
    assert answer.status_code == 204
    set_end(person, now() - int(days_ago * DAY))


def set_end(person: Person, moment: int) -> None:
    with person.parts.database.writer() as session:
        session.run(update(User).where(User.id == person.id).values(delete_after=moment))


def log_in(person: Person) -> Answer:
    return Api(person.app).post("/auth/login", {"email": person.email, "password": PASSWORD})


def tables_with(person: Person) -> set[str]:
    """The tables that hold a person's id or address anywhere."""
    found = set()
    with person.parts.database.reader() as reader:
        for table in schema.METADATA.sorted_tables:
            text = "\n".join(str(tuple(row)) for row in reader.rows(select(table)))
            if person.id in text or person.email in text:
                found.add(table.name)
    return found


def standing(person: Person) -> list[bytes]:
    paths = ("/me", "/tasks?count=true", "/projects", "/auth/sessions", "/me/tokens", "/stats")
    answers = [person.api.get(path) for path in paths]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.data for answer in answers]


def plant_history(person: Person, task_ids: list[str]) -> None:
    rows = [
        {
            "scope_id": person.id,
            "task_id": task_id,
            "epoch": 1,
            "id": new_id(),
            "at": 0,
            "actor_id": person.id,
            "via": "api",
            "request_id": "made-by-a-test",
            "changes": "[]",
        }
        for task_id in task_ids
    ]
    with person.parts.database.writer() as session:
        session.run(insert(TaskChange), rows)


def furnish(person: Person, tasks: int) -> None:
    """Something of everything that an account can have."""
    project = person.api.post("/projects", {"name": "Home"}, headers={"Idempotency-Key": "made"}).json["id"]
    person.new_task("Pay rent", project_id=project)
    trashed = person.new_task("Old")["id"]
    person.api.delete(f"/tasks/{trashed}")
    plant_history(person, plant_tasks(person, [{"title": f"Task {number}"} for number in range(tasks)]))
    new_token(person)
    person.another_session()
    settings = {"user_id": person.id, "reminders": True, "digest": False, "digest_hour": 7, "updated_at": 0}
    with person.parts.database.writer() as session:
        session.run(insert(NotificationSettings), settings)
    plant_export(person)
    plant_import(person)
    person.api.post("/me/email", {"password": PASSWORD, "email": f"new-{person.email}"})


def test_an_account_goes_whole_and_leaves_the_others_alone(app: Flask) -> None:
    ann, bob = make_person(app), make_person(app)
    furnish(ann, tasks=5000)
    furnish(bob, tasks=3)
    token = new_token(ann)["token"]
    assert {table.name for table in schema.METADATA.sorted_tables} - tables_with(ann) <= IDS_STAY
    keys = (epochs.scope_key(ann.id), epochs.user_key(ann.id), epochs.USERS)
    let_go(ann)
    before, of_bob = ann.parts.epochs.current(*keys), standing(bob)
    carry_out(ann.parts, ERASE)
    assert tables_with(ann) <= IDS_STAY
    assert all(new > old for new, old in zip(ann.parts.epochs.current(*keys), before, strict=True))
    assert standing(bob) == of_bob
    assert {api.get("/me").status_code for api in (ann.api, Api(app, token))} == {401}
    assert log_in(ann).status_code == 401
    refresh = {"refresh_token": ann.grant.refresh_token}
    assert Api(app).post("/auth/refresh", refresh).status_code == 401
    moved = ann.parts.epochs.current(*keys)
    assert carry_out(ann.parts, ERASE) == 1
    assert ann.parts.epochs.current(*keys) == moved


def test_what_is_left_of_an_account_is_ids_alone(ann: Person) -> None:
    let_go(ann)
    carry_out(ann.parts, ERASE)
    with ann.parts.database.reader() as reader:
        entries = reader.rows(
            select(AuditEntry.action, AuditEntry.actor_id, AuditEntry.via).where(
                AuditEntry.target_id == ann.id, AuditEntry.action == "user.erased"
            )
        )
        waiting = reader.value(
            select(func.count())
            .select_from(OutboxRow)
            .where(OutboxRow.user_id == ann.id, OutboxRow.done_at.is_(None))
        )
    assert [tuple(entry) for entry in entries] == [("user.erased", None, "job")]
    assert waiting == 0


def test_no_mail_that_was_asked_for_by_address_alone_is_kept(ann: Person, bob: Person) -> None:
    for kind in ("forgot", "resend"):
        for person in (ann, bob):
            path = "/auth/password/forgot" if kind == "forgot" else "/auth/email/resend"
            assert Api(ann.app).post(path, {"email": person.email.upper()}).status_code == 202
    with ann.parts.database.writer() as session:
        parked = update(OutboxRow).where(OutboxRow.kind == "mail.reset_password").values(parked_at=now())
        session.run(parked.where(OutboxRow.done_at.is_(None)))
    let_go(ann)
    carry_out(ann.parts, ERASE)
    with ann.parts.database.reader() as reader:
        payloads = [row.payload for row in reader.rows(select(OutboxRow.payload))]
    assert [payload for payload in payloads if ann.email in payload] == []
    assert sum(bob.email in payload for payload in payloads) == 2


def test_the_address_is_free_again_for_somebody_who_starts_with_nothing(ann: Person) -> None:
    ann.new_task()
    let_go(ann)
    carry_out(ann.parts, ERASE)
    body = {"email": ann.email, "password": PASSWORD}
    assert Api(ann.app).post("/auth/register", body).status_code == 202
    back = Api(ann.app, log_in(ann).json["access_token"])
    assert back.get("/me").json["id"] != ann.id
    assert back.get("/tasks").json["items"] == []


def test_nobody_goes_whose_time_has_not_come(ann: Person, bob: Person) -> None:
    for person, end in ((ann, now() + DAY), (bob, None)):
        person.new_task()
        if end is not None:
            let_go(person, days_ago=-1)
    carry_out(ann.parts, ERASE)
    assert log_in(ann).status_code == 200
    assert len(Api(ann.app, log_in(ann).json["access_token"]).get("/tasks").json["items"]) == 1
    assert standing(bob)


def test_a_job_that_was_interrupted_anywhere_is_gone_on_with(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(ann, tasks=900)
    let_go(ann)
    erase_scope, calls = service.erase_scope, iter(range(100))

    def interrupted(reading: Session, session: Session, scope_id: str) -> int:
        done = erase_scope(reading, session, scope_id)
        assert next(calls) != 5, "the process ends here"
        return done

    monkeypatch.setattr(service, "erase_scope", interrupted)
    with pytest.raises(AssertionError):
        carry_out(ann.parts, ERASE)
    assert "tasks" in tables_with(ann)
    assert log_in(ann).status_code == 401
    carry_out(ann.parts, ERASE)
    assert tables_with(ann) <= IDS_STAY


def test_no_transaction_removes_more_than_a_batch(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_BATCH", 7)
    furnish(ann, tasks=40)
    for _ in range(20):
        ann.another_session()
    let_go(ann)
    removed: list[int] = []
    run, close = Session.run, Session.close

    def counted(session: Session, statement: Any, parameters: Any = ()) -> int:
        done = run(session, statement, parameters)
        if str(statement).startswith("DELETE"):
            session.removed = getattr(session, "removed", 0) + done  # type: ignore[attr-defined]
        return done

    def closed(session: Session) -> None:
        removed.append(getattr(session, "removed", 0))
        close(session)

    monkeypatch.setattr(Session, "run", counted)
    monkeypatch.setattr(Session, "close", closed)
    carry_out(ann.parts, ERASE)
    monkeypatch.undo()
    # A session with what told of its end, twice a batch; at the end the account with its few belongings.
    assert 7 <= max(removed) <= 20
    assert sum(removed) > 120
    assert tables_with(ann) <= IDS_STAY


def test_a_long_job_makes_room_for_others_and_is_gone_on_with(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(service, "_BATCH", 50)
    furnish(ann, tasks=100)
    let_go(ann)
    # Two batches of tasks, two of changes, one of each other kind, those that find nothing more.
    assert carry_out(ann.parts, ERASE) >= 8
    assert tables_with(ann) <= IDS_STAY


def test_two_processes_at_it_disturb_each_other_in_nothing(app: Flask) -> None:
    people = [make_person(app) for _ in range(4)]
    for person in people:
        furnish(person, tasks=300)
        let_go(person)
    parts: Parts = app.extensions["taskapi"]
    start = Barrier(3)

    def work(_: int) -> None:
        start.wait(timeout=30)
        carry_out(parts, ERASE)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(work, range(3)))
    assert all(tables_with(person) <= IDS_STAY for person in people)


def test_time_that_passes_while_a_password_is_looked_at_is_noticed(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go(ann, days_ago=-1)
    verify = PasswordHashing.verify

    def slow(hashing: PasswordHashing, password: str, stored: str | None) -> bool:
        right = verify(hashing, password, stored)
        set_end(ann, now() - 1)
        return right

    monkeypatch.setattr(PasswordHashing, "verify", slow)
    assert log_in(ann).status_code == 401
    with ann.parts.database.reader() as reader:
        assert reader.value(select(User.delete_after).where(User.id == ann.id)) is not None


def test_who_logs_in_before_the_row_is_locked_keeps_the_account(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = ann.new_task()
    let_go(ann)
    value = Session.value

    def late(session: Session, statement: Any, **parameters: Any) -> Any:
        found = value(session, statement, **parameters)
        if statement is queries.NEXT_DUE and found == ann.id:
            with session_of(ann) as writer:
                writer.run(update(User).where(User.id == ann.id).values(delete_after=None))
        return found

    def session_of(person: Person) -> Any:
        return person.parts.database.writer()

    monkeypatch.setattr(Session, "value", late)
    carry_out(ann.parts, ERASE)
    monkeypatch.undo()
    back = Api(ann.app, log_in(ann).json["access_token"])
    assert [one["id"] for one in back.get("/tasks").json["items"]] == [task["id"]]


def test_logging_in_at_the_last_moment_yields_a_whole_account_or_none(app: Flask) -> None:
    outcomes = set()
    for wait in (30, 60, 90, 120, 150, 300):
        ann = make_person(app)
        furnish(ann, tasks=20)
        let_go(ann, days_ago=-1)
        end = now() + wait
        set_end(ann, end)
        with ThreadPoolExecutor(2) as threads:
            logging_in = threads.submit(log_in, ann)
            while now() <= end + SECOND // 10:
                threads.submit(carry_out, ann.parts, ERASE).result()
            answer = logging_in.result()
        carry_out(ann.parts, ERASE)
        outcomes.add(answer.status_code)
        if answer.status_code == 200:
            back = Api(app, answer.json["access_token"])
            assert back.get("/tasks?count=true&limit=1").json["total"] == 21
            assert len(back.get("/projects").json["items"]) == 1
        else:
            assert answer.status_code == 401
            assert tables_with(ann) <= IDS_STAY
    assert outcomes <= {200, 401}


def test_every_hour_everything_is_looked_through_that_can_be_over() -> None:
    assert {job.kind for job in PERIODIC} >= {
        ERASE,
        "idempotency.forget_expired",
        "sessions.forget_old",
        "tokens.forget_old",
        "trash.empty",
    }
    assert all(job.kind in HANDLERS for job in PERIODIC)


@pytest.mark.prove
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_others_write_while_an_account_of_200_000_tasks_goes(
    make_app: Callable[..., Flask], engine: str
) -> None:
    app = make_app(engine)
    ann, bob = make_person(app), make_person(app)
    for _ in range(20):
        plant_history(ann, plant_tasks(ann, [{"title": f"Task {number}"} for number in range(10_000)]))
    let_go(ann)
    alone = [_milliseconds_of_a_write(bob) for _ in range(300)]
    with ThreadPoolExecutor(1) as threads:
        began = now()
        going = threads.submit(carry_out, ann.parts, ERASE)
        beside = []
        while not going.done():
            beside.append(_milliseconds_of_a_write(bob))
        jobs = going.result()
    print(  # noqa: T201 - a proof prints its figures
        f"\n{engine}: 200,000 tasks and as many changes went in {(now() - began) / 1000:.0f} s, {jobs} jobs;"
        f" a write meanwhile: median {_quantile(beside, 0.5):.1f} ms, p99 {_quantile(beside, 0.99):.1f} ms,"
        f" slowest {max(beside):.1f} ms (alone: {_quantile(alone, 0.5):.1f}, {_quantile(alone, 0.99):.1f},"
        f" {max(alone):.1f})"
    )
    assert tables_with(ann) <= IDS_STAY
    assert _quantile(beside, 0.99) <= 250


def _milliseconds_of_a_write(person: Person) -> float:
    began = time.perf_counter()
    person.new_task()
    return (time.perf_counter() - began) * 1000


def _quantile(figures: list[float], part: float) -> float:
    return sorted(figures)[int(part * (len(figures) - 1))]

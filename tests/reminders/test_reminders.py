"""Reminders: each once, on time, and not where it makes no sense any more."""

import re
import shutil
import threading
from collections import Counter
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from taskapi.accounts.models import User
from taskapi.clock import HOUR, MINUTE, SECOND, now, rfc3339
from taskapi.handlers import HANDLERS, SOURCES
from taskapi.jobs import OutboxRow
from taskapi.mail import Written, written_mails
from taskapi.outbox import Outbox
from taskapi.reminders import service
from taskapi.tasks.models import Task
from tests.people import Api, Person, make_person
from tests.planted import plant_tasks

SETTINGS = "/me/notifications"
# The mails themselves, by address.
RAW: dict[str, list[bytes]] = {}


@pytest.fixture
def ann(app: Flask) -> Person:
    return make_person(app)


def at(milliseconds: int) -> str:
    """An instant so long from now, as it is answered."""
    return rfc3339(now() + milliseconds) or ""


def due_of(person: Person, task: dict[str, Any]) -> int | None:
    """When a mail is to be left for a task."""
    statement = select(Task.reminder_due_at).where(Task.id == task["id"])
    with person.parts.database.reader() as reading:
        found: int | None = reading.value(statement)
    return found


def let_it_be_time(person: Person, *tasks: dict[str, Any]) -> None:
    """Have reminders that wait be due."""
    with person.parts.database.writer() as session:
        session.run(
            update(Task)
            .where(Task.id.in_([task["id"] for task in tasks]), Task.reminder_due_at.is_not(None))
            .values(reminder_due_at=now() - SECOND)
        )


def mailed(person: Person) -> list[Written]:
    """What was sent to somebody since it was asked last."""
    Outbox(person.parts, HANDLERS, sources=SOURCES).do_due()
    folder = person.parts.settings.home / "mail"
    found = [one for one in written_mails(folder) if one.address == person.email]
    RAW[person.email] = [
        path.read_bytes() for path in folder.glob("*.eml") if person.email in path.read_text()
    ]
    shutil.rmtree(folder, ignore_errors=True)
    return found


def test_a_task_is_reminded_of_once_with_a_way_to_it(ann: Person) -> None:
    task = ann.new_task("Pay <rent>", remind_at=at(HOUR), due_on="2031-02-03")
    assert mailed(ann) == []
    let_it_be_time(ann, task)
    (mail,) = mailed(ann)
    raw = next(iter(RAW.pop(ann.email)))
    # As it is sent: a mail program takes what stands between < and >, in one line.
    (link,) = re.findall(rb"^List-Unsubscribe: <(\S+)>\r$", raw, re.MULTILINE)
    assert re.findall(rb"^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r$", raw, re.MULTILINE)
    assert max(map(len, raw.split(b"\r\n"))) < 998
    path = "//unsubscribe" + link.decode().partition("/unsubscribe")[2]
    assert Api(ann.app).post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 204
    assert ann.api.get(SETTINGS).json["reminders"] is False
    assert mail.subject == "Reminder: Pay <rent>"
    assert f"/#/list?task={task['id']}" in mail.text
    assert "3 February 2031" in mail.text
    assert "/unsubscribe?token=" in mail.text
    assert mailed(ann) == []
    # What its owner wrote is still there.
    assert ann.api.get(f"/tasks/{task['id']}").json == task


def test_no_epoch_moves_and_no_tag_changes_when_a_reminder_is_left(ann: Person) -> None:
    task = ann.new_task(remind_at=at(HOUR))
    before = ann.api.get(f"/tasks/{task['id']}")
    let_it_be_time(ann, task)
    assert len(mailed(ann)) == 1
    after = ann.api.get(f"/tasks/{task['id']}")
    assert (after.etag, after.json) == (before.etag, before.json)


def test_what_is_done_trashed_moved_or_past_reminds_of_nothing(ann: Person) -> None:
    done, trashed, moved, cleared = (ann.new_task(remind_at=at(HOUR)) for _ in range(4))
    past = ann.new_task(remind_at=at(-HOUR))
    assert due_of(ann, past) is None
    ann.api.patch(f"/tasks/{done['id']}", {"status": "done"})
    ann.api.patch(f"/tasks/{cleared['id']}", {"remind_at": None})
    ann.api.delete(f"/tasks/{trashed['id']}")
    later = at(2 * HOUR)
    ann.api.patch(f"/tasks/{moved['id']}", {"remind_at": later})
    assert rfc3339(due_of(ann, moved)) == later
    let_it_be_time(ann, done, trashed, cleared, past)
    assert mailed(ann) == []
    # One that is done by the time its mail leaves is not told of either.
    let_it_be_time(ann, moved)
    with ann.parts.database.writer() as session:
        assert service.leave_due(session) == 1
    ann.api.patch(f"/tasks/{moved['id']}", {"status": "done"})
    assert mailed(ann) == []


def test_who_opens_a_task_again_is_reminded_if_there_is_time(ann: Person) -> None:
    task = ann.new_task(remind_at=at(HOUR), status="done")
    assert due_of(ann, task) is None
    ann.api.patch(f"/tasks/{task['id']}", {"status": "todo"})
    assert rfc3339(due_of(ann, task)) == task["remind_at"]


def test_a_change_of_something_else_leaves_no_second_mail(ann: Person) -> None:
    task = ann.new_task(remind_at=at(HOUR), due_at=at(3 * HOUR))
    let_it_be_time(ann, task)
    assert len(mailed(ann)) == 1
    ann.api.patch(f"/tasks/{task['id']}", {"title": "Pay it at last", "priority": "high"})
    assert due_of(ann, task) is None


def test_the_default_is_for_tasks_with_a_time_and_no_reminder_of_their_own(ann: Person) -> None:
    ann.api.patch(SETTINGS, {"remind_before": 30})
    due = now() + 2 * HOUR
    timed, own = ann.new_task(due_at=rfc3339(due)), ann.new_task(due_at=rfc3339(due), remind_at=at(HOUR))
    day = ann.new_task(due_on="2031-02-03")
    assert due_of(ann, timed) == due - 30 * MINUTE
    assert rfc3339(due_of(ann, own)) == own["remind_at"]
    assert due_of(ann, day) is None
    assert (timed["remind_at"], day["remind_at"]) == (None, None)
    results = ann.api.post(
        "/tasks/bulk",
        {
            "atomic": True,
            "operations": [
                {"op": "create", "data": {"title": "In bulk", "due_at": rfc3339(due)}},
                {"op": "update", "id": own["id"], "data": {"remind_at": None}},
            ],
        },
    ).json["results"]
    assert [due_of(ann, one["body"]) for one in results] == [due - 30 * MINUTE] * 2


def test_a_new_default_holds_for_what_is_there(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskapi.reminders.queries.BATCH", 500)
    due = now() + 2 * HOUR
    plain = [ann.new_task(due_at=rfc3339(due)) for _ in range(3)]
    own, soon = ann.new_task(due_at=rfc3339(due), remind_at=at(HOUR)), ann.new_task(due_at=at(20 * MINUTE))
    done = ann.new_task(due_at=rfc3339(due), status="done")
    assert [due_of(ann, task) for task in plain] == [None] * 3
    ann.api.patch(SETTINGS, {"remind_before": 60})
    mailed(ann)
    assert [due_of(ann, task) for task in plain] == [due - HOUR] * 3
    assert rfc3339(due_of(ann, own)) == own["remind_at"]
    assert [due_of(ann, task) for task in (soon, done)] == [None] * 2
    ann.api.patch(SETTINGS, {"remind_before": None})
    mailed(ann)
    assert [due_of(ann, task) for task in plain] == [None] * 3


def test_a_new_default_reaches_more_tasks_than_one_batch(ann: Person) -> None:
    due = now() + 2 * HOUR
    plant_tasks(ann, [{"title": f"Task {number}", "due_at": rfc3339(due)} for number in range(1100)])
    ann.api.patch(SETTINGS, {"remind_before": 5})
    mailed(ann)
    statement = select(Task.reminder_due_at).where(Task.scope_id == ann.id)
    with ann.parts.database.reader() as reading:
        assert {row.reminder_due_at for row in reading.rows(statement)} == {due - 5 * MINUTE}


def test_who_wants_no_reminders_gets_none(ann: Person) -> None:
    task = ann.new_task(remind_at=at(HOUR))
    ann.api.patch(SETTINGS, {"reminders": False})
    let_it_be_time(ann, task)
    assert mailed(ann) == []


def test_an_address_that_nobody_proved_is_not_written_to_by_a_mail_host(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = ann.new_task(remind_at=at(HOUR))
    let_it_be_time(ann, task)
    monkeypatch.setattr(type(ann.parts.settings), "smtp_host", "some host")
    assert mailed(ann) == []
    with ann.parts.database.writer() as session:
        session.run(update(User).where(User.id == ann.id).values(email_verified_at=now()))
    another = ann.new_task(remind_at=at(HOUR))
    let_it_be_time(ann, another)
    assert len(mailed(ann)) == 1


def test_however_many_look_at_once_each_reminder_is_left_once(ann: Person) -> None:
    """A thousand, more than a batch, found by four who look at the same time."""
    rows = [{"title": f"Task {number}", "reminder_due_at": now() - SECOND} for number in range(1000)]
    ids = plant_tasks(ann, rows)
    gate = threading.Barrier(4)

    def look() -> None:
        outbox = Outbox(ann.parts, {}, sources=SOURCES)
        gate.wait()
        for _ in range(5):
            outbox._looked = 0
            outbox.leave_what_is_due()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statement = select(OutboxRow.payload).where(OutboxRow.kind == service.MAIL, OutboxRow.user_id == ann.id)
    with ann.parts.database.reader() as reading:
        left = Counter(row.payload for row in reading.rows(statement))
    assert len(left) == len(ids)
    assert set(left.values()) == {1}

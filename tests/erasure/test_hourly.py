"""What is over is looked for every hour, each kind by a job of its own."""

from sqlalchemy import func, select, update

from taskapi.clock import DAY, now
from taskapi.idempotency import IdempotencyRecord
from taskapi.tasks.models import Task
from tests.erasure.jobs import carry_out
from tests.people import Person


def kept_keys(person: Person) -> int:
    with person.parts.database.reader() as reader:
        return int(reader.value(select(func.count()).where(IdempotencyRecord.user_id == person.id)))


def test_stored_answers_are_forgotten_when_their_day_is_over(ann: Person) -> None:
    for name in ("old", "fresh"):
        key = {"Idempotency-Key": name}
        assert ann.api.post("/tasks", {"title": name}, headers=key).status_code == 201
    expired = update(IdempotencyRecord).where(
        IdempotencyRecord.user_id == ann.id, IdempotencyRecord.key == "old"
    )
    with ann.parts.database.writer() as session:
        session.run(expired.values(expires_at=now() - 1))
    carry_out(ann.parts, "idempotency.forget_expired")
    assert kept_keys(ann) == 1
    again = ann.api.post("/tasks", {"title": "fresh"}, headers={"Idempotency-Key": "fresh"})
    assert again.headers["Idempotency-Replayed"] == "true"


def test_the_trash_is_emptied_of_what_was_in_it_for_thirty_days(ann: Person) -> None:
    tasks = {days: ann.new_task()["id"] for days in (29, 31)}
    for days, task_id in tasks.items():
        assert ann.api.delete(f"/tasks/{task_id}").status_code == 204
        with ann.parts.database.writer() as session:
            session.run(update(Task).where(Task.id == task_id).values(trashed_at=now() - days * DAY))
    carry_out(ann.parts, "trash.empty")
    assert [ann.api.post(f"/tasks/{tasks[days]}/restore").status_code for days in (29, 31)] == [200, 404]


def test_where_nothing_is_over_nothing_is_written(ann: Person) -> None:
    ann.new_task()
    for kind in ("sessions.forget_old", "tokens.forget_old", "accounts.erase_due"):
        carry_out(ann.parts, kind)
        assert carry_out(ann.parts, kind) == 1
    assert ann.api.get("/tasks").status_code == 200

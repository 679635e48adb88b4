"""What has been in the trash for long is removed for good, a bounded batch at a time."""

import pytest
from sqlalchemy import select, update

from taskapi import epochs
from taskapi.clock import DAY, now
from taskapi.tasks.models import Task, TaskChange
from taskapi.trash import service
from tests.people import Person


def _trashed(person: Person, days: int) -> str:
    task_id: str = person.new_task()["id"]
    assert person.api.delete(f"/tasks/{task_id}").status_code == 204
    with person.parts.database.writer() as session:
        session.run(update(Task).where(Task.id == task_id).values(trashed_at=now() - days * DAY))
    return task_id


def _purge(person: Person, days: int = 30) -> list[int]:
    """What each call removed, until there is none."""
    removed = [-1]
    while removed[-1]:
        database = person.parts.database
        with database.reader() as reader, database.writer() as session:
            removed.append(service.purge_trash(reader, session, now() - days * DAY))
    return removed[1:-1]


def _left(person: Person) -> tuple[set[str], set[str]]:
    """Whose tasks there are, and whose history."""
    with person.parts.database.reader() as reader:
        tasks = reader.rows(select(Task.id).where(Task.scope_id == person.id))
        changes = reader.rows(select(TaskChange.task_id).where(TaskChange.scope_id == person.id))
    return {row.id for row in tasks}, {row.task_id for row in changes}


def test_only_what_was_trashed_before_is_removed_and_of_all_scopes(ann: Person, bob: Person) -> None:
    _purge(ann)
    kept = {ann.new_task()["id"], _trashed(ann, 29)}
    old = [_trashed(person, 31) for person in (ann, ann, bob)]
    idle = ann.parts.epochs.current(epochs.scope_key(bob.id))
    assert sorted(_purge(ann)) == [1, 2]
    assert _left(ann) == (kept, kept)
    assert _left(bob) == (set(), set())
    assert ann.parts.epochs.current(epochs.scope_key(bob.id)) > idle
    assert ann.api.get(f"/tasks/{old[0]}/history").status_code == 404
    moved = ann.parts.epochs.current(epochs.scope_key(ann.id))
    assert _purge(ann) == []
    assert ann.parts.epochs.current(epochs.scope_key(ann.id)) == moved


def test_batches_are_bounded(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    _purge(ann)
    monkeypatch.setattr(service, "_BATCH", 2)
    for _ in range(5):
        _trashed(ann, 40)
    assert _purge(ann) == [2, 2, 1]
    assert _left(ann) == (set(), set())

"""Sessions that were over long ago are forgotten, and no token comes to life by it."""

import pytest
from sqlalchemy import select, update

from taskapi import epochs
from taskapi.clock import DAY, now
from taskapi.sessions import service
from taskapi.sessions.models import LoginSession
from tests.people import Person


def aged(person: Person, ended: int | None, expires: int) -> str:
    """A session that was ended and expires so many days ago."""
    device = person.another_session()
    if ended is not None:
        assert device.api.post("/auth/logout").status_code == 204
    moments = {
        "ended_at": None if ended is None else now() - ended * DAY,
        "expires_at": now() - expires * DAY,
    }
    with person.parts.database.writer() as session:
        session.run(update(LoginSession).where(LoginSession.id == device.session_id).values(moments))
    return device.session_id


def forget_all(person: Person) -> list[int]:
    removed = [-1]
    while removed[-1]:
        with person.parts.database.reader() as reader, person.parts.database.writer() as session:
            removed.append(service.forget_old(reader, session))
    return removed[1:-1]


def test_sessions_are_forgotten_thirty_days_after_they_were_over(ann: Person) -> None:
    forget_all(ann)
    kept = {ann.session_id, aged(ann, 29, 1), aged(ann, None, 29), aged(ann, 29, -1), aged(ann, None, -1)}
    old = {aged(ann, 31, 1), aged(ann, None, 31), aged(ann, 31, 31)}
    ended = [epochs.session_key(one) for one in sorted(kept | old)]
    before = dict(zip(ended, ann.parts.epochs.current(*ended), strict=True))
    users = ann.parts.epochs.current(epochs.USERS, epochs.user_key(ann.id))
    assert sum(forget_all(ann)) == 3
    with ann.parts.database.reader() as reader:
        left = reader.rows(select(LoginSession.id).where(LoginSession.user_id == ann.id))
    assert {row.id for row in left} == kept
    ann.parts.epochs.clear()
    after = dict(zip(ended, ann.parts.epochs.current(*ended), strict=True))
    assert after == {key: 0 if key[2:] in old else value for key, value in before.items()}
    assert ann.parts.epochs.current(epochs.USERS, epochs.user_key(ann.id)) == users
    assert ann.api.get("/me").status_code == 200
    assert forget_all(ann) == []


def test_a_batch_of_sessions_is_bounded(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_all(ann)
    monkeypatch.setattr(service, "_BATCH", 2)
    for _ in range(5):
        aged(ann, 40, 11)
    assert forget_all(ann) == [2, 2, 1]


def test_only_epochs_of_sessions_can_be_removed(ann: Person) -> None:
    ann.new_task()
    keys = [epochs.scope_key(ann.id), epochs.user_key(ann.id), epochs.USERS]
    before = ann.parts.epochs.current(*keys)
    with ann.parts.database.writer() as session:
        epochs.remove(session, keys)
    ann.parts.epochs.clear()
    assert ann.parts.epochs.current(*keys) == before

"""The daily digest: at the user's hour, of what is due by their own days, once a day."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select, update

from taskapi.clock import DAY, SECOND, milliseconds, now, rfc3339
from taskapi.days import at_hour, local_day
from taskapi.handlers import HANDLERS, SOURCES
from taskapi.mail import Written, written_mails
from taskapi.notifications.models import NotificationSettings
from taskapi.outbox import Outbox
from tests.people import Person, make_person

ZONE = ZoneInfo("Pacific/Auckland")


@pytest.fixture
def ann(app: Flask) -> Person:
    person = make_person(app)
    person.api.patch("/me", {"timezone": ZONE.key})
    person.api.patch("/me/notifications", {"digest": True, "digest_hour": 6})
    return person


def mailed(person: Person) -> list[Written]:
    """What was sent to somebody since it was asked last."""
    Outbox(person.parts, HANDLERS, sources=SOURCES).do_due()
    folder = person.parts.settings.home / "mail"
    found = [one for one in written_mails(folder) if one.address == person.email]
    shutil.rmtree(folder, ignore_errors=True)
    return found


def let_it_be_time(person: Person, sent_for: int | None = None) -> None:
    with person.parts.database.writer() as session:
        session.run(
            update(NotificationSettings)
            .where(NotificationSettings.user_id == person.id)
            .values(digest_due_at=now() - SECOND, digest_sent_for=sent_for)
        )


def day_from_now(days: int) -> str:
    return (local_day(now(), ZONE) + timedelta(days=days)).isoformat()


def test_it_lists_what_is_overdue_and_what_is_due_by_the_users_own_days(ann: Person) -> None:
    tonight = at_hour(local_day(now(), ZONE) + timedelta(days=1), 0, ZONE) - SECOND
    ann.new_task("overdue by a day", due_on=day_from_now(-1))
    ann.new_task("overdue by a minute", due_at=rfc3339(now() - 60 * SECOND))
    ann.new_task("due today", due_on=day_from_now(0))
    ann.new_task("due tonight", due_at=rfc3339(tonight))
    ann.new_task("not due yet", due_on=day_from_now(1))
    ann.new_task("not due at night", due_at=rfc3339(tonight + 2 * SECOND))
    ann.new_task("done", due_on=day_from_now(0), status="done")
    ann.api.delete(f"/tasks/{ann.new_task('trashed', due_on=day_from_now(0))['id']}")
    make_person(ann.app).new_task("somebody else's", due_on=day_from_now(0))
    assert mailed(ann) == []
    let_it_be_time(ann)
    (mail,) = mailed(ann)
    overdue, _, today = mail.text.partition("Due today")
    assert sorted(re.findall(r"- (.*?) \(", overdue)) == ["overdue by a day", "overdue by a minute"]
    assert sorted(re.findall(r"- (.*?) \(", today)) == ["due today", "due tonight"]
    assert "/unsubscribe?token=" in mail.text
    day = datetime.fromtimestamp(now() / 1000, ZONE)
    assert mail.subject == f"Your tasks for {day.day} {day:%B} {day.year}"
    assert mailed(ann) == []


def test_a_long_list_ends_with_how_many_there_are_besides(ann: Person) -> None:
    for number in range(23):
        ann.new_task(f"Task {number}", due_on=day_from_now(0))
    let_it_be_time(ann)
    (mail,) = mailed(ann)
    assert mail.text.count("  - Task") == 20
    assert "… and 3 more" in mail.text


def test_where_there_is_nothing_to_tell_there_is_no_mail(ann: Person) -> None:
    ann.new_task(due_on=day_from_now(3))
    let_it_be_time(ann)
    assert mailed(ann) == []


def test_the_next_one_is_at_the_hour_of_a_later_day(ann: Person) -> None:
    let_it_be_time(ann)
    mailed(ann)
    statement = select(NotificationSettings.digest_due_at, NotificationSettings.digest_sent_for).where(
        NotificationSettings.user_id == ann.id
    )
    with ann.parts.database.reader() as reading:
        row = reading.row(statement)
    assert row is not None
    local = datetime.fromtimestamp(row.digest_due_at / 1000, ZONE)
    assert (local.hour, local.date()) == (6, local_day(now(), ZONE) + timedelta(days=1))
    assert (
        row.digest_sent_for
        == milliseconds(datetime.combine(local_day(now(), ZONE), datetime.min.time(), UTC)) // DAY
    )


def test_after_days_away_there_is_one_digest_and_not_one_a_day(ann: Person) -> None:
    ann.new_task(due_on=day_from_now(0))
    with ann.parts.database.writer() as session:
        session.run(
            update(NotificationSettings)
            .where(NotificationSettings.user_id == ann.id)
            .values(digest_due_at=now() - 5 * DAY)
        )
    assert len(mailed(ann)) == 1
    assert mailed(ann) == []


def test_setting_the_hour_anew_brings_no_second_digest_of_a_day(ann: Person) -> None:
    ann.new_task(due_on=day_from_now(0))
    let_it_be_time(ann)
    assert len(mailed(ann)) == 1
    for hour in range(24):
        ann.api.patch("/me/notifications", {"digest_hour": hour})
        statement = select(NotificationSettings.digest_due_at).where(NotificationSettings.user_id == ann.id)
        with ann.parts.database.reader() as reading:
            assert local_day(reading.value(statement), ZONE) > local_day(now(), ZONE)


def test_who_declined_in_the_meantime_gets_none(ann: Person) -> None:
    ann.new_task(due_on=day_from_now(0))
    let_it_be_time(ann)
    with ann.parts.database.writer() as session:
        for source in SOURCES:
            source.leave(session)
    ann.api.patch("/me/notifications", {"digest": False})
    assert mailed(ann) == []

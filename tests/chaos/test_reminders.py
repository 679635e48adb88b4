"""A thousand reminders in a minute, three schedulers: a thousand mails, each once and on time."""

import time
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from taskapi.accounts.models import User
from taskapi.clock import SECOND, now
from taskapi.jobs import OutboxRow
from taskapi.tasks.models import Task
from tests.chaos.test_workers import Working, working
from tests.planted import plant_tasks

SCHEDULERS = 3


def _reminded(all_of_it: Working, reminders: int, within: float) -> str:
    """Tasks to be reminded of within so many seconds; what was found of their mails."""
    parts, people = all_of_it.parts, all_of_it.people
    with parts.database.writer() as session:
        session.run(update(User).values(email_verified_at=now()))
    moment, share = now() + 3 * SECOND, reminders // len(people)
    for number, person in enumerate(people):
        plant_tasks(
            person,
            [
                {
                    "title": f"{number}.{task}",
                    "reminder_due_at": moment + int(within * SECOND * task / share),
                }
                for task in range(share)
            ],
        )
    wanted = {f"{number}.{task}" for number in range(len(people)) for task in range(share)}
    waiting = select(func.count()).where(Task.reminder_due_at.is_not(None))
    undone = select(func.count()).where(OutboxRow.kind == "mail.reminder", OutboxRow.done_at.is_(None))
    deadline = time.monotonic() + within + 60
    with parts.database.reader() as reading:
        while reading.value(waiting) or reading.value(undone):
            assert time.monotonic() < deadline, all_of_it.fleet.log("scheduler")[-3000:]
            time.sleep(0.2)
    found: Counter[str] = Counter()
    for taken in all_of_it.host.taken:
        message = message_from_bytes(taken.content, policy=policy.SMTP)
        found[str(message["Subject"]).removeprefix("Reminder: ")] += 1
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert found.keys() == wanted
    assert set(found.values()) == {1}
    late = select(func.max(OutboxRow.done_at - OutboxRow.created_at)).where(OutboxRow.kind == "mail.reminder")
    with parts.database.reader() as reading:
        slowest = reading.value(late) / SECOND
    return f"{len(wanted)} reminders, {sum(found.values())} mails, the last {slowest:.1f} s after it was left"


def test_each_reminder_is_one_mail_over_three_schedulers(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    with working(tmp_path, new_database(), seed=4, schedulers=SCHEDULERS) as all_of_it:
        print(f"\n{_reminded(all_of_it, 200, within=5)}")  # noqa: T201 - shown by -s


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_a_thousand_reminders_in_a_minute_are_a_thousand_mails(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    with working(tmp_path, new_database(), seed=5, schedulers=SCHEDULERS) as all_of_it:
        print(f"\n{_reminded(all_of_it, 1000, within=60)}")  # noqa: T201 - a proof prints its figures


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_a_broker_that_is_away_for_minutes_delays_and_loses_nothing(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    with working(tmp_path, new_database(), seed=6) as all_of_it:
        all_of_it.broker.stop()
        away = 180.0

        def come_back() -> None:
            time.sleep(away)
            all_of_it.broker.start()

        askers = all_of_it.asked(60, come_back)
        took = all_of_it.seconds_until_done()
        print(  # noqa: T201 - a proof prints its figures
            f"\nthe broker was away for {away:.0f} s: {len(askers.acknowledged)} asked for, "
            f"{Counter(askers.refusals)} refused, all delivered {took:.1f} s after it was back"
        )
        assert took <= 60
        assert all_of_it.fleet.is_whole()

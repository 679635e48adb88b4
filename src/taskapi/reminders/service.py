"""Reminding of tasks by mail, each once and on time (ADR 18)."""

from datetime import date
from typing import Any

from taskapi.clock import now
from taskapi.db import Session
from taskapi.jobs import Job, enqueue_many_once
from taskapi.letters import Letter, catalogue_for, written_day, written_moment
from taskapi.notifications.service import may_be_written_to, name_for, whose
from taskapi.parts import Parts
from taskapi.preferences.service import link_to_decline
from taskapi.reminders import queries
from taskapi.tasks.service import reminder_due

MAIL = "mail.reminder"


def is_due(reading: Session) -> bool:
    """Whether there is any task to remind of."""
    return reading.value(queries.ANY_DUE, moment=now()) is not None


def leave_due(session: Session) -> int:
    """Leave the mails of a batch of tasks that are due to be reminded of; how many tasks were found.

    Each is taken off in the transaction that leaves its mail, by one of all who look: that is why any number
    may. Nothing that anybody is shown changes, and so no epoch moves.
    """
    rows = session.rows(queries.DUE_LOCKED, moment=now())
    if not rows:
        return 0
    session.run(queries.REMIND_AT, [{"scope": row.scope_id, "task": row.id, "due": None} for row in rows])
    wanted: dict[str, tuple[str | None, dict[str, object]]] = {
        f"reminder:{row.id}:{row.reminder_due_at}": (
            row.created_by,
            {"scope_id": row.scope_id, "task_id": row.id},
        )
        for row in rows
        if row.trashed_at is None
    }
    if wanted:
        enqueue_many_once(session, MAIL, wanted)
    return len(rows)


def reminder(parts: Parts, reading: Session, job: Job) -> Letter | None:
    """To who made a task, unless it is done by now or they want no reminders any more."""
    user = whose(reading, job)
    if not may_be_written_to(parts, user) or reading.value(queries.IS_WANTED, user=user.id) is False:
        return None
    task = reading.row(queries.TASK, scope=job.payload["scope_id"], task=job.payload["task_id"])
    if task is None or task.trashed_at is not None or task.status == "done":
        return None
    due = _written_due(task, user)
    return Letter(
        kind="reminder",
        address=user.email,
        name=name_for(user, user.email),
        language=user.language,
        timezone=user.timezone,
        link=f"{parts.settings.public_url}/#/list?task={job.payload['task_id']}",
        values={"title": task.title} | ({"due": due} if due else {}),
        facts=("due",) if due else (),
        unsubscribe=link_to_decline(parts, user.id, "reminders"),
    )


def reschedule(parts: Parts, user_id: str) -> None:
    """Work out anew when somebody is reminded of what their default is for, batch by batch."""
    after, is_more = "00000000-0000-0000-0000-000000000000", True
    while is_more:
        with parts.database.writer() as session:
            before, moment = session.value(queries.BEFORE, user=user_id), now()
            rows = session.rows(queries.BY_DEFAULT_LOCKED, scope=user_id, after=after, moment=moment)
            changed = [
                {"scope": user_id, "task": row.id, "due": due}
                for row in rows
                if (due := reminder_due(row._asdict(), before, moment)) != row.reminder_due_at
            ]
            if changed:
                session.run(queries.REMIND_AT, changed)
        is_more = len(rows) == queries.BATCH
        after = rows[-1].id if rows else after


def _written_due(task: Any, user: Any) -> str:
    catalogue = catalogue_for(user.language)
    if task.due_on is not None:
        return written_day(date.fromisoformat(task.due_on), catalogue)
    return "" if task.due_at is None else written_moment(task.due_at, user.timezone, catalogue)

"""Reminders in the background."""

from taskapi.db import Session
from taskapi.jobs import Handler, Job, Source
from taskapi.mailing import mailing
from taskapi.parts import Parts
from taskapi.preferences.service import RESCHEDULE
from taskapi.reminders import service


def _reschedule(parts: Parts, _session: Session, job: Job) -> None:
    if job.user_id is not None:
        service.reschedule(parts, job.user_id)


HANDLERS: dict[str, Handler] = {
    service.MAIL: mailing(service.reminder),
    RESCHEDULE: _reschedule,
}

DUE = Source("reminders", service.is_due, service.leave_due)

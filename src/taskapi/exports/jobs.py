"""Exports in the background."""

from taskapi.db import Session
from taskapi.exports import service
from taskapi.jobs import Handler, Job
from taskapi.parts import Parts


def _forget_old(parts: Parts, _session: Session, _job: Job) -> None:
    service.forget_old(parts)


def _remove_file(parts: Parts, _session: Session, job: Job) -> None:
    parts.files.remove(job.payload["file"])


FORGET = "exports.forget_old"
HANDLERS: dict[str, Handler] = {service.MAKE: service.make, service.REMOVE: _remove_file, FORGET: _forget_old}
# What takes minutes, and keeps no mail waiting.
LONG = frozenset({service.MAKE})

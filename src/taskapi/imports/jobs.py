"""Imports in the background."""

from taskapi.db import Session
from taskapi.imports import service
from taskapi.jobs import Handler, Job
from taskapi.parts import Parts


def _forget_old(parts: Parts, _session: Session, _job: Job) -> None:
    service.forget_old(parts)


FORGET = "imports.forget_old"
HANDLERS: dict[str, Handler] = {service.RUN: service.run, FORGET: _forget_old}
# What takes minutes, and keeps no mail waiting.
LONG = frozenset({service.RUN})

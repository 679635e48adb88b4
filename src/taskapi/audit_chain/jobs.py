"""Linking what was remembered, again and again."""

from taskapi.audit_chain import service
from taskapi.db import Session
from taskapi.jobs import Job
from taskapi.parts import Parts


def link(parts: Parts, _session: Session, _job: Job) -> None:
    """Link all new entries, in transactions of its own: a head is told once it is committed."""
    service.link_all(parts.database)

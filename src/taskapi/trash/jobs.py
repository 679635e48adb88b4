"""Emptying the trash, in the background."""

from taskapi.batches import removing
from taskapi.clock import DAY, now
from taskapi.db import Session
from taskapi.trash import service

KEPT_MILLISECONDS = 30 * DAY


def _empty(reading: Session, session: Session) -> int:
    return service.purge_trash(reading, session, now() - KEPT_MILLISECONDS)


empty = removing(_empty)

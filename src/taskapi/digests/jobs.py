"""Daily digests in the background."""

from taskapi.digests import service
from taskapi.jobs import Handler, Source
from taskapi.mailing import mailing

HANDLERS: dict[str, Handler] = {service.MAIL: mailing(service.digest)}

DUE = Source("digests", service.is_due, service.leave_due)

"""Who does which kind of job, and what is done again and again: the table of contents of background work."""

from taskapi.audit_chain import jobs as audit_chain
from taskapi.clock import HOUR, MINUTE
from taskapi.jobs import Handler, Periodic
from taskapi.notifications import jobs as notifications
from taskapi.outbox import forget_done

HANDLERS: dict[str, Handler] = {
    **notifications.MAILS,
    "audit.link": audit_chain.link,
    "jobs.forget_done": forget_done,
}

PERIODIC: tuple[Periodic, ...] = (
    Periodic("audit.link", MINUTE),
    Periodic("jobs.forget_done", 6 * HOUR),
)

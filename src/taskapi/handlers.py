"""Who does which kind of job, and what is done again and again: the table of contents of background work."""

from taskapi.clock import HOUR
from taskapi.jobs import Handler, Periodic
from taskapi.notifications import jobs as notifications
from taskapi.outbox import forget_done

HANDLERS: dict[str, Handler] = {
    **notifications.MAILS,
    "jobs.forget_done": forget_done,
}

PERIODIC: tuple[Periodic, ...] = (Periodic("jobs.forget_done", 6 * HOUR),)

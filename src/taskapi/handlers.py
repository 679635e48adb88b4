"""Who does which kind of job, and what is done again and again: the table of contents of background work."""

from taskapi.audit_chain import jobs as audit_chain
from taskapi.clock import MINUTE
from taskapi.jobs import Handler, Periodic

HANDLERS: dict[str, Handler] = {
    "audit.link": audit_chain.link,
}

PERIODIC: tuple[Periodic, ...] = (Periodic("audit.link", MINUTE),)

"""Who does which kind of job, and what is done again and again: the table of contents of background work."""

from taskapi.jobs import Handler, Periodic

HANDLERS: dict[str, Handler] = {}

PERIODIC: tuple[Periodic, ...] = ()

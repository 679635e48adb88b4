"""Who does which kind of job, and what is done again and again: the table of contents of background work."""

from taskapi.admin import service as admin
from taskapi.admin.jobs import know_admins
from taskapi.audit_chain import jobs as audit_chain
from taskapi.batches import removing
from taskapi.clock import HOUR, MINUTE
from taskapi.digests import jobs as digests
from taskapi.erasure import jobs as erasure
from taskapi.erasure.service import ERASE_SCOPE
from taskapi.exports import jobs as exports
from taskapi.facts import Fact
from taskapi.idempotency import forget_expired
from taskapi.imports import jobs as imports
from taskapi.jobs import Chore, Handler, Periodic, Source
from taskapi.notifications import jobs as notifications
from taskapi.outbox import forget_done
from taskapi.personal_tokens import service as personal_tokens
from taskapi.reminders import jobs as reminders
from taskapi.sessions import service as sessions
from taskapi.trash import jobs as trash

HANDLERS: dict[str, Handler] = {
    **notifications.MAILS,
    **reminders.HANDLERS,
    **digests.HANDLERS,
    **exports.HANDLERS,
    **imports.HANDLERS,
    "accounts.erase_due": erasure.erase_accounts,
    ERASE_SCOPE: erasure.erase_scope,
    "audit.link": audit_chain.link,
    "idempotency.forget_expired": removing(forget_expired),
    "jobs.forget_done": forget_done,
    "sessions.forget_old": removing(sessions.forget_old),
    "tokens.forget_old": removing(personal_tokens.forget_old),
    "trash.empty": trash.empty,
}

PERIODIC: tuple[Periodic, ...] = (
    Periodic("accounts.erase_due", HOUR),
    Periodic("audit.link", MINUTE),
    Periodic(exports.FORGET, HOUR),
    Periodic("idempotency.forget_expired", HOUR),
    Periodic(imports.FORGET, HOUR),
    Periodic("jobs.forget_done", 6 * HOUR),
    Periodic("sessions.forget_old", HOUR),
    Periodic("tokens.forget_old", HOUR),
    Periodic("trash.empty", HOUR),
)

# What takes minutes: done beside the others, so that it keeps none of them waiting.
LONG = exports.LONG | imports.LONG

SOURCES: tuple[Source, ...] = (reminders.DUE, digests.DUE)

CHORES: tuple[Chore, ...] = (
    Chore("token-uses", 60, personal_tokens.write_uses),
    Chore("admins", 10, know_admins),
)

# What is told of the service as a whole, where it tells metrics.
FACTS: tuple[Fact, ...] = (admin.PEOPLE, sessions.ACTIVE)

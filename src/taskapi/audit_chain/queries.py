"""The statements of this feature, built once."""

from sqlalchemy import bindparam, func, insert, select, text

from taskapi.audit.models import ENTRY, AuditEntry, AuditLink

LOCK = text("SELECT pg_advisory_xact_lock(:key)")

# A link that somebody put at the end of all numbers would leave none to the next: it is not gone on from.
HEAD = (
    select(AuditLink.sequence, AuditLink.entry_id, AuditLink.digest)
    .where(AuditLink.sequence.between(1, 1 << 62))
    .order_by(AuditLink.sequence.desc())
    .limit(1)
)

_IS_NEW = AuditEntry.id >= bindparam("oldest", type_=AuditEntry.id.type)

UNLINKED = (
    select(*ENTRY)
    .outerjoin(AuditLink, AuditLink.entry_id == AuditEntry.id)
    .where(AuditLink.entry_id.is_(None), _IS_NEW)
    .order_by(AuditEntry.id)
    .limit(bindparam("most"))
)

# What the linker passes by.
PASSED_BY = (
    select(AuditEntry.id, func.count().over().label("number"))
    .outerjoin(AuditLink, AuditLink.entry_id == AuditEntry.id)
    .where(AuditLink.entry_id.is_(None), ~_IS_NEW)
    .order_by(AuditEntry.id)
    .limit(1)
)

LINK = insert(AuditLink)

# Outside of the chain, by which an entry would be taken as linked.
BEFORE_FIRST = select(AuditLink.sequence, AuditLink.entry_id).where(AuditLink.sequence < 1)

# The chain with what it is about, a stretch at a time; an entry that is gone is a row of nulls.
STRETCH = (
    select(AuditLink.sequence, AuditLink.entry_id, AuditLink.digest, *ENTRY)
    .outerjoin(AuditEntry, AuditEntry.id == AuditLink.entry_id)
    .where(AuditLink.sequence > bindparam("after"))
    .order_by(AuditLink.sequence)
    .limit(bindparam("most"))
)

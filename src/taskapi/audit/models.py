from sqlalchemy import BigInteger, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.columns import Base, Id


class AuditEntry(Base):
    """Something worth remembering for good: ids only, so that erasing a person needs no change here."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_actor", "actor_id", "id"),
        Index("ix_audit_action", "action", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    actor_id: Mapped[str | None] = mapped_column(Id)
    action: Mapped[str] = mapped_column(String(48))
    target_kind: Mapped[str | None] = mapped_column(String(24))
    target_id: Mapped[str | None] = mapped_column(Id)
    via: Mapped[str] = mapped_column(String(8))
    request_id: Mapped[str] = mapped_column(Text)
    details: Mapped[str] = mapped_column(Text)


# All of an entry, in the order in which it is hashed.
ENTRY = (
    AuditEntry.id,
    AuditEntry.at,
    AuditEntry.actor_id,
    AuditEntry.action,
    AuditEntry.target_kind,
    AuditEntry.target_id,
    AuditEntry.via,
    AuditEntry.request_id,
    AuditEntry.details,
)


class AuditLink(Base):
    """One link of the hash chain over the audit entries, in a table of its own.

    Entries are then written by any number of transactions at once, and neither table is ever updated:
    triggers refuse it (migration 0003).
    """

    __tablename__ = "audit_chain"
    __table_args__ = (Index("uq_audit_chain_entry", "entry_id", unique=True),)

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    entry_id: Mapped[str] = mapped_column(Id)
    digest: Mapped[bytes] = mapped_column(LargeBinary)

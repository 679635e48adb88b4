"""Idempotency records: what a key was used for and what was answered, in the effect's own transaction."""

from sqlalchemy import BigInteger, Index, LargeBinary, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.db import Base, Id


class IdempotencyRecord(Base):
    """One key of one user: `applied` with the stored answer, or `not_applied`, a tombstone that is final."""

    __tablename__ = "idempotency"
    __table_args__ = (
        Index("ix_idempotency_expires_at", "expires_at"),
        # A permanent delete purges the stored answers of that task.
        Index(
            "ix_idempotency_subject",
            "user_id",
            "subject_id",
            postgresql_where=text("subject_id IS NOT NULL"),
            sqlite_where=text("subject_id IS NOT NULL"),
        ),
    )

    user_id: Mapped[str] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(12))
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    status: Mapped[int | None] = mapped_column(SmallInteger)
    headers: Mapped[str | None] = mapped_column(Text)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    subject_id: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)

from sqlalchemy import BigInteger, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.columns import Base, Id, Ordered


class User(Base):
    """A person. `epoch` is the value their key in `epochs` has had since the row last changed."""

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_email_key", "email_key", unique=True),
        # The list of admins' orders; by address it goes along uq_users_email_key.
        Index("ix_users_created", "created_at", "id"),
        Index("ix_users_name", "name_key", "id"),
        # Admins are few among many, and locked together wherever the last one might be lost.
        Index("ix_users_role", "role", "id"),
        # The purge of accounts whose time is over.
        Index(
            "ix_users_delete_after",
            "delete_after",
            postgresql_where=text("delete_after IS NOT NULL"),
            sqlite_where=text("delete_after IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    # The address as it is compared: two spellings of one mailbox are one account.
    email_key: Mapped[str] = mapped_column(Ordered)
    # An address somebody asked to change to and has not verified yet.
    pending_email: Mapped[str | None] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(16))
    language: Mapped[str] = mapped_column(String(35))
    timezone: Mapped[str] = mapped_column(String(64))
    email_verified_at: Mapped[int | None] = mapped_column(BigInteger)
    disabled_at: Mapped[int | None] = mapped_column(BigInteger)
    delete_after: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[int] = mapped_column(BigInteger)
    # Access tokens that name an older epoch than this are refused.
    auth_epoch: Mapped[int] = mapped_column(BigInteger)
    # What admins sort and search by, computed by text.py.
    name_key: Mapped[str] = mapped_column(Ordered, server_default=text("''"))
    name_words: Mapped[str] = mapped_column(Ordered, server_default=text("''"))
    email_words: Mapped[str] = mapped_column(Ordered, server_default=text("''"))

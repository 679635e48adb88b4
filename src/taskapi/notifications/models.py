from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.columns import Base, Id


class NotificationSettings(Base):
    """What a user wants to be told; no row means the defaults."""

    __tablename__ = "notification_settings"
    __table_args__ = (
        Index(
            "ix_notification_settings_digest_due",
            "digest_due_at",
            postgresql_where=text("digest_due_at IS NOT NULL"),
            sqlite_where=text("digest_due_at IS NOT NULL"),
        ),
    )

    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    reminders: Mapped[bool] = mapped_column(Boolean)
    # Minutes before a task is due; None: only where a task says so itself.
    remind_before: Mapped[int | None] = mapped_column(SmallInteger)
    digest: Mapped[bool] = mapped_column(Boolean)
    # The hour of the daily digest in the user's zone, 0 to 23.
    digest_hour: Mapped[int] = mapped_column(SmallInteger)
    # When the next digest is due; None: never.
    digest_due_at: Mapped[int | None] = mapped_column(BigInteger)
    # The local day (as days since 1970) the last digest was for: a day has one, whatever is set anew.
    digest_sent_for: Mapped[int | None] = mapped_column(SmallInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)

from sqlalchemy import BigInteger, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.columns import Base, Id


class Export(Base):
    """A file of somebody's tasks: asked for, made in the background, kept for a day."""

    __tablename__ = "exports"
    __table_args__ = (
        Index("ix_exports_user", "user_id", "id"),
        Index("ix_exports_created", "created_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id)
    scope_id: Mapped[str] = mapped_column(Id)
    format: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    # Tasks that are written, and that are to be; None before they were counted.
    done: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    size: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[int] = mapped_column(BigInteger)
    finished_at: Mapped[int | None] = mapped_column(BigInteger)
    # From when on the file is gone.
    expires_at: Mapped[int | None] = mapped_column(BigInteger)

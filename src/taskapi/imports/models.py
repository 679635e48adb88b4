from sqlalchemy import BigInteger, Boolean, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.columns import Base, Id


class Import(Base):
    """A file whose tasks become somebody's: received, examined, and taken over batch by batch."""

    __tablename__ = "imports"
    __table_args__ = (
        Index("ix_imports_user", "user_id", "id"),
        Index("ix_imports_created", "created_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id)
    scope_id: Mapped[str] = mapped_column(Id)
    format: Mapped[str] = mapped_column(Text)
    dry_run: Mapped[bool] = mapped_column(Boolean)
    status: Mapped[str] = mapped_column(Text)
    # Tasks that are taken over, and that can be; None before the file was examined.
    done: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    # Of those that cannot be: how many, and a JSON array of the first.
    failed: Mapped[int] = mapped_column(BigInteger)
    faults: Mapped[str] = mapped_column(Text)
    # Projects that are made, or would be.
    projects: Mapped[int] = mapped_column(BigInteger)
    # A JSON object: the ids of projects by what the file calls them.
    project_ids: Mapped[str] = mapped_column(Text)
    # The first of the epochs that the places of the tasks are made from, set aside before the first of them.
    first_epoch: Mapped[int | None] = mapped_column(BigInteger)
    # Why nothing of the file could be read.
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[int] = mapped_column(BigInteger)
    finished_at: Mapped[int | None] = mapped_column(BigInteger)

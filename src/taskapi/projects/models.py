from sqlalchemy import BigInteger, Boolean, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.columns import Base, Id, Ordered


class Project(Base):
    """A list of tasks within a scope."""

    __tablename__ = "projects"
    __table_args__ = (Index("ix_projects_position", "scope_id", "position", "id"),)

    scope_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    color: Mapped[str | None] = mapped_column(String(7))
    archived: Mapped[bool] = mapped_column(Boolean)
    position: Mapped[str] = mapped_column(Ordered)
    created_at: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(Integer)
    epoch: Mapped[int] = mapped_column(BigInteger)

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, Integer, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from taskapi.columns import Base, Id, Ordered


def _where(name: str, *columns: str, condition: str) -> Index:
    """A partial index, alike on both engines."""
    return Index(name, *columns, postgresql_where=text(condition), sqlite_where=text(condition))


class Task(Base):
    """A task. The scope comes first in every key and index, ready for partitions and shards.

    No index holds `status`, `updated_at`, `version` or `epoch`: PostgreSQL can then change the status of a
    task without touching any index (HOT), where its page has room for the change (migration 0004).
    """

    __tablename__ = "tasks"
    __table_args__ = (
        ForeignKeyConstraint(["scope_id", "project_id"], ["projects.scope_id", "projects.id"]),
        _where("ix_tasks_created", "scope_id", "created_at", "id", condition="trashed_at IS NULL"),
        _where("ix_tasks_due", "scope_id", "due_sort", "id", condition="trashed_at IS NULL"),
        _where("ix_tasks_position", "scope_id", "position", "id", condition="trashed_at IS NULL"),
        _where("ix_tasks_priority", "scope_id", "priority", "id", condition="trashed_at IS NULL"),
        _where("ix_tasks_title", "scope_id", "title_key", "id", condition="trashed_at IS NULL"),
        Index("ix_tasks_project", "scope_id", "project_id", "id"),
        _where("ix_tasks_trashed", "scope_id", "trashed_at", "id", condition="trashed_at IS NOT NULL"),
        _where("ix_tasks_reminder_due", "reminder_due_at", condition="reminder_due_at IS NOT NULL"),
        {"postgresql_with": {"fillfactor": 90}},
    )

    scope_id: Mapped[str] = mapped_column(Id, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str | None] = mapped_column(Id)
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    # The rank: none 0, low 1, medium 2, high 3, urgent 4.
    priority: Mapped[int] = mapped_column(SmallInteger)
    # A JSON array, as it is answered.
    labels: Mapped[str] = mapped_column(Text)
    due_at: Mapped[int | None] = mapped_column(BigInteger)
    # YYYY-MM-DD, in the zone of whoever looks.
    due_on: Mapped[str | None] = mapped_column(String(10))
    position: Mapped[str] = mapped_column(Ordered)
    completed_at: Mapped[int | None] = mapped_column(BigInteger)
    trashed_at: Mapped[int | None] = mapped_column(BigInteger)
    # As a person wrote it.
    remind_at: Mapped[int | None] = mapped_column(BigInteger)
    # When a mail is to be left: by `remind_at`, or by the user's default; None once it was left (ADR 18).
    reminder_due_at: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)
    created_by: Mapped[str] = mapped_column(Id)
    version: Mapped[int] = mapped_column(Integer)
    epoch: Mapped[int] = mapped_column(BigInteger)
    # Computed by us from the fields above, so that both engines search and sort alike (text.py).
    title_key: Mapped[str] = mapped_column(Ordered)
    label_keys: Mapped[str] = mapped_column(Ordered)
    search_text: Mapped[str] = mapped_column(Ordered)
    # When it is due at the latest: `due_at`, or the last millisecond of `due_on` in UTC.
    due_sort: Mapped[int | None] = mapped_column(BigInteger)


class TaskChange(Base):
    """One change of one task: who, when, how, and each field before and after.

    Ordered by the epoch of the change, which no clock set back can reorder; partitions can be cut by it.
    """

    __tablename__ = "task_history"

    scope_id: Mapped[str] = mapped_column(Id, primary_key=True)
    task_id: Mapped[str] = mapped_column(Id, primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    actor_id: Mapped[str] = mapped_column(Id)
    via: Mapped[str] = mapped_column(String(8))
    request_id: Mapped[str] = mapped_column(Text)
    # A JSON array of {field, before, after}.
    changes: Mapped[str] = mapped_column(Text)


# What an answer shows, and the epoch its ETag is made of.
SHOWN = (
    Task.id,
    Task.title,
    Task.description,
    Task.status,
    Task.priority,
    Task.due_at,
    Task.due_on,
    Task.remind_at,
    Task.labels,
    Task.project_id,
    Task.position,
    Task.completed_at,
    Task.trashed_at,
    Task.created_at,
    Task.updated_at,
    Task.version,
    # Up to here as it is answered (lists/schemas.py); the rest is for us.
    Task.reminder_due_at,
    Task.epoch,
)

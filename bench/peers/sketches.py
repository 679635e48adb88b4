"""The specification's sketches of a faster database, and what they start from, as queries of an ORM.

Each call opens a session of its own, as each request does, and reads what an answer would show.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, ForeignKey, Integer, String, create_engine, func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, joinedload, mapped_column, relationship
from sqlalchemy.pool import NullPool, QueuePool

PAGE = 20


class Base(DeclarativeBase):
    """Tables of their own, in a schema beside ours."""


class Project(Base):
    __tablename__ = "project"
    __table_args__ = {"schema": "sketch"}  # noqa: RUF012 - SQLAlchemy reads it once

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))


class _Columns:
    """A task as the sketches have it."""

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(36))
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str]
    status: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(Integer)


class Bare(_Columns, Base):
    """Without an index on its owner."""

    __tablename__ = "task_bare"
    __table_args__ = {"schema": "sketch"}  # noqa: RUF012 - SQLAlchemy reads it once


class Task(_Columns, Base):
    """With `idx_user_id`."""

    __tablename__ = "task"
    __table_args__ = {"schema": "sketch"}  # noqa: RUF012 - SQLAlchemy reads it once

    project_id: Mapped[str | None] = mapped_column(String(36), ForeignKey(Project.id))
    project: Mapped[Project | None] = relationship()


def fill(url: str) -> None:
    """The tables, with the tasks and projects that are in ours."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    columns = "id, user_id, title, description, status, priority"
    ours = "id::text, scope_id::text, title, description, status, priority"
    with engine.connect() as connection:
        connection.execute(text("CREATE SCHEMA sketch"))
        Base.metadata.create_all(connection)
        for statement in (
            "INSERT INTO sketch.project SELECT id::text, name FROM projects",
            f"INSERT INTO sketch.task_bare ({columns}) SELECT {ours} FROM tasks",  # noqa: S608 - names of ours
            f"INSERT INTO sketch.task ({columns}, project_id) SELECT {ours}, project_id::text FROM tasks",  # noqa: S608
            "CREATE INDEX idx_user_id ON sketch.task (user_id)",
            "VACUUM ANALYZE",
        ):
            connection.execute(text(statement))
    engine.dispose()


def pooled(url: str) -> Engine:
    """The specification's options."""
    return create_engine(
        url, poolclass=QueuePool, pool_size=10, max_overflow=20, pool_pre_ping=True, pool_recycle=3600
    )


def unpooled(url: str) -> Engine:
    """A connection for each request."""
    return create_engine(url, poolclass=NullPool)


@dataclass(frozen=True)
class Sketch:
    """What the sketches ask on an engine."""

    engine: Engine

    def everything(self, model: type[Bare | Task], user_id: str) -> int:
        """`Task.query.filter_by(user_id=…).all()`; how many there were."""
        with Session(self.engine) as session:
            return len(_shown(session.scalars(select(model).filter_by(user_id=user_id)).all()))

    def page(self, user_id: str, number: int) -> int:
        """`….paginate(page=number, per_page=20)`, which also counts, as Flask-SQLAlchemy's does."""
        wanted = select(Task).filter_by(user_id=user_id)
        with Session(self.engine) as session:
            items = session.scalars(wanted.limit(PAGE).offset((number - 1) * PAGE)).all()
            session.scalar(select(func.count()).select_from(wanted.subquery()))
            return len(_shown(items))

    def with_projects(self, user_id: str, eagerly: bool) -> int:
        """The tasks of somebody, each with the name of its project."""
        wanted = select(Task).filter_by(user_id=user_id)
        with Session(self.engine) as session:
            found = session.scalars(wanted.options(joinedload(Task.project)) if eagerly else wanted).all()
            return len([one.project.name for one in found if one.project is not None])


def _shown(found: Any) -> list[tuple[str, ...]]:
    return [(one.id, one.title, one.description, one.status, str(one.priority)) for one in found]

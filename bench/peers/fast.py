"""FastAPI with SQLAlchemy's asyncio and uvicorn, as their documentations teach it, over `tables.py`'s tables.

A session for each request by a dependency, entities of the ORM, answers by Pydantic models, PyJWT:

    PEER_DATABASE=postgresql+asyncpg://… PEER_SECRET=… uvicorn bench.peers.fast:app
"""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import DateTime, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SECRET = os.environ["PEER_SECRET"]
engine = create_async_engine(os.environ["PEER_DATABASE"], pool_size=10, max_overflow=20)
new_session = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()
scheme = OAuth2PasswordBearer(tokenUrl="token")


class Base(DeclarativeBase):
    __table_args__ = {"schema": "peers"}  # noqa: RUF012 - SQLAlchemy reads it once


class User(Base):
    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[str]
    timezone: Mapped[str]
    language: Mapped[str]


class Task(Base):
    __tablename__ = "tasks"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID]
    project_id: Mapped[UUID | None]
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(default="todo")
    priority: Mapped[str] = mapped_column(default="none")
    labels: Mapped[list[str]] = mapped_column(JSONB, default=list)
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    due_on: Mapped[str | None]
    remind_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    position: Mapped[str] = mapped_column(default="V")
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    trashed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))
    version: Mapped[int] = mapped_column(default=1)


class TaskCreate(BaseModel):
    title: str
    description: str = ""
    status: str = "todo"
    priority: str = "none"
    labels: list[str] = []


class TaskUpdate(BaseModel):
    title: str


class TaskRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    title: str
    description: str
    status: str
    priority: str
    due_at: datetime | None
    due_on: str | None
    remind_at: datetime | None
    labels: list[str]
    project_id: UUID | None
    position: str
    completed_at: datetime | None
    trashed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class TaskPage(BaseModel):
    items: list[TaskRead]
    next_cursor: str | None


class UserRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    name: str
    role: str
    timezone: str
    language: str


async def get_session() -> AsyncIterator[AsyncSession]:
    async with new_session() as session:
        yield session


async def get_user_id(token: Annotated[str, Depends(scheme)]) -> UUID:
    try:
        return UUID(jwt.decode(token, SECRET, algorithms=["HS256"])["sub"])
    except jwt.InvalidTokenError:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED) from None


SessionDep = Annotated[AsyncSession, Depends(get_session)]
UserDep = Annotated[UUID, Depends(get_user_id)]


@app.get("/api/v1/tasks", response_model=TaskPage)
async def list_tasks(
    session: SessionDep, user_id: UserDep, limit: int = 20, status: str | None = None
) -> dict[str, Any]:
    wanted = select(Task).where(Task.user_id == user_id, Task.trashed_at.is_(None))
    if status is not None:
        wanted = wanted.where(Task.status == status)
    wanted = wanted.order_by(Task.created_at.desc(), Task.id.desc()).limit(limit + 1)
    found = (await session.scalars(wanted)).all()
    return {"items": found[:limit], "next_cursor": str(found[limit - 1].id) if len(found) > limit else None}


@app.get("/api/v1/tasks/{task_id}", response_model=TaskRead)
async def get_task(session: SessionDep, user_id: UserDep, task_id: UUID) -> Task:
    return await _task(session, user_id, task_id)


@app.post("/api/v1/tasks", response_model=TaskRead, status_code=status.HTTP_201_CREATED)
async def create_task(session: SessionDep, user_id: UserDep, wanted: TaskCreate) -> Task:
    task = Task(user_id=user_id, **wanted.model_dump())
    session.add(task)
    await session.commit()
    return task


@app.patch("/api/v1/tasks/{task_id}", response_model=TaskRead)
async def update_task(session: SessionDep, user_id: UserDep, task_id: UUID, wanted: TaskUpdate) -> Task:
    task = await _task(session, user_id, task_id)
    task.title, task.updated_at, task.version = wanted.title, datetime.now(UTC), task.version + 1
    await session.commit()
    return task


@app.get("/api/v1/stats")
async def get_stats(session: SessionDep, user_id: UserDep) -> dict[str, int]:
    wanted = select(Task.status, func.count()).where(Task.user_id == user_id, Task.trashed_at.is_(None))
    counts = dict((await session.execute(wanted.group_by(Task.status))).tuples().all())
    return {name: counts.get(name, 0) for name in ("todo", "in_progress", "done")}


@app.get("/api/v1/me", response_model=UserRead)
async def get_me(session: SessionDep, user_id: UserDep) -> User:
    user = await session.get(User, user_id)
    if user is None:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED)
    return user


async def _task(session: AsyncSession, user_id: UUID, task_id: UUID) -> Task:
    task = await session.scalar(select(Task).where(Task.user_id == user_id, Task.id == task_id))
    if task is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return task

"""Writing seeded data by the statements that the features themselves write with.

Each batch is one short transaction, so that a server on the same database goes on answering; it moves the
scope's epoch first, by which two runs of the same seed queue, and writes only what is not there.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select

from taskapi import epochs, positions
from taskapi.accounts import queries
from taskapi.accounts import service as accounts
from taskapi.accounts.models import User
from taskapi.accounts.schemas import NewAccount
from taskapi.actors import Actor
from taskapi.clock import DAY, now
from taskapi.db import Session
from taskapi.errors import Conflict
from taskapi.parsing import checked
from taskapi.projects import queries as projects
from taskapi.projects.models import Project
from taskapi.seeding import sources
from taskapi.seeding.identity import id_at, is_named
from taskapi.seeding.preparing import Prepared
from taskapi.seeding.stories import Author
from taskapi.tasks import queries as tasks
from taskapi.tasks.models import Task, TaskChange
from taskapi.text import email_key

_USER = select(User.id, User.created_at).where(User.email_key == bindparam("email_key"))
_KNOWN_TASKS = select(Task.id).where(
    Task.scope_id == bindparam("scope"), Task.id.in_(bindparam("tasks", expanding=True))
)
_KNOWN_PROJECTS = select(Project.id).where(Project.scope_id == bindparam("scope"))

# An account is made so long before the day that its tasks lie around.
_ACCOUNT_AGE = 401 * DAY


class AddressTaken(Conflict):
    def __init__(self, address: str) -> None:
        super().__init__(f"{address} is an account that no seed made. Take another --seed.")


def address(seed: int, number: int) -> str:
    return f"{sources.login(number)}@seed{seed}.example"


def find_author(session: Session, seed: int, number: int) -> Author | None:
    """The account of this number, if it is there. Raises AddressTaken where somebody else has its address."""
    row = session.row(_USER, email_key=email_key(address(seed, number)))
    if row is None:
        return None
    if not is_named(row.id, seed, number, "user"):
        raise AddressTaken(address(seed, number))
    return Author(seed, number, row.id, row.created_at + _ACCOUNT_AGE)


def plant_author(session: Session, seed: int, number: int, password_hash: str) -> Author:
    """Make the account of this number with its projects. Raises AddressTaken."""
    code, someone = sources.person(number)
    moment = now() - _ACCOUNT_AGE
    given = {"email": address(seed, number), "name": someone.name, "timezone": someone.timezone}
    # The password was checked when it was given; here it is known by its hash alone.
    account = checked(NewAccount, {**given, "language": code, "password": "not this one"})
    values = account.model_dump(exclude={"password"}) | {
        "id": id_at(moment, seed, number, "user"),
        "email_key": email_key(account.email),
        "password_hash": password_hash,
        "role": "user",
        "email_verified_at": moment,
        "created_at": moment,
        "updated_at": moment,
        "epoch": 0,
        "auth_epoch": 0,
    }
    session.value(queries.REGISTER[session.dialect], **values)
    author = find_author(session, seed, number)
    if author is None:
        raise AddressTaken(account.email)
    _plant_projects(session, author)
    # By the service, which adds what it computes from them and moves the epochs that an account has.
    accounts.apply(session, author.user_id, {"email": account.email, "name": account.name})
    return author


def missing_tasks(session: Session, author: Author, numbers: range) -> list[int]:
    """Which tasks of these numbers are not there."""
    by_id = {author.task_id(number): number for number in numbers}
    known = {row.id for row in session.rows(_KNOWN_TASKS, scope=author.user_id, tasks=list(by_id))}
    return [number for task_id, number in by_id.items() if task_id not in known]


def plant_tasks(session: Session, author: Author, prepared: Sequence[Prepared]) -> int:
    """Write the tasks that are not there yet, each with its history; how many."""
    actor = Actor(author.user_id, "", "cli", f"seed-{author.seed}")
    changes = sum(len(one.changes) for one in prepared)
    epoch = epochs.move(session, epochs.scope_key(actor.scope_id), by=changes) - changes
    ids = [one.task_id for one in prepared]
    known = {row.id for row in session.rows(_KNOWN_TASKS, scope=author.user_id, tasks=ids)}
    rows: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    for one in prepared:
        if one.task_id not in known:
            rows.append(one.row(actor.scope_id, epoch))
            history.extend(
                tasks.history_row(actor, one.task_id, moved, at, fields)
                for moved, (at, fields) in enumerate(one.changes, epoch + 1)
            )
        epoch += len(one.changes)
    if rows:
        session.fill(Task, rows)
        session.fill(TaskChange, history)
    return len(rows)


def _plant_projects(session: Session, author: Author) -> None:
    known = {row.id for row in session.rows(_KNOWN_PROJECTS, scope=author.user_id)}
    moment = author.day - _ACCOUNT_AGE
    themes = sources.language(author.language).projects
    epoch = epochs.move(session, epochs.scope_key(author.user_id), by=len(themes)) - len(themes)
    rows = [
        {
            "scope_id": author.user_id,
            "id": project_id,
            "name": theme.name,
            "color": theme.color,
            "archived": False,
            "position": positions.bottom(epoch + place),
            "created_at": moment,
            "updated_at": moment,
            "version": 1,
            "epoch": epoch + place,
        }
        for place, (project_id, theme) in enumerate(zip(author.project_ids(), themes, strict=True), 1)
        if project_id not in known
    ]
    if rows:
        session.run(projects.CREATE, rows)

"""Tasks by the thousand, written past the API but with the columns that the service computes."""

import random
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import text

from taskapi import positions
from taskapi.clock import DAY, rfc3339
from taskapi.db import Database
from taskapi.epochs import move, scope_key
from taskapi.ids import new_id
from taskapi.tasks import queries, schemas
from taskapi.tasks.schemas import WholeTask

_STATUSES = ("todo", "in_progress", "done")
_PRIORITIES = ("none", "low", "medium", "high", "urgent")
_FIRST_DAY = date(2026, 1, 1)
FIRST_MOMENT = 1_767_225_600_000  # 2026-01-01


def columns_of(scope: str, content: Mapping[str, Any], **others: Any) -> dict[str, Any]:
    """All columns of a task of this content; `others` are those that no client writes."""
    moment = others.get("created_at", FIRST_MOMENT)
    made = {
        "scope_id": scope,
        "id": new_id(),
        "position": positions.top(moment * 1000),
        "trashed_at": None,
        "remind_at": None,
        "created_at": moment,
        "updated_at": moment,
        "created_by": scope,
        "version": 1,
        "epoch": 1,
    }
    return schemas.columns_of(WholeTask(**content).model_dump(), None, moment) | made | others


def some_content(chance: random.Random) -> dict[str, Any]:
    """Content of which many share each sort key, and four in ten are due at no time."""
    content: dict[str, Any] = {
        "title": f"{chance.choice(('Pay', 'call', 'Écrire', 'купить', '牛乳'))} {chance.randrange(50)}",
        "status": chance.choice(_STATUSES),
        "priority": chance.choice(_PRIORITIES),
        "labels": chance.sample(("home", "work", "100%"), chance.randrange(3)),
    }
    kind = chance.randrange(5)
    if kind < 2:
        content["due_at"] = rfc3339(FIRST_MOMENT + chance.randrange(90) * DAY // 3)
    elif kind == 2:
        content["due_on"] = (_FIRST_DAY + timedelta(days=chance.randrange(30))).isoformat()
    return content


def some_rows(scope: str, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Columns of live tasks whose times repeat every few rows."""
    chance = random.Random(seed)
    for number in range(count):
        created = FIRST_MOMENT + number // 4
        yield columns_of(
            scope,
            some_content(chance),
            created_at=created,
            updated_at=FIRST_MOMENT + chance.randrange(count),
            position=positions.top((FIRST_MOMENT + chance.randrange(count)) * 1000),
        )


def write(database: Database, scope: str, rows: Iterator[dict[str, Any]]) -> None:
    """Insert rows, a thousand at a time, and move the scope's epoch."""
    with database.writer() as session:
        move(session, scope_key(scope))
        while some := list(islice(rows, 1000)):
            session.run(queries.CREATE, some)


def analyze(database: Database) -> None:
    """What autovacuum does after a while: the planner learns of the rows, and reads an index alone."""
    with database.reader() as session:
        if not database.is_sqlite:
            session.run(text("VACUUM ANALYZE tasks"))

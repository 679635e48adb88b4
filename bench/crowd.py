"""Who the load comes from: many accounts with tasks, and the tokens by which they are known for now."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import jwt

from taskapi import create_app, epochs, schema
from taskapi.accounts import service as accounts
from taskapi.accounts.schemas import NewAccount
from taskapi.actors import Client
from taskapi.columns import Base
from taskapi.ids import new_id
from taskapi.parts import Parts
from taskapi.sessions.service import open_session
from taskapi.settings import Settings
from taskapi.tasks.models import Task
from tests.lists.stock import some_rows

PEOPLE, EACH = 2_000, 40
# What somebody sends who makes a task.
NEW = {"title": "Pay rent", "labels": ["home"], "priority": "high"}
# Of a server that lives for minutes on loopback.
SECRET = "a secret of thirty-two characters"  # noqa: S105
_BATCH = 10_000


@dataclass(frozen=True)
class Member:
    """Somebody with tasks, the newest last."""

    id: str
    session_id: str
    tasks: Sequence[str]


@dataclass(frozen=True)
class Crowd:
    members: Sequence[Member]
    parts: Parts
    # By which the references know them; these hold for an hour.
    peers_tokens: Sequence[str]

    def tokens(self) -> list[str]:
        """A fresh token for each; it holds for ten minutes."""
        issue = self.parts.access_tokens.issue
        return [issue(one.id, one.session_id, 0, "api") for one in self.members]

    def written(self, path: Path, tokens: Sequence[str]) -> Path:
        """The file that models draw people from, without the last, who is for another load."""
        pairs = zip(tokens, self.members, strict=True)
        path.write_text("".join(f"{token}\t{one.tasks[0]}\n" for token, one in [*pairs][:-1]))
        return path


@contextmanager
def settled(settings: Settings, people: int = PEOPLE) -> Iterator[Crowd]:
    """An empty database brought to the schema, with people in it who have EACH tasks."""
    parts: Parts = create_app(settings).extensions["taskapi"]
    try:
        schema.migrate(parts.database)
        contents = list(some_rows("", EACH, seed=1))
        members = [_member(parts) for _ in range(people)]
        _fill(parts, Task, (row for one in members for row in _owned(one, contents)))
        moment = int(time.time())
        times = {"iat": moment, "exp": moment + 3600}
        theirs = [jwt.encode({"sub": one.id, "id": one.id, **times}, SECRET, "HS256") for one in members]
        yield Crowd(members, parts, theirs)
    finally:
        parts.database.close()


def _member(parts: Parts) -> Member:
    with parts.database.writer() as session:
        wanted = NewAccount(email=f"{new_id()}@example.test", password="not used to log in")  # noqa: S106
        user_id = accounts.create(session, wanted, "", "user", verified=True)
        if user_id is None:
            raise RuntimeError("the address is known already")
        client = Client("127.0.0.1", "bench", "bench")
        grant = open_session(parts, session, client, user_id, 0, "api", new_id())
        epochs.move(session, epochs.scope_key(user_id))
    access = parts.access_tokens.verify(grant.access_token)
    if access is None:
        raise RuntimeError("a token of ours does not hold")
    return Member(user_id, access.session_id, [new_id() for _ in range(EACH)])


def _owned(member: Member, contents: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task_id, row in zip(member.tasks, contents, strict=True):
        yield row | {"scope_id": member.id, "created_by": member.id, "id": task_id}


def _fill(parts: Parts, model: type[Base], rows: Iterator[dict[str, Any]]) -> None:
    while some := list(islice(rows, _BATCH)):
        with parts.database.writer() as session:
            session.fill(model, some)

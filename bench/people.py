"""Who the load comes from: accounts with tasks, made by the services themselves."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from taskapi import create_app, schema
from taskapi.accounts import service as accounts
from taskapi.accounts.schemas import NewAccount
from taskapi.actors import Actor, Client
from taskapi.db import Session
from taskapi.ids import new_id
from taskapi.parts import Parts
from taskapi.sessions.service import open_session
from taskapi.settings import Settings
from taskapi.tasks import service as tasks
from taskapi.tasks.schemas import NewTask

_WORDS = (
    *("call", "pay", "buy", "write", "mend", "plan", "read", "send", "book", "visit"),
    *("rent", "letter", "garden", "report", "flight", "doctor"),
)


@dataclass(frozen=True)
class Person:
    id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def settle(settings: Settings, people: int, each: int) -> list[Person]:
    """An empty database brought to the schema, and people in it with so many tasks each."""
    parts: Parts = create_app(settings).extensions["taskapi"]
    try:
        schema.migrate(parts.database)
        return [_person(parts, each, random.Random(number)) for number in range(people)]
    finally:
        parts.database.close()


def _person(parts: Parts, each: int, chance: random.Random) -> Person:
    with parts.database.writer() as session:
        wanted = NewAccount(email=f"{new_id()}@example.test", password="not used to log in")  # noqa: S106
        user_id = accounts.create(session, wanted, "", "user", verified=True)
    if user_id is None:
        raise RuntimeError("the address is known already")
    with parts.database.writer() as session:
        client = Client("127.0.0.1", "bench", "bench")
        grant = open_session(parts, session, client, user_id, 0, "api", new_id())
        _fill(session, Actor(user_id, new_id(), "api", "bench"), each, chance)
    return Person(user_id, grant.access_token)


def _fill(session: Session, actor: Actor, each: int, chance: random.Random) -> None:
    for wanted in _tasks(each, chance):
        tasks.create(session, actor, wanted)


def _tasks(number: int, chance: random.Random) -> Iterator[NewTask]:
    """Tasks such as people have: most of them short, some with a text, a label or two, a day."""
    for _ in range(number):
        has_text, has_day = chance.random() < 0.3, chance.random() < 0.4
        yield NewTask(
            title=" ".join(chance.choices(_WORDS, k=4)).capitalize(),
            description=" ".join(chance.choices(_WORDS, k=30)) if has_text else "",
            status=chance.choice(("todo", "todo", "in_progress", "done")),
            priority=chance.choice(("none", "none", "low", "medium", "high", "urgent")),
            due_on=f"2027-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}" if has_day else None,
            labels=chance.sample(_WORDS, chance.randint(0, 2)),
        )

"""What is measured on one engine: ours and the references, filled alike and running."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from bench import servers
from bench.load import Load
from bench.measured import (
    BARE_CREATE,
    BARE_LIST,
    BARE_ONE,
    BARE_UNCHANGED,
    BEFORE_ALL,
    BEFORE_CREATE,
    BEFORE_FEW,
    BEFORE_ONE,
    CREATE,
    HIT,
    MISS,
    ONE,
    UNCHANGED,
)
from bench.peers import before
from bench.people import Person, settle
from taskapi.ids import new_id
from taskapi.settings import load_settings

TASKS = "/api/v1/tasks"
PAGE = f"{TASKS}?limit=20"
# The last of these people writes, the others only read; each has EACH tasks.
PEOPLE = 5
EACH = 1000

_SECRET = "a secret of thirty-two characters"  # noqa: S105 - of a server that lives for minutes on loopback
_NEW = {"title": "Pay rent", "labels": ["home"], "priority": "high"}


@dataclass(frozen=True)
class Rivals:
    """The loads by name, and who reads: the pages of MISS are theirs."""

    loads: dict[str, Load]
    readers: Sequence[Person]


@contextmanager
def running(folder: Path, postgresql: str | None) -> Iterator[Rivals]:
    """Ours and the references over SQLite, or over databases of their own on that PostgreSQL."""
    database = servers.new_database(postgresql, "ours") if postgresql else None
    old = servers.new_database(postgresql, "before") if postgresql else f"sqlite:///{folder / 'before.db'}"
    old = old.replace("postgresql:", "postgresql+psycopg:")
    home = folder / "home"
    given = {"TASKAPI_HOME": str(home), "TASKAPI_LIMITS": "off"}
    home.mkdir()
    people = settle(load_settings(**given | ({"DATABASE_URL": database} if database else {})), PEOPLE, EACH)
    with ExitStack() as opened:
        loads = _ours(opened.enter_context(servers.taskapi(home, database)), people, folder)
        _keep_bytes(folder, loads)
        loads |= _bare(opened.enter_context(servers.bare(folder)), folder)
        tokens = before.keep(old, _SECRET, _owned(loads[HIT], people))
        loads |= _before(opened.enter_context(servers.before(folder, old, _SECRET)), tokens, loads)
        yield Rivals(loads, people[:-1])


def asked(load: Load, **headers: str) -> httpx.Response:
    """One request of a load, by another client than wrk."""
    method = "POST" if load.model == "create" else "GET"
    body = load.file.read_bytes() if load.file and method == "POST" else None
    sent = {"Accept-Encoding": "identity", "Content-Type": "application/json", **load.headers, **headers}
    return httpx.request(method, load.url, headers=sent, content=body, timeout=60)


def _ours(url: str, people: Sequence[Person], folder: Path) -> dict[str, Load]:
    reader, writer = people[0], people[-1]
    page = Load("same", url + PAGE, reader.headers)
    answer = asked(page)
    task_id = answer.json()["items"][0]["id"]
    new = folder / "new"
    new.write_bytes(orjson.dumps(_NEW))
    return {
        HIT: page,
        MISS: Load("never_again", url, file=folder / "pages"),
        UNCHANGED: Load("same", page.url, {**reader.headers, "If-None-Match": answer.headers["ETag"]}),
        ONE: Load("same", f"{url}{TASKS}/{task_id}", reader.headers),
        CREATE: Load("create", url + TASKS, writer.headers, new),
    }


def _keep_bytes(folder: Path, loads: dict[str, Load]) -> None:
    """The bodies that bare Flask is to answer with."""
    for name, load in (("list", HIT), ("task", ONE), ("created", CREATE)):
        folder.joinpath(name).write_bytes(asked(loads[load]).content)


def _bare(url: str, folder: Path) -> dict[str, Load]:
    return {
        BARE_LIST: Load("same", f"{url}/list"),
        BARE_UNCHANGED: Load("same", f"{url}/unchanged"),
        BARE_ONE: Load("same", f"{url}/task"),
        BARE_CREATE: Load("create", f"{url}/created", file=folder / "new"),
    }


def _owned(page: Load, people: Sequence[Person]) -> dict[str, list[dict[str, Any]]]:
    """The same tasks of the same people for the "before"; and of one more, `few`, who has 20."""
    owned = {person.id: _all_tasks(page, person) for person in people}
    few = owned[people[0].id][:20]
    return owned | {"few": [task | {"id": new_id()} for task in few]}


def _all_tasks(page: Load, person: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    url: str | None = page.url.replace("limit=20", "limit=200")
    first = url
    while url is not None:
        answer = asked(Load("same", url, person.headers)).json()
        found += answer["items"]
        url = f"{first}&cursor={answer['next_cursor']}" if answer["next_cursor"] else None
    return found


def _before(url: str, tokens: dict[str, str], ours: dict[str, Load]) -> dict[str, Load]:
    (first, *_, last), few = [user for user in tokens if user != "few"], "few"
    sent = {user: {"Authorization": f"Bearer {token}"} for user, token in tokens.items()}
    task_id = ours[ONE].url.rpartition("/")[2]
    return {
        BEFORE_ALL: Load("same", url + TASKS, sent[first]),
        BEFORE_FEW: Load("same", url + TASKS, sent[few]),
        BEFORE_ONE: Load("same", f"{url}{TASKS}/{task_id}", sent[first]),
        BEFORE_CREATE: Load("create", url + TASKS, sent[last], ours[CREATE].file),
    }

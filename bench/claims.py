"""What the specification claims of four changes to a database, measured: what it starts from, its way, ours.

    make bench BENCH=claims

On PostgreSQL from its wheel, with 220,000 tasks: 5,000 people who have 40 each, and one who has 20,000.
Queries are asked from one thread, without HTTP, each in a session of its own as a request would, and every
way once in each round, because machines drift. Writes bench/claims.md.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bench import servers
from bench.peers import sketches
from bench.report import about, table
from taskapi import create_app, epochs, positions, schema
from taskapi.actors import Actor
from taskapi.columns import Base
from taskapi.ids import new_id
from taskapi.parts import Parts
from taskapi.projects.models import Project
from taskapi.projects.schemas import ProjectList
from taskapi.projects.service import list_projects
from taskapi.settings import load_settings
from taskapi.tasks.models import Task
from tests.lists.stock import some_rows
from tests.lists.walks import Lists

PEOPLE, EACH, MANY = 5_000, 40, 20_000
BATCH = 10_000
FAR = 1_000

_NOTES = f"""\
On PostgreSQL, with {PEOPLE * EACH + MANY:,} tasks: {PEOPLE:,} people who have {EACH} each, and one who has
{MANY:,}. Queries are asked from one thread, without HTTP and without memory of answers, each in a session of
its own as a request would. The first way of each is what the specification starts from, as an ORM asks it;
*ours* is all that a list takes but HTTP: its filters, its statement, the answer's items and the cursor, and
with projects how many tasks each of them holds. *Times as fast* is the median of the ratios to the first way
within each round."""

Call = Callable[[], int]
Rates = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Claim:
    """One change: what is asked, and the ways to it by name, the first being what it starts from."""

    what: str
    claimed: str
    ways: Mapping[str, Call]


@dataclass(frozen=True)
class People:
    """Whose tasks they are, by scope."""

    one: str
    with_projects: str
    with_many: str


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        "python -m bench claims", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each way in each round (0.5)")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, help="folder of the report")
    chosen = parser.parse_args(arguments)
    with _claims() as claims:
        measured = [(claim, _measured(claim, chosen.rounds, chosen.seconds)) for claim in claims]
    report = chosen.into / "claims.md"
    report.write_text("\n".join(_lines(measured, chosen.rounds, chosen.seconds)) + "\n", encoding="utf-8")
    print(report.read_text(encoding="utf-8"))


@contextmanager
def _claims() -> Iterator[list[Claim]]:
    with tempfile.TemporaryDirectory(prefix="taskapi-bench-") as home, servers.postgresql() as url:
        settings = load_settings(TASKAPI_HOME=home, TASKAPI_LIMITS="off", DATABASE_URL=url)
        parts: Parts = create_app(settings).extensions["taskapi"]
        schema.migrate(parts.database)
        people = _settle(parts)
        theirs = url.replace("postgresql:", "postgresql+psycopg:")
        sketches.fill(theirs)
        pooled, unpooled = sketches.pooled(theirs), sketches.unpooled(theirs)
        try:
            yield _all_claims(parts, people, sketches.Sketch(pooled), sketches.Sketch(unpooled))
        finally:
            pooled.dispose()
            parts.database.close()


def _all_claims(
    parts: Parts, people: People, pooled: sketches.Sketch, unpooled: sketches.Sketch
) -> list[Claim]:
    few, many = Lists(parts, people.one), Lists(parts, people.with_many)
    projects = Lists(parts, people.with_projects)
    first, whole = {"limit": str(sketches.PAGE)}, {"limit": str(EACH)}
    cursor = next(islice(many.pages(dict(first)), FAR - 2, None))["next_cursor"]
    return [
        Claim(
            "Pool: a page of 20, with the index",
            "50 % better",
            {
                "a connection for each request": lambda: unpooled.page(people.one, 1),
                "the specification's pool": lambda: pooled.page(people.one, 1),
                "ours": lambda: _length(few, first),
            },
        ),
        Claim(
            f"Index: all {EACH} tasks of one of {PEOPLE:,} people",
            "100 times for large data sets, together with the next two",
            {
                "no index on the owner": lambda: pooled.everything(sketches.Bare, people.one),
                "`idx_user_id`": lambda: pooled.everything(sketches.Task, people.one),
                "ours": lambda: _length(few, whole),
            },
        ),
        Claim(
            f"Pages: of {MANY:,} tasks",
            "as above",
            {
                "all of them": lambda: pooled.everything(sketches.Task, people.with_many),
                "the first page by `paginate`": lambda: pooled.page(people.with_many, 1),
                f"page {FAR:,} by `paginate`": lambda: pooled.page(people.with_many, FAR),
                "ours, the first page": lambda: _length(many, first),
                f"ours, page {FAR:,}": lambda: _length(many, first | {"cursor": cursor}),
            },
        ),
        Claim(
            f"Eager loading: {EACH} tasks, each with the name of a project of its own",
            "as above",
            {
                "each project when it is asked for": lambda: pooled.with_projects(
                    people.with_projects, False
                ),
                "`joinedload`": lambda: pooled.with_projects(people.with_projects, True),
                "ours: tasks, and all projects once": lambda: _with_projects(projects, whole),
            },
        ),
    ]


def _length(lists: Lists, query: Mapping[str, Any]) -> int:
    return len(lists.page(dict(query))["items"])


def _with_projects(lists: Lists, query: Mapping[str, Any]) -> int:
    """As our own UI does: the tasks name their projects by id, and the projects are read once."""
    actor = Actor(lists.scope, "", "api", "")
    found = lists.page(dict(query))["items"]
    with lists.parts.database.reader() as session:
        listed = list_projects(session, actor, lists.parts.cursors, ProjectList(limit=200))
    names = {project["id"]: project["name"] for project in listed[0]["items"]}
    return len([names[task["project_id"]] for task in found])


def _settle(parts: Parts) -> People:
    """Everybody's tasks, by COPY; those of one person are not beside each other, as where many write."""
    scopes = [new_id() for _ in range(PEOPLE)]
    people = People(scopes[0], scopes[1], new_id())
    projects = [new_id() for _ in range(EACH)]
    contents = list(some_rows("", MANY, seed=1))
    _fill(parts, Project, (_project(people.with_projects, *one) for one in enumerate(projects)))
    _fill(parts, Task, (row | _owned(people.with_many, None) for row in contents))
    _fill(
        parts,
        Task,
        (
            contents[number] | _owned(scope, projects[number] if scope == people.with_projects else None)
            for number in range(EACH)
            for scope in scopes
        ),
    )
    with parts.database.writer() as session:
        for scope in (people.one, people.with_projects, people.with_many):
            epochs.move(session, epochs.scope_key(scope))
    return people


def _fill(parts: Parts, model: type[Base], rows: Iterator[dict[str, Any]]) -> None:
    while some := list(islice(rows, BATCH)):
        with parts.database.writer() as session:
            session.fill(model, some)


def _owned(scope: str, project: str | None) -> dict[str, Any]:
    return {"scope_id": scope, "created_by": scope, "id": new_id(), "project_id": project}


def _project(scope: str, number: int, project_id: str) -> dict[str, Any]:
    return {
        "scope_id": scope,
        "id": project_id,
        "name": f"Project {number}",
        "color": None,
        "archived": False,
        "position": positions.bottom(number),
        "created_at": 0,
        "updated_at": 0,
        "version": 1,
        "epoch": 1,
    }


def _measured(claim: Claim, rounds: int, seconds: float) -> Rates:
    """How often a second each way was gone, in each round."""
    found: dict[str, list[float]] = {way: [] for way in claim.ways}
    for way, call in claim.ways.items():
        if not call():
            raise RuntimeError(f"{way} found nothing")
    for _ in range(rounds):
        for way, call in claim.ways.items():
            found[way].append(_rate(call, seconds))
    return found


def _rate(call: Call, seconds: float) -> float:
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        call()
        calls += 1
    return calls / (time.perf_counter() - began)


def _lines(measured: Sequence[tuple[Claim, Rates]], rounds: int, seconds: float) -> Iterator[str]:
    yield "# What the specification claims of a database, measured"
    yield ""
    yield f"Made by `make bench BENCH=claims`: {rounds} rounds, {seconds} s of each way in each, in turn."
    yield ""
    yield _NOTES
    yield ""
    yield from table(("measured on", ""), about().items())
    yield ""
    rows = [row for claim, rates in measured for row in _rows(claim, rates)]
    yield from table(("change (and what is claimed of it)", "way", "times a second", "times as fast"), rows)


def _rows(claim: Claim, rates: Rates) -> Iterator[tuple[str, ...]]:
    start = next(iter(rates.values()))
    for number, (way, each) in enumerate(rates.items()):
        ratio = statistics.median(one / first for one, first in zip(each, start, strict=True))
        yield (
            f"{claim.what} ({claim.claimed})" if number == 0 else "",
            way,
            f"{statistics.median(each):,.1f}",
            f"{ratio:,.2f}",
        )

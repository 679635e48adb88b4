"""What a seeded task is about, and what became of it: its content at each of its changes."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from taskapi.clock import DAY, HOUR, MINUTE, milliseconds, rfc3339
from taskapi.seeding import sources
from taskapi.seeding.identity import age_of, id_at
from taskapi.tasks.schemas import PRIORITIES, WholeTask

_PRIORITY_WEIGHTS = (45, 15, 20, 14, 6)
_HOURS = (8, 9, 11, 14, 17, 18)


@dataclass(frozen=True)
class Author:
    """Whose tasks they are; `day` is the moment around which everything lies, kept with the account."""

    seed: int
    number: int
    user_id: str
    day: int

    @property
    def language(self) -> str:
        return sources.person(self.number)[0]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(sources.person(self.number)[1].timezone)

    def project_ids(self) -> list[str]:
        """The ids of their projects, in the order of the language's."""
        known = sources.language(self.language).projects
        return [
            id_at(self.day - 400 * DAY + place, self.seed, self.number, "project", place)
            for place in range(len(known))
        ]

    def task_id(self, number: int) -> str:
        return id_at(self.made_at(number), self.seed, self.number, "task", number)

    def made_at(self, number: int) -> int:
        return self.day - age_of(number)


@dataclass(frozen=True)
class Change:
    """A content that a task was given at a moment, or (the same content) that it was put into the trash."""

    at: int
    content: dict[str, Any]
    trashed: bool = False


@dataclass(frozen=True)
class Story:
    """A task from its making on, which is the first change."""

    task_id: str
    changes: list[Change]


def story(author: Author, number: int) -> Story:
    """The task of this number."""
    chance = Random(f"{author.seed}:{author.number}:{number}")  # noqa: S311 - it has to be the same again
    made_at = author.made_at(number)
    is_old = author.day - made_at > 30 * DAY
    is_done = chance.random() < (0.8 if is_old else 0.35)
    content = _content(author, chance, made_at, is_done)
    changes = [Change(made_at, content)]
    for step in _steps(chance, content, is_done):
        content = content | step
        changes.append(Change(_later(author, chance, changes[-1].at), content))
    if chance.random() < 0.04:
        # Not longer ago than the trash keeps.
        at = max(_later(author, chance, changes[-1].at), author.day - chance.randrange(25 * DAY))
        changes.append(Change(at, content, trashed=True))
    return Story(author.task_id(number), changes)


def _content(author: Author, chance: Random, made_at: int, is_done: bool) -> dict[str, Any]:
    """What is first written down; checked as the API checks what it is sent."""
    language, place = sources.language(author.language), chance.randrange(4)
    theme: sources.Theme = language.inbox
    project_id = None
    if place < len(language.projects):
        theme, project_id = language.projects[place], author.project_ids()[place]
    content = {
        "title": sources.title(language.words, theme, chance),
        "description": chance.choice(language.notes) if chance.random() < 0.3 else "",
        "priority": chance.choices(PRIORITIES, _PRIORITY_WEIGHTS)[0],
        "labels": chance.sample(theme.labels, chance.randint(0, min(2, len(theme.labels)))),
        "project_id": project_id,
        **_due(author, chance, made_at if is_done else author.day),
    }
    return WholeTask.model_validate(content).model_dump()


def _steps(chance: Random, content: dict[str, Any], is_done: bool) -> list[dict[str, Any]]:
    """What is changed afterwards, in order."""
    steps: list[dict[str, Any]] = []
    if chance.random() < 0.1:
        priority = chance.choice(PRIORITIES)
        steps += [{"priority": priority}] if priority != content["priority"] else []
    if chance.random() < (0.25 if is_done else 0.2):
        steps.append({"status": "in_progress"})
    if is_done:
        steps.append({"status": "done"})
    return steps


def _due(author: Author, chance: Random, around: int) -> dict[str, str]:
    """For half of the tasks a day or a time, some of them past, most within a month."""
    kind = chance.random()
    if kind > 0.55:
        return {}
    day = _day(around) + timedelta(days=round(chance.triangular(-6, 32, 4)))
    if kind > 0.25:
        return {"due_on": day.isoformat()}
    moment = datetime.combine(day, time(chance.choice(_HOURS)), author.zone)
    return {"due_at": rfc3339(milliseconds(moment.astimezone(UTC))) or ""}


def _day(moment: int) -> date:
    return datetime.fromtimestamp(moment / 1000, UTC).date()


def _later(author: Author, chance: Random, moment: int) -> int:
    """Some time after a moment, days mostly, and never after the seed's own day."""
    after = MINUTE + int(chance.expovariate(1 / (4 * DAY)))
    left = author.day - moment
    return moment + (after if after < left else max(left - chance.randrange(HOUR), left // 2))

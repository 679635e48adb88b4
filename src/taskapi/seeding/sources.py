"""What seeded data is made of: names, words and titles in several languages (data/seed)."""

from functools import cache
from importlib.resources import files
from random import Random

import orjson
from pydantic import BaseModel

# The order in which people come: neighbours differ in script.
LANGUAGES = ("en", "de", "ja", "ar", "es", "hi", "fr", "zh", "pt")


class Someone(BaseModel):
    name: str
    login: str
    timezone: str


class Theme(BaseModel):
    """What tasks of one kind are called, and labels that go with them."""

    labels: list[str]
    titles: list[str]


class ProjectTheme(Theme):
    name: str
    color: str


class Language(BaseModel):
    people: list[Someone]
    words: dict[str, list[str]]
    projects: list[ProjectTheme]
    inbox: Theme
    notes: list[str]


@cache
def language(code: str) -> Language:
    return Language.model_validate(
        orjson.loads(files("taskapi").joinpath(f"data/seed/{code}.json").read_bytes())
    )


def person(number: int) -> tuple[str, Someone]:
    """The language and the name of the person of this number; after all have come, they come again."""
    code = LANGUAGES[number % len(LANGUAGES)]
    people = language(code).people
    return code, people[number // len(LANGUAGES) % len(people)]


def login(number: int) -> str:
    """What their address begins with: no two people have the same."""
    code, someone = person(number)
    is_first = number // len(LANGUAGES) < len(language(code).people)
    return someone.login if is_first else f"{someone.login}{number}"


def title(words: dict[str, list[str]], theme: Theme, chance: Random) -> str:
    """A title of this theme, its gaps filled."""
    chosen = {name: chance.choice(known) for name, known in words.items()}
    return chance.choice(theme.titles).format(**chosen, number=chance.randint(2, 48))

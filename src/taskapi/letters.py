"""What mails say: one catalogue a language, and one template from which text and HTML are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

FALLBACK = "en"

_FOLDER = files("taskapi") / "data" / "mails"


@dataclass(frozen=True)
class Letter:
    """What somebody is to be told, before it is put into words.

    `values` and `moments` (milliseconds since 1970) are what the words of this kind have placeholders for;
    `facts` names those that are listed.
    """

    kind: str
    address: str
    name: str
    language: str
    timezone: str
    link: str
    values: Mapping[str, str] = field(default_factory=dict)
    moments: Mapping[str, int] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    sections: tuple["Section", ...] = ()
    # Where mails of this kind are declined.
    unsubscribe: str = ""

    @property
    def has_token(self) -> bool:
        """Whether its link does what it says for whoever opens it."""
        return "#" in self.link and "#/" not in self.link


@dataclass(frozen=True)
class Section:
    """A list under a heading of the catalogue: what each is, and when; `more` are not listed."""

    name: str
    rows: tuple[tuple[str, str], ...]
    more: int = 0


@dataclass(frozen=True)
class Wording:
    """A letter in words, in the language that was found for it."""

    language: str
    subject: str
    text: str
    html: str


def worded(letter: Letter, service: str) -> Wording:
    """Put a letter into words; `service` is the URL that people know the service by."""
    language = _known(letter.language)
    catalogue = catalogue_of(language)
    words = catalogue["letters"][letter.kind]
    moments = {
        name: written_moment(moment, letter.timezone, catalogue) for name, moment in letter.moments.items()
    }
    values = {"name": letter.name, "service": service, **letter.values, **moments}
    subject = words["subject"].format_map(values)
    given = {
        "language": language,
        "direction": catalogue["direction"],
        "catalogue": catalogue,
        "subject": subject,
        "letter": words,
        "sections": letter.sections,
        "unsubscribe": letter.unsubscribe,
        "facts": [(catalogue["facts"][name], values[name]) for name in letter.facts],
        "values": values,
        "link": letter.link,
    }
    return Wording(
        language,
        subject,
        _template("text").render(given).strip() + "\n",
        _template("html").render(given),
    )


def languages() -> list[str]:
    return sorted(
        path.name.removesuffix(".json") for path in _FOLDER.iterdir() if path.name.endswith(".json")
    )


@cache
def catalogue_of(language: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((_FOLDER / f"{language}.json").read_bytes())
    return found


def written_moment(moment: int, timezone: str, catalogue: Mapping[str, Any]) -> str:
    """A moment as people of a language write it, in a zone that is named."""
    at = datetime.fromtimestamp(moment / 1000, ZoneInfo(timezone))
    written: str = catalogue["moment"].format(
        day=at.day, month=catalogue["months"][at.month - 1], year=at.year, time=f"{at:%H:%M}", zone=timezone
    )
    return written


def written_day(day: date, catalogue: Mapping[str, Any]) -> str:
    """A day as people of a language write it."""
    written: str = catalogue["day"].format(
        day=day.day, month=catalogue["months"][day.month - 1], year=day.year
    )
    return written


def catalogue_for(language: str) -> dict[str, Any]:
    """The catalogue that a letter in this language is written with."""
    return catalogue_of(_known(language))


def _known(language: str) -> str:
    """The language itself, or the one it is a kind of, or English."""
    known = {one.lower(): one for one in languages()}
    wanted = language.lower()
    return known.get(wanted) or known.get(wanted.partition("-")[0]) or FALLBACK


@cache
def _template(form: str) -> Template:
    """The one template, which says things by the macros of a form."""
    loader = PackageLoader("taskapi", "data/mails")
    is_html = form == "html"
    environment = Environment(
        loader=loader,
        autoescape=is_html,  # noqa: S701 - the other form is plain text
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["filled"] = _filled_html if is_html else _filled_text
    return environment.get_template("letter.jinja", globals={"form": f"{form}.jinja"})


def _filled_text(sentence: str, values: Mapping[str, str]) -> str:
    return sentence.format_map(values)


def _filled_html(sentence: str, values: Mapping[str, str]) -> Markup:
    """What people wrote is escaped, and kept from turning the direction of what is around it."""
    isolated = {name: Markup("<bdi>{}</bdi>").format(value) for name, value in values.items()}
    return Markup(escape(sentence)).format_map(isolated)  # noqa: S704 - escaped in the same line

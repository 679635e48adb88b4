from typing import Annotated

from pydantic import BaseModel, Field

from taskapi.clock import DAY, MINUTE
from taskapi.documented import Documented
from taskapi.parsing import Body, Query

MOST_MINUTES_BEFORE = 14 * DAY // MINUTE

_Before = Annotated[
    int,
    Field(ge=0, le=MOST_MINUTES_BEFORE),
    Documented(description="Minutes before a task with a time is due."),
]
_Hour = Annotated[int, Field(ge=0, le=23), Documented(description="In the user's time zone.")]


class PreferencesChange(Body):
    """Absent stays; only `remind_before` has a null: then a task is reminded of where it says when."""

    reminders: bool = True
    remind_before: _Before | None = None
    digest: bool = False
    digest_hour: _Hour = 7


class PreferencesOut(BaseModel):
    """Which mails a user wants of their tasks."""

    reminders: bool
    remind_before: int | None
    digest: bool
    digest_hour: int


class UnsubscribeQuery(Query):
    token: str

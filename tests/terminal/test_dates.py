"""Days and times as people type them, against a calendar."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskapi.terminal.dates import bound_of, due_of, moment_of

# A Wednesday.
NOW = datetime(2026, 11, 25, 15, 30, 12)  # noqa: DTZ001 - the local time is what is meant


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine in a zone that changes its clocks."""
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    assert os.environ.get("TZ") == before
    time.tzset()


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("today", "2026-11-25"),
        ("Tomorrow", "2026-11-26"),
        ("yesterday", "2026-11-24"),
        ("+0d", "2026-11-25"),
        ("+3d", "2026-11-28"),
        ("+3", "2026-11-28"),
        ("+2w", "2026-12-09"),
        ("thu", "2026-11-26"),
        ("Sunday", "2026-11-29"),
        ("wed", "2026-12-02"),
        ("tues", "2026-12-01"),
        (" 2026-12-01 ", "2026-12-01"),
    ],
)
def test_a_day_is_the_day_that_is_meant(typed: str, day: str) -> None:
    assert due_of(typed, NOW) == {"due_on": day, "due_at": None}
    assert bound_of(typed, NOW) == day


@pytest.mark.parametrize(
    ("typed", "instant"),
    [
        ("17:30", "2026-11-25T16:30:00Z"),
        ("5pm", "2026-11-25T16:00:00Z"),
        ("12am", "2026-11-24T23:00:00Z"),
        ("12 pm", "2026-11-25T11:00:00Z"),
        ("tomorrow 9:05", "2026-11-26T08:05:00Z"),
        ("fri 5:15pm", "2026-11-27T16:15:00Z"),
        ("+3d 08:00", "2026-11-28T07:00:00Z"),
        ("+4h", "2026-11-25T18:30:00Z"),
        ("2027-07-01 12:00", "2027-07-01T10:00:00Z"),
        ("2027-07-01T12:00", "2027-07-01T10:00:00Z"),
        ("2027-07-01T12:00:00Z", "2027-07-01T12:00:00Z"),
        ("2027-07-01t12:00:00+09:00", "2027-07-01T03:00:00Z"),
    ],
)
def test_a_time_is_that_time_here_whatever_the_clocks_do_until_then(typed: str, instant: str) -> None:
    assert due_of(typed, NOW) == {"due_on": None, "due_at": instant}
    assert bound_of(typed, NOW) == instant


@pytest.mark.parametrize(
    "typed",
    ["", "soon", "2026-02-30", "25:00", "13pm", "0am", "9", "+d", "+99999d", "mo", "fri 25:00", "+3d x", "²"],
)
def test_what_is_not_understood_says_what_would_be(typed: str) -> None:
    with pytest.raises(ValueError, match="try today, tomorrow"):
        due_of(typed, NOW)


@given(
    st.dates(date(2020, 1, 1), date(2100, 1, 1)),
    st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
)
def test_a_weekday_is_the_next_one_after_today(today: date, word: str) -> None:
    found = moment_of(word, datetime.combine(today, NOW.time()))
    assert f"{found:%a}".lower() == word
    assert today < found <= today + timedelta(days=7)


@given(st.text(max_size=20))
def test_no_text_does_anything_but_be_understood_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(moment_of(text, NOW), date)

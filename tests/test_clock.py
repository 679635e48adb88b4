"""Milliseconds since 1970 and RFC 3339."""

import time
from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from taskapi.clock import DAY, milliseconds, milliseconds_of_day, milliseconds_of_instant, now, rfc3339

_FIRST = -62_135_596_800_000
_LAST = 253_402_300_799_999
_MOMENTS = st.integers(_FIRST, _LAST) | st.integers(_FIRST // 1000, _LAST // 1000).map(lambda s: s * 1000)
_ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(max_examples=200, deadline=None)
@given(moment=_MOMENTS)
@example(moment=0)
@example(moment=-1)
@example(moment=_FIRST)
@example(moment=_LAST)
def test_a_moment_is_written_in_utc_and_read_back(moment: int) -> None:
    text = rfc3339(moment)
    assert text is not None
    assert len(text) == (24 if moment % 1000 else 20)
    assert text.endswith("Z")
    assert milliseconds_of_instant(text) == moment


@settings(max_examples=200, deadline=None)
@given(one=_MOMENTS, other=_MOMENTS)
def test_texts_of_whole_seconds_sort_like_their_moments(one: int, other: int) -> None:
    one, other = one - one % 1000, other - other % 1000
    assert (str(rfc3339(one)) < str(rfc3339(other))) == (one < other)


@settings(max_examples=200, deadline=None)
@given(instant=st.datetimes(timezones=_ZONES))
def test_what_is_finer_than_a_millisecond_is_cut_off(instant: datetime) -> None:
    assume(_FIRST <= milliseconds(instant) <= _LAST)
    cut = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    assert milliseconds(instant) == milliseconds(cut)
    assert datetime.fromisoformat(str(rfc3339(milliseconds(instant)))) == cut
    assert milliseconds_of_instant(instant.isoformat()) == milliseconds(instant)


def test_nothing_stays_nothing() -> None:
    assert rfc3339(None) is None
    assert milliseconds_of_instant(None) is None


@settings(max_examples=100, deadline=None)
@given(day=st.dates())
def test_a_day_begins_at_midnight_in_utc(day: date) -> None:
    first = milliseconds_of_day(day)
    assert first % DAY == 0
    assert rfc3339(first) == f"{day.isoformat()}T00:00:00Z"


def test_now_is_between_two_looks_at_the_clock() -> None:
    before = time.time_ns()
    assert before // 1_000_000 <= now() <= time.time_ns() // 1_000_000
    assert abs(now() - milliseconds(datetime.now(UTC))) < DAY

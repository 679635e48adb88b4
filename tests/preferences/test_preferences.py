"""Which mails somebody wants: kept, told, and declined by the mail itself."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from taskapi.clock import milliseconds
from taskapi.days import local_day, number_of
from taskapi.preferences.service import Declined, link_to_decline, next_digest
from tests.people import Api, Person, make_person

PATH = "/me/notifications"
DEFAULTS = {"reminders": True, "remind_before": None, "digest": False, "digest_hour": 7}


@pytest.fixture
def ann(app: Flask) -> Person:
    return make_person(app)


def test_who_never_said_anything_has_the_defaults(ann: Person) -> None:
    answer = ann.api.get(PATH)
    assert (answer.status_code, answer.json) == (200, DEFAULTS)
    assert ann.api.get(PATH, headers={"If-None-Match": answer.etag}).status_code == 304


def test_what_is_changed_stays_and_the_rest_as_it_was(ann: Person) -> None:
    first = ann.api.patch(PATH, {"digest": True, "digest_hour": 0})
    assert (first.status_code, first.json) == (200, DEFAULTS | {"digest": True, "digest_hour": 0})
    second = ann.api.patch(PATH, {"remind_before": 30})
    assert second.json == first.json | {"remind_before": 30}
    assert ann.api.get(PATH).json == second.json
    assert ann.api.patch(PATH, {"remind_before": None}).json["remind_before"] is None


def test_of_two_changes_with_one_tag_one_is_refused(ann: Person) -> None:
    tag = ann.api.get(PATH).etag
    assert ann.api.patch(PATH, {"digest": True}, headers={"If-Match": tag}).status_code == 200
    late = ann.api.patch(PATH, {"digest": False}, headers={"If-Match": tag})
    assert (late.status_code, late.etag) == (412, ann.api.get(PATH).etag)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("digest_hour", value) for value in (-1, 24, None, "7", 7.5)),
        *(("remind_before", value) for value in (-1, 20161, "30")),
        *(("reminders", value) for value in (None, "yes", 1)),
        ("digest", None),
    ],
)
def test_what_cannot_be_is_refused_by_name(ann: Person, field: str, value: object) -> None:
    answer = ann.api.patch(PATH, {field: value})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json["errors"]] == [f"/{field}"]
    assert ann.api.get(PATH).json == DEFAULTS


@pytest.mark.parametrize("kind", ["reminders", "digest"])
def test_one_click_declines_one_kind(ann: Person, kind: Declined) -> None:
    ann.api.patch(PATH, {"digest": True, "remind_before": 10})
    link = link_to_decline(ann.parts, ann.id, kind)
    path = "//unsubscribe" + link.partition("/unsubscribe")[2]
    # Whoever opens it, a scanner perhaps, has changed nothing.
    assert Api(ann.app).get(path).status_code == 200
    assert ann.api.get(PATH).json[kind] is True
    # As RFC 8058 has it: a form, no cookie, nobody known.
    form = {"data": {"List-Unsubscribe": "One-Click"}}
    assert Api(ann.app).post(path, **form).status_code == 204
    assert ann.api.get(PATH).json == DEFAULTS | {"digest": True, "remind_before": 10} | {kind: False}
    assert Api(ann.app).post(path, **form).status_code == 204


def test_nobody_is_unsubscribed_by_a_made_up_token(ann: Person) -> None:
    token = link_to_decline(ann.parts, ann.id, "reminders").partition("=")[2]
    for made_up in (token[:-1], token + "A", "", "x", ann.parts.mail_tokens.close([ann.id, "reminders"])):
        answer = Api(ann.app).post(f"//unsubscribe?token={made_up}")
        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == "query/token"
    assert ann.api.get(PATH).json == DEFAULTS


def test_a_personal_token_changes_no_preferences(ann: Person) -> None:
    made = ann.api.post("/me/tokens", {"name": "script", "scopes": ["tasks:read", "tasks:write"]})
    script = Api(ann.app, made.json["token"])
    assert script.get(PATH).status_code == 403
    assert script.patch(PATH, {"digest": True}).status_code == 403


ZONES = ["UTC", "Europe/Berlin", "Pacific/Apia", "Asia/Beirut", "America/Havana", "Australia/Lord_Howe"]


@given(
    hour=st.integers(0, 23),
    zone=st.sampled_from(ZONES),
    at=st.datetimes(datetime(2012, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis adds the zone
    sent_ago=st.none() | st.integers(0, 3),
)
def test_a_digest_comes_at_its_hour_once_a_day(
    hour: int, zone: str, at: datetime, sent_ago: int | None
) -> None:
    where, moment = ZoneInfo(zone), milliseconds(at)
    today = number_of(local_day(moment, where))
    found = next_digest(hour, zone, moment, None if sent_ago is None else today - sent_ago)
    local = datetime.fromtimestamp(found / 1000, where)
    assert found > moment
    # Where the clock jumps over the hour it is the jump.
    assert local.hour in {hour, (hour + 1) % 24}
    assert found - moment <= milliseconds(datetime(1970, 1, 3, 2, tzinfo=UTC))
    if sent_ago == 0:
        assert number_of(local_day(found, where)) > today
    elif datetime.combine(local_day(moment, where), datetime.min.time(), where) + timedelta(hours=hour) > (
        at.astimezone(where) + timedelta(hours=2)
    ):
        assert number_of(local_day(found, where)) == today


def test_the_digest_follows_its_owner_into_another_zone(
    ann: Person, due_of: Callable[[Person], int | None]
) -> None:
    ann.api.patch(PATH, {"digest": True, "digest_hour": 9})
    for zone in ("Asia/Tokyo", "America/New_York"):
        assert ann.api.patch("/me", {"timezone": zone}).status_code == 200
        due = due_of(ann)
        assert due is not None
        assert datetime.fromtimestamp(due / 1000, ZoneInfo(zone)).hour == 9
    ann.api.patch(PATH, {"digest": False})
    assert due_of(ann) is None

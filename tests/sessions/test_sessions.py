"""Devices that are logged in: seen by their owner alone, and shut out the moment they are ended."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskapi import clock
from taskapi.ids import new_id
from tests.people import Api, Person


def ids(person: Person) -> list[str]:
    answer = person.api.get("/auth/sessions")
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json["items"]]


def assert_out(*devices: Person) -> None:
    for device in devices:
        assert device.api.get("/tasks").status_code == 401
        assert device.api.get("/me").status_code == 401
        body = {"refresh_token": device.grant.refresh_token}
        assert Api(device.app).post("/auth/refresh", body).status_code == 401


def assert_in(*devices: Person) -> None:
    for device in devices:
        assert device.api.get("/tasks").status_code == 200
        body = {"refresh_token": device.grant.refresh_token}
        assert Api(device.app).post("/auth/refresh", body).status_code == 200


def test_logging_out_ends_this_device_and_no_other(ann: Person, bob: Person) -> None:
    phone = ann.another_session()
    assert_in(ann)
    answer = ann.api.post("/auth/logout")
    assert (answer.status_code, answer.data) == (204, b"")
    assert_out(ann)
    assert_in(phone, bob)


def test_logging_out_twice_is_refused_like_any_call_of_an_ended_session(ann: Person) -> None:
    ann.api.post("/auth/logout")
    answer = ann.api.post("/auth/logout")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_list_shows_live_sessions_of_mine_and_which_one_asks(ann: Person, bob: Person) -> None:
    phone, ended = ann.another_session(), ann.another_session()
    gone, sid_of_phone = ended.session_id, phone.session_id
    ended.api.post("/auth/logout")
    for device in (ann, phone):
        items = device.api.get("/auth/sessions").json["items"]
        assert {item["id"]: item["current"] for item in items} == {
            ann.session_id: device is ann,
            sid_of_phone: device is phone,
        }
        for item in items:
            assert item.keys() == {"id", "created_at", "last_seen_at", "ip", "user_agent", "current"}
            assert (item["ip"], item["user_agent"]) == ("127.0.0.1", "tests")
    assert gone not in ids(ann)
    assert ids(bob) == [bob.session_id]


def test_a_session_that_was_idle_too_long_is_not_shown(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    later = clock.now() + 29 * clock.DAY
    monkeypatch.setattr("taskapi.sessions.service.now", lambda: later)
    fresh = ann.another_session()
    assert len(ids(ann)) == 2
    monkeypatch.setattr("taskapi.sessions.service.now", lambda: later + 2 * clock.DAY)
    assert ids(ann) == [fresh.session_id]


def test_ending_one_session_of_mine_shuts_it_out_at_once(ann: Person) -> None:
    phone, tablet = ann.another_session(), ann.another_session()
    assert_in(phone)
    assert ann.api.delete(f"/auth/sessions/{phone.session_id}").status_code == 204
    assert_out(phone)
    assert_in(ann, tablet)


def test_ending_the_session_that_asks_is_a_log_out(ann: Person) -> None:
    assert ann.api.delete(f"/auth/sessions/{ann.session_id.upper()}").status_code == 204
    assert_out(ann)


def test_a_foreign_an_ended_a_missing_and_a_malformed_session_are_alike_404(ann: Person, bob: Person) -> None:
    ended = ann.another_session()
    ended_id = ended.session_id
    ended.api.post("/auth/logout")
    answers = [
        ann.api.delete(f"/auth/sessions/{one}", headers={"X-Request-ID": "the-same"})
        for one in (bob.session_id, ended_id, new_id(), "not-an-id")
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert len({str(answer.json | {"instance": ""}) for answer in answers}) == 1
    assert_in(bob)


def test_a_session_that_was_idle_too_long_is_404_like_one_that_ended(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = ann.another_session().session_id
    later = clock.now() + 31 * clock.DAY
    monkeypatch.setattr("taskapi.sessions.service.now", lambda: later)
    assert ann.api.delete(f"/auth/sessions/{idle}").status_code == 404


def test_ending_all_sessions_ends_the_one_that_asks_too(ann: Person, bob: Person) -> None:
    phone = ann.another_session()
    assert ann.api.delete("/auth/sessions").status_code == 204
    assert_out(ann, phone)
    assert_in(bob)


def test_ending_all_sessions_but_this_one_keeps_this_one(ann: Person) -> None:
    phone, tablet = ann.another_session(), ann.another_session()
    assert ann.api.delete("/auth/sessions?keep_current=true").status_code == 204
    assert_out(phone, tablet)
    assert ids(ann) == [ann.session_id]
    assert_in(ann)
    assert ann.api.delete("/auth/sessions?keep_current=false").status_code == 204
    assert_out(ann)


@pytest.mark.parametrize(
    "query", ["keep_current=1", "keep_current=", "keep=true", "keep_current=true&keep_current=true"]
)
def test_a_query_that_cannot_be_read_ends_nothing(ann: Person, query: str) -> None:
    assert ann.api.delete(f"/auth/sessions?{query}").status_code == 400
    assert_in(ann)


def test_sessions_opened_after_all_were_ended_are_good(ann: Person) -> None:
    ann.api.delete("/auth/sessions")
    assert_in(ann.another_session())


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.booleans(), min_size=1, max_size=4))
def test_whichever_devices_are_ended_exactly_the_others_stay(ann: Person, ends: list[bool]) -> None:
    assert ann.api.delete("/auth/sessions?keep_current=true").status_code == 204
    devices = [ann.another_session() for _ in ends]
    for device, ending in zip(devices, ends, strict=True):
        if ending:
            assert ann.api.delete(f"/auth/sessions/{device.session_id}").status_code == 204
    kept = [device for device, ending in zip(devices, ends, strict=True) if not ending]
    assert set(ids(ann)) == {ann.session_id, *(device.session_id for device in kept)}
    assert_out(*(device for device, ending in zip(devices, ends, strict=True) if ending))
    assert_in(*kept)

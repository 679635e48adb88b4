"""Any history of log-ins, refreshes, log-outs and waiting, against a model of what may live."""

from dataclasses import dataclass, field

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from taskapi import clock
from taskapi.tokens import Grant
from tests.people import Api, Person, make_person, open_session_of

FORGIVEN = 10_000
IDLE = 30 * clock.DAY
# The long ones are rare, for after them little is alive.
WAITS = [1, 5_000, FORGIVEN, FORGIVEN + 1] * 3 + [IDLE - 1, IDLE]


@dataclass
class Family:
    """What has to be true of one log-in; `refresh` holds the token of each generation."""

    rotated_at: int
    refresh: list[str]
    access: list[str] = field(default_factory=list)
    ended: bool = False

    @property
    def head(self) -> int:
        return len(self.refresh) - 1

    def may_refresh(self, generation: int, moment: int) -> bool:
        """Whether this token has to be taken; ends the family where it is a copy."""
        if self.ended or moment >= self.rotated_at + IDLE:
            return False
        forgiven = generation == self.head - 1 and moment - self.rotated_at <= FORGIVEN
        if generation == self.head or forgiven:
            return True
        self.ended = True
        return False


class Sessions(RuleBasedStateMachine):
    """One person and their devices; the clock moves only when told."""

    def __init__(self, app: Flask, time: list[int]) -> None:
        super().__init__()
        self.app = app
        self.time = time
        self.person: Person = make_person(app)
        grant = self.person.grant
        self.families = [Family(time[0], [grant.refresh_token], [grant.access_token])]

    def chosen(self, data: st.DataObject) -> Family:
        return self.families[data.draw(st.integers(0, len(self.families) - 1), label="family")]

    @precondition(lambda self: len(self.families) < 3)
    @rule()
    def log_in(self) -> None:
        grant: Grant = open_session_of(self.app, self.person.id)
        self.families.append(Family(self.time[0], [grant.refresh_token], [grant.access_token]))

    @rule(data=st.data(), age=st.integers(0, 3))
    def refresh(self, data: st.DataObject, age: int) -> None:
        family = self.chosen(data)
        self.use(family, max(family.head - age, 0))

    @rule(data=st.data(), milliseconds=st.sampled_from([0, FORGIVEN, FORGIVEN + 1]))
    def lose_the_answer_and_retry(self, data: st.DataObject, milliseconds: int) -> None:
        family = self.chosen(data)
        generation = family.head
        self.use(family, generation)
        self.wait(milliseconds)
        self.use(family, generation)

    def use(self, family: Family, generation: int) -> None:
        """Refresh by the token of a generation, and compare what comes with what has to come."""
        expected = family.may_refresh(generation, self.time[0])
        token = family.refresh[generation]
        answer = Api(self.app).post("/auth/refresh", {"refresh_token": token})
        assert answer.status_code == (200 if expected else 401)
        if not expected:
            return
        family.access.append(answer.json["access_token"])
        if generation == family.head:
            assert answer.json["refresh_token"] not in family.refresh
            family.refresh.append(answer.json["refresh_token"])
            family.rotated_at = self.time[0]
        assert answer.json["refresh_token"] == family.refresh[-1]

    @rule(data=st.data())
    def log_out(self, data: st.DataObject) -> None:
        family = self.chosen(data)
        answer = Api(self.app, family.access[-1]).post("/auth/logout")
        assert answer.status_code == (401 if family.ended else 204)
        family.ended = True

    @rule(data=st.data())
    def call(self, data: st.DataObject) -> None:
        family = self.chosen(data)
        number = data.draw(st.integers(0, len(family.access) - 1), label="access token")
        answer = Api(self.app, family.access[number]).get("/auth/sessions")
        assert answer.status_code == (401 if family.ended else 200)
        if not family.ended:
            live = [one for one in self.families if not one.ended and self.time[0] < one.rotated_at + IDLE]
            assert len(answer.json["items"]) == len(live)

    @rule(milliseconds=st.sampled_from(WAITS))
    def wait(self, milliseconds: int) -> None:
        self.time[0] += milliseconds


def test_every_history_of_sessions_goes_as_the_model_says(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = [clock.now()]
    monkeypatch.setattr("taskapi.sessions.service.now", lambda: time[0])

    class Here(Sessions):
        def __init__(self) -> None:
            super().__init__(app, time)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=30,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

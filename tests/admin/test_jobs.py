"""Background jobs and the instance in numbers, as admins see them."""

from typing import Any

import pytest
from flask import Flask

from taskapi.clock import HOUR, MINUTE, now
from taskapi.ids import new_id
from taskapi.parts import Parts
from tests.people import Person, make_person
from tests.planted import plant_job
from tests.statements import Statements

SHOWN = {
    "id",
    "kind",
    "state",
    "attempts",
    "created_at",
    "due_at",
    "done_at",
    "parked_at",
    "last_error",
    "user_id",
    "request_id",
}


@pytest.fixture
def root(app: Flask) -> Person:
    return make_person(app, role="admin")


def plant_each(parts: Parts) -> dict[str, str]:
    """A job in each state, by the state."""
    return {
        "waiting": plant_job(parts, due_at=now() - 2 * HOUR, lease_until=now() - HOUR, attempts=1),
        "running": plant_job(parts, lease_until=now() + HOUR, attempts=1, fence=1),
        "done": plant_job(parts, done_at=now(), attempts=1),
        "parked": plant_job(parts, parked_at=now(), attempts=5, last_error="SMTP said 550"),
    }


def listed(root: Person, query: str = "", limit: int = 200) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = root.api.get(f"/admin/jobs?limit={limit}{query}{cursor}").json
        found.extend(page["items"])
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_jobs_are_listed_by_their_state_without_what_is_in_them(root: Person, parts: Parts) -> None:
    jobs = plant_each(parts)
    everything = listed(root)
    assert [job["id"] for job in everything] == sorted((job["id"] for job in everything), reverse=True)
    assert listed(root, limit=3) == everything
    states = {job["id"]: job["state"] for job in everything}
    assert {state: states[job_id] for state, job_id in jobs.items()} == {state: state for state in jobs}
    for state, job_id in jobs.items():
        of_state = listed(root, f"&state={state}")
        assert of_state == [job for job in everything if job["state"] == state]
        assert job_id in {job["id"] for job in of_state}
    assert all(job.keys() == SHOWN for job in everything)
    assert "sesame" not in root.api.get("/admin/jobs").text
    assert root.api.get("/admin/jobs?state=lost").status_code == 400
    cursor = root.api.get("/admin/jobs?limit=1").json["next_cursor"]
    assert root.api.get(f"/admin/jobs?state=done&cursor={cursor}").status_code == 400


@pytest.mark.parametrize("state", ["parked", "waiting"])
def test_a_job_that_was_given_up_or_waits_is_due_now(root: Person, parts: Parts, state: str) -> None:
    job_id = plant_each(parts)[state]
    before = now()
    answer = root.api.post(f"/admin/jobs/{job_id}/retry")
    assert answer.status_code == 200
    job = answer.json
    assert (job["id"], job["state"], job["attempts"], job["parked_at"]) == (job_id, "waiting", 0, None)
    assert job in listed(root, "&state=waiting")
    planted = root.api.get("/admin/audit?action=job.retried&limit=1").json["items"][0]
    assert (planted["actor_id"], planted["target_id"]) == (root.id, job_id)
    assert planted["at"] >= job["due_at"]
    assert before <= now()


@pytest.mark.parametrize(("state", "code"), [("done", "job_is_done"), ("running", "job_is_running")])
def test_a_job_that_is_done_or_being_done_stays_as_it_is(
    root: Person, parts: Parts, state: str, code: str
) -> None:
    job_id = plant_each(parts)[state]
    before = listed(root, f"&state={state}")
    answer = root.api.post(f"/admin/jobs/{job_id}/retry")
    assert (answer.status_code, answer.json["code"]) == (409, code)
    assert listed(root, f"&state={state}") == before
    assert root.api.post(f"/admin/jobs/{new_id()}/retry").status_code == 404


def test_the_numbers_are_those_of_the_rows(root: Person, ann: Person, parts: Parts) -> None:
    before = root.api.get("/admin/stats").json
    assert before["tasks"]["total"] == sum(
        before["tasks"][name] for name in ("todo", "in_progress", "done", "trashed")
    )
    ann.new_task()
    ann.new_task(status="done")
    ann.api.delete(f"/tasks/{ann.new_task()['id']}")
    make_person(ann.app, verified=True)
    root.api.patch(f"/admin/users/{make_person(ann.app).id}", {"disabled": True})
    plant_each(parts)
    plant_job(parts, due_at=now() + HOUR)
    after = root.api.get("/admin/stats").json

    def grown(part: str) -> dict[str, int]:
        return {
            name: after[part][name] - number
            for name, number in before[part].items()
            if name != "oldest_waiting_seconds" and after[part][name] != number
        }

    assert grown("users") == {"total": 2, "disabled": 1, "unverified": 1}
    assert grown("tasks") == {"total": 3, "todo": 1, "done": 1, "trashed": 1}
    assert grown("jobs") == {"waiting": 2, "running": 1, "done": 1, "parked": 1}
    assert 2 * HOUR <= after["jobs"]["oldest_waiting_seconds"] * 1000 < 2 * HOUR + MINUTE


def test_each_page_costs_the_same_whatever_there_is(root: Person, parts: Parts) -> None:
    statements = Statements(parts)
    for path, own in {
        "/admin/jobs": 2,
        "/admin/jobs?state=parked": 2,
        "/admin/audit": 2,
        "/admin/stats": 4,
    }.items():
        answer = statements.during(lambda path=path: root.api.get(path))  # type: ignore[misc]
        assert (answer.status_code, answer.headers["X-Cache"]) == (200, "bypass")
        assert statements.own == own, statements.sent

"""Exports: whole, of one moment, for their owner alone, and gone after a day."""

import csv
import hashlib
import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask
from icalendar import Calendar
from sqlalchemy import update

from taskapi.clock import DAY, HOUR, now
from taskapi.exports import queries, service
from taskapi.exports.models import Export
from taskapi.handlers import HANDLERS
from taskapi.jobs import Job
from taskapi.outbox import Outbox
from taskapi.parts import Parts
from tests.people import Answer, Api, Person, make_person
from tests.planted import plant_tasks
from tests.servers import free_port

JSON = {"format": "json"}


@pytest.fixture
def ann(app: Flask) -> Person:
    return make_person(app)


def do_jobs(person: Person) -> None:
    Outbox(person.parts, HANDLERS).do_due()


def exported(person: Person, form: str = "json") -> tuple[dict[str, Any], Answer]:
    """An export that was asked for and made, and its file as a stranger with the link gets it."""
    asked = person.api.post("/exports", {"format": form})
    assert asked.status_code == 202, asked.text
    do_jobs(person)
    made = person.api.get(f"/exports/{asked.json['id']}").json
    assert made["status"] == "done", made
    return made, Api(person.app).get(f"/{made['url']}")


def test_an_export_is_asked_for_made_and_fetched(ann: Person) -> None:
    ann.new_task("Pay rent", labels=["home", "a,b"], due_on="2026-01-31")
    asked = ann.api.post("/exports", JSON)
    assert (asked.status_code, asked.json["status"], asked.json["url"]) == (202, "waiting", None)
    assert asked.headers["Location"] == f"/api/v1/exports/{asked.json['id']}"
    do_jobs(ann)
    made = ann.api.get(f"/exports/{asked.json['id']}").json
    assert (made["status"], made["progress"]) == ("done", {"done": 1, "total": 1})
    file = Api(ann.app).get(f"/{made['url']}")
    assert file.status_code == 200
    assert (len(file.data), hashlib.sha256(file.data).hexdigest()) == (made["size"], made["sha256"])
    assert file.headers["Content-Disposition"].startswith('attachment; filename="taskapi-20')
    assert file.headers["Cache-Control"] == "private, no-store"
    assert ann.api.get("/exports").json["items"] == [made]


def test_json_has_every_task_in_its_order_then_the_trash_and_the_projects(ann: Person) -> None:
    project = ann.api.post("/projects", {"name": "Home", "color": "#1a2b3c"}).json
    plant_tasks(ann, [{"title": str(n), "position": f"{n:05}"} for n in range(queries.PAGE + 50)])
    trashed = ann.new_task("trashed", project_id=project["id"])
    ann.api.delete(f"/tasks/{trashed['id']}")
    _, file = exported(ann)
    told = orjson.loads(file.data)
    assert (told["format"], told["version"]) == ("taskapi", 1)
    assert told["projects"] == [{"id": project["id"], "name": "Home", "color": "#1a2b3c", "archived": False}]
    assert [one["title"] for one in told["tasks"]] == [*map(str, range(queries.PAGE + 50)), "trashed"]
    assert (told["tasks"][-1]["project_id"], bool(told["tasks"][-1]["trashed_at"])) == (project["id"], True)
    assert "scope_id" not in file.text


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "'=1", "＝1"]


def test_no_cell_is_a_formula_for_a_spreadsheet(ann: Person) -> None:
    for title in FORMULAS:
        ann.new_task("a title", description=title, labels=["=x"])
    _, file = exported(ann, "csv")
    assert file.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(file.data.decode("utf-8-sig"), newline="")))
    assert [row["description"] for row in rows] == [f"'{title}" for title in reversed(FORMULAS)]
    assert {row["labels"] for row in rows} == {"'=x"}


def test_a_calendar_is_one_that_others_read(ann: Person) -> None:
    ann.new_task(
        "Ünïcode; with, signs\\ " + "é" * 90,
        description="two\nlines",
        priority="high",
        labels=["a,b", "c"],
        due_at="2026-01-31T09:00:00Z",
        remind_at="2031-01-30T09:00:00Z",
    )
    ann.new_task("a day", due_on="2026-02-01", status="done")
    _, file = exported(ann, "ics")
    assert max(map(len, file.data.split(b"\r\n"))) <= 75
    day, timed = (
        dict(one.items()) | {"alarms": one.walk("VALARM")}
        for one in Calendar.from_ical(file.data).walk("VTODO")
    )
    assert str(timed["SUMMARY"]) == "Ünïcode; with, signs\\ " + "é" * 90
    assert str(timed["DESCRIPTION"]) == "two\nlines"
    assert timed["DUE"].dt.isoformat() == "2026-01-31T09:00:00+00:00"
    assert [str(one) for one in timed["CATEGORIES"].cats] == ["a,b", "c"]
    assert timed["alarms"][0]["TRIGGER"].dt.isoformat() == "2031-01-30T09:00:00+00:00"
    assert (day["DUE"].dt.isoformat(), str(day["STATUS"])) == ("2026-02-01", "COMPLETED")


def test_it_is_of_one_moment_whatever_is_written_meanwhile(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between any two pages tasks come, go and change: none of that is in it."""
    monkeypatch.setattr(queries, "PAGE", 5)
    ids = plant_tasks(ann, [{"title": str(n), "position": f"{n:05}"} for n in range(7000)])
    before = {task["id"] for task in orjson.loads(exported(ann)[1].data)["tasks"]}
    assert before == set(ids)
    asked = ann.api.post("/exports", JSON).json
    pages, calls = service._pages, iter(range(100))

    def disturbed(*given: Any) -> Any:
        for page in pages(*given):
            yield page
            call = next(calls)
            ann.new_task("new")
            ann.api.delete(f"/tasks/{ids[-1 - call]}")
            ann.api.patch(f"/tasks/{ids[-100 - call]}", {"title": "changed"})

    monkeypatch.setattr(service, "_pages", disturbed)
    do_jobs(ann)
    made = ann.api.get(f"/exports/{asked['id']}").json
    told = orjson.loads(Api(ann.app).get(f"/{made['url']}").data)["tasks"]
    assert [task["title"] for task in told] == [str(n) for n in range(7000)]
    assert {task["trashed_at"] for task in told} == {None}


def test_nobody_finds_a_file_without_its_very_link(ann: Person) -> None:
    ann.new_task()
    made, _ = exported(ann)
    other, _ = exported(ann)
    token = made["url"].partition("?token=")[2]
    stranger = Api(ann.app)
    for url in (
        f"//download/{made['id']}",
        f"//download/{made['id']}?token={token[:-1]}",
        f"//download/{other['id']}?token={token}",
        f"//download/{made['id']}?token={ann.parts.mail_tokens.close(now() + DAY, made['id'])}",
    ):
        assert stranger.get(url).status_code == 404
    assert make_person(ann.app).api.get(f"/exports/{made['id']}").status_code == 404


def test_after_a_day_the_link_is_over_and_the_file_goes(ann: Person) -> None:
    ann.new_task()
    made, _ = exported(ann)
    files: Any = ann.parts.files
    with ann.parts.database.writer() as session:
        session.run(update(Export).where(Export.id == made["id"]).values(expires_at=now() - 1))
    assert ann.api.get(f"/exports/{made['id']}").json["status"] == "expired"
    path = files._root / f"exports/{made['id']}.json"
    assert path.exists()
    service.forget_old(ann.parts)
    assert path.exists(), "it is not a day old yet"
    _age(path)
    service.forget_old(ann.parts)
    assert not path.exists()


def _age(path: Path) -> None:
    then = (now() - DAY - HOUR) / 1000
    os.utime(path, (then, then))


def test_a_deleted_export_is_gone_with_its_file(ann: Person) -> None:
    ann.new_task()
    made, _ = exported(ann)
    assert ann.api.delete(f"/exports/{made['id']}").status_code == 204
    do_jobs(ann)
    assert ann.api.get(f"/exports/{made['id']}").status_code == 404
    assert Api(ann.app).get(f"/{made['url']}").status_code == 404
    files: Any = ann.parts.files
    assert not (files._root / f"exports/{made['id']}.json").exists()


def test_three_may_be_made_at_a_time(ann: Person) -> None:
    for _ in range(3):
        assert ann.api.post("/exports", JSON).status_code == 202
    refused = ann.api.post("/exports", JSON)
    assert (refused.status_code, refused.json["code"]) == (409, "too_many_exports")
    do_jobs(ann)
    assert ann.api.post("/exports", JSON).status_code == 202


def test_who_is_told_to_stop_gives_the_export_back_and_another_makes_it(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_TOLD_SECONDS", 0.0)
    plant_tasks(ann, [{"title": str(n), "position": f"{n:05}"} for n in range(5000)])
    asked = ann.api.post("/exports", JSON).json
    # Its last try: being told to end is no failure of the export.
    stopping = Outbox(ann.parts, HANDLERS, back_off=[])
    pages = service._pages

    def interrupted(*given: Any) -> Any:
        for page in pages(*given):
            stopping._stop.set()
            yield page

    monkeypatch.setattr(service, "_pages", interrupted)
    stopping.do_due()
    monkeypatch.setattr(service, "_pages", pages)
    assert ann.api.get(f"/exports/{asked['id']}").json["status"] in {"waiting", "running"}
    assert _scratch(ann.parts) == []
    do_jobs(ann)
    made = ann.api.get(f"/exports/{asked['id']}").json
    assert (made["status"], made["progress"]["done"]) == ("done", 5000)


def _scratch(parts: Parts) -> list[Path]:
    return list((parts.settings.home / "scratch").glob("*"))


def test_a_job_that_is_done_twice_makes_one_file(ann: Person) -> None:
    """As after a lease that ran out while the file was being put where it belongs."""
    ann.new_task()
    made, file = exported(ann)
    job = Job("j", service.MAKE, {"export_id": made["id"]}, ann.id, "r", now(), 2)
    with ann.parts.database.writer() as session:
        service.make(ann.parts, session, job)
    assert ann.api.get(f"/exports/{made['id']}").json == made
    assert Api(ann.app).get(f"/{made['url']}").data == file.data


def test_one_that_is_given_up_says_so_and_can_be_tried_again(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ann.api.post("/exports", JSON).json

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(ann.parts.files), "put", full)
    worker = Outbox(ann.parts, HANDLERS, back_off=[0])
    worker.do_due()
    assert ann.api.get(f"/exports/{asked['id']}").json["status"] == "failed"
    assert _scratch(ann.parts) == []
    monkeypatch.undo()
    admin = make_person(ann.app, role="admin")
    parked = admin.api.get("/admin/jobs?state=parked").json["items"]
    (job,) = [one for one in parked if one["user_id"] == ann.id]
    assert "No space left" in job["last_error"]
    assert admin.api.post(f"/admin/jobs/{job['id']}/retry").status_code == 200
    do_jobs(ann)
    assert ann.api.get(f"/exports/{asked['id']}").json["status"] == "done"


def test_where_the_place_for_files_is_away_that_is_said(make_app: Callable[..., Flask]) -> None:
    away = make_app("sqlite", S3_URL=f"s3+http://k:s@127.0.0.1:{free_port()}/bucket")
    person = make_person(away)
    answer = person.api.post("/imports?format=csv", data=b"title\nx")
    assert (answer.status_code, answer.json["code"]) == (503, "files_away")
    assert "Retry-After" in answer.headers
    assert person.api.get("/imports").json["items"] == []


def test_a_file_that_is_long_on_its_way_keeps_its_maker(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than a lease: nobody else begins it meanwhile."""
    monkeypatch.setattr("taskapi.jobs.HELD_SECONDS", 0.05)
    monkeypatch.setattr("taskapi.claims.LEASE_MILLISECONDS", 1000)
    asked = ann.api.post("/exports", JSON).json
    others: list[int] = []
    put = type(ann.parts.files).put

    def slow(*given: Any) -> None:
        time.sleep(2)
        others.append(Outbox(ann.parts, HANDLERS).due(most=1))
        put(*given)

    monkeypatch.setattr(type(ann.parts.files), "put", slow)
    do_jobs(ann)
    assert others == [0]
    assert ann.api.get(f"/exports/{asked['id']}").json["status"] == "done"

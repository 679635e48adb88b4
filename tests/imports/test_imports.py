"""Imports: what an export gives comes back the same, others' files are understood, nothing is taken twice."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskapi.clock import HOUR, now, rfc3339
from taskapi.handlers import HANDLERS
from taskapi.imports import service
from taskapi.jobs import Job
from taskapi.outbox import Outbox
from taskapi.planting import tasks as planting
from tests.exports.test_exports import exported
from tests.people import Answer, Api, Person, make_person
from tests.planted import plant_tasks

IDS = ("id", "project_id")


@pytest.fixture
def ann(app: Flask) -> Person:
    return make_person(app)


def do_jobs(person: Person) -> None:
    Outbox(person.parts, HANDLERS, back_off=[0] * 4).do_due()


def sent(person: Person, file: bytes | str, form: str, query: str = "", **headers: str) -> Answer:
    raw = file.encode() if isinstance(file, str) else file
    return person.api.post(f"/imports?format={form}{query}", data=raw, headers=headers)


def imported(person: Person, file: bytes | str, form: str, query: str = "") -> dict[str, Any]:
    """An import that was sent and carried out."""
    answer = sent(person, file, form, query)
    assert answer.status_code == 202, answer.text
    do_jobs(person)
    made: dict[str, Any] = person.api.get(f"/imports/{answer.json['id']}").json
    assert made["finished_at"], made
    return made


def tasks_of(person: Person) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = person.api.get("/tasks?sort=position&limit=200").json["items"]
    return items


def without_ids(file: bytes) -> Any:
    told = orjson.loads(file)
    names = {one["id"]: one["name"] for one in told["projects"]}
    for one in told["tasks"]:
        one["project_id"] = names.get(one["project_id"])
    for one in (*told["tasks"], *told["projects"]):
        one["id"] = None
    return told


LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=30).filter(
    lambda text: text.strip() == text
)
MOMENT = st.integers(0, 4_000_000_000_000)
TASK = st.fixed_dictionaries(
    {
        "title": LINE,
        "description": st.text(
            st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60
        ),
        "status": st.sampled_from(["todo", "in_progress", "done"]),
        "priority": st.sampled_from(["none", "low", "medium", "high", "urgent"]),
        "labels": st.lists(LINE, max_size=3, unique_by=lambda text: text.casefold()),
        "due": st.none() | MOMENT.map(rfc3339) | st.dates().map(lambda day: day.isoformat()),
        "remind_at": st.none() | MOMENT.map(rfc3339),
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "trashed_at": st.none() | MOMENT,
    }
)


def _planted(person: Person, tasks: list[dict[str, Any]]) -> None:
    rows = []
    for number, task in enumerate(tasks):
        due = task["due"]
        rows.append(
            {
                **{name: value for name, value in task.items() if name != "due"},
                "due_on": due if due and len(due) == 10 else None,
                "due_at": due if due and len(due) > 10 else None,
                "position": f"{number:05}",
            }
        )
    plant_tasks(person, rows)


# Whether two labels are one is decided by more than their case.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=st.lists(TASK, max_size=8))
def test_exported_imported_and_exported_again_it_is_the_same(app: Flask, tasks: list[dict[str, Any]]) -> None:
    ann, bob = make_person(app), make_person(app)
    project = ann.api.post("/projects", {"name": "Home", "color": "#1a2b3c"}).json["id"]
    ann.new_task("In a project", project_id=project)
    _planted(ann, tasks)
    _, first = exported(ann)
    made = imported(bob, first.data, "json")
    if made["failed"]:
        # Labels that differ in more than case to Hypothesis, and not to us.
        assert all("labels" in fault["detail"] for fault in made["faults"])
        return
    assert made["progress"] == {"done": len(tasks) + 1, "total": len(tasks) + 1}
    _, second = exported(bob)
    assert without_ids(second.data) == without_ids(first.data)


@pytest.mark.parametrize("form", ["csv", "ics"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=st.lists(TASK, max_size=5))
def test_the_other_formats_come_back_the_same_as_well(
    app: Flask, form: str, tasks: list[dict[str, Any]]
) -> None:
    """But for the trash, which is not in them; of a calendar what it can hold does."""
    ann, bob, eve = make_person(app), make_person(app), make_person(app)
    ann.new_task("In a project", project_id=ann.api.post("/projects", {"name": "Home"}).json["id"])
    _planted(ann, [task | {"trashed_at": None} for task in tasks])
    _, first = exported(ann, form)
    made = imported(bob, first.data, form)
    if made["failed"]:
        return
    _, second = exported(bob, form)
    if form == "csv":
        assert _cut(second.data) == _cut(first.data)
        return
    imported(eve, second.data, form)
    _, third = exported(eve, form)
    assert _cut(third.data) == _cut(second.data)
    assert second.data.count(b"BEGIN:VTODO") == len(tasks) + 1


def _cut(file: bytes) -> list[bytes]:
    """The lines without ids: the last of a table's columns, and the UIDs of a calendar."""
    lines = [line for line in file.split(b"\r\n") if not line.startswith(b"UID:")]
    return [line[:-36] if line[-36:].count(b"-") == 4 else line for line in lines]


def test_a_dry_run_tells_and_changes_nothing(ann: Person) -> None:
    file = "title,project,status\nPay rent,Home,todo\n,Home,todo\nCook,Kitchen,someday\nSleep,Home,done\n"
    before = ann.api.get("/tasks").etag
    made = imported(ann, file, "csv", "&dry_run=true")
    assert (made["status"], made["progress"], made["failed"]) == ("done", {"done": 0, "total": 2}, 2)
    assert [(fault["number"], fault["title"]) for fault in made["faults"]] == [(3, ""), (4, "Cook")]
    assert "status" in made["faults"][1]["detail"]
    # What is wrong names no project either.
    assert made["projects"] == 1
    assert ann.api.get("/projects").json["items"] == tasks_of(ann) == []
    done = imported(ann, file, "csv")
    assert (done["progress"], done["projects"]) == ({"done": 2, "total": 2}, 1)
    assert [task["title"] for task in tasks_of(ann)] == ["Pay rent", "Sleep"]
    assert {one["name"] for one in ann.api.get("/projects").json["items"]} == {"Home"}
    assert ann.api.get("/tasks").etag != before


def test_tasks_stand_in_the_order_of_the_file_above_what_was_there(ann: Person) -> None:
    ann.new_task("there before")
    file = orjson.dumps([{"title": str(number)} for number in range(1200)])
    imported(ann, file, "json")
    ann.new_task("made later")
    expected = ["made later", *map(str, range(199))]
    assert [task["title"] for task in tasks_of(ann)] == expected
    last = ann.api.get("/tasks?sort=-position&limit=3").json["items"]
    assert [task["title"] for task in last] == ["there before", "1199", "1198"]


def test_projects_of_the_same_name_are_used_and_own_ids_as_well(ann: Person) -> None:
    home = ann.api.post("/projects", {"name": "Home"}).json["id"]
    work = ann.api.post("/projects", {"name": "Work"}).json["id"]
    imported(ann, f'[{{"title":"a","project":"home"}},{{"title":"b","project_id":"{work}"}}]', "json")
    assert [task["project_id"] for task in tasks_of(ann)] == [home, work]
    assert len(ann.api.get("/projects").json["items"]) == 2


def test_each_task_has_a_history_and_past_reminders_are_not_sent(ann: Person) -> None:
    later = rfc3339(now() + HOUR)
    file = [{"title": "past", "remind_at": "2020-01-01T00:00:00Z"}, {"title": "to come", "remind_at": later}]
    imported(ann, orjson.dumps(file), "json")
    past, to_come = tasks_of(ann)
    assert (past["remind_at"], to_come["remind_at"]) == ("2020-01-01T00:00:00Z", later)
    (entry,) = ann.api.get(f"/tasks/{past['id']}/history").json["items"]
    assert (entry["via"], entry["actor_id"]) == ("job", ann.id)
    assert {"field": "title", "before": None, "after": "past"} in entry["changes"]


TODOIST = """\ufeffTYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE
section,Kitchen,,,,,,,,
task,Pay rent @home @Home @money,by bank,1,1,Ann (1),,2026-01-31,en,Europe/Berlin
note,"the note, in two
lines",,,,Ann (1),,,,
task,Water plants,,4,2,,,every 3 days,en,
task,Call,,2,1,,,2026-02-01 15:30,en,
,,,,,,,,,
"""


def test_todoists_table_is_understood(ann: Person) -> None:
    assert imported(ann, TODOIST, "todoist")["failed"] == 0
    rent, plants, call = tasks_of(ann)
    assert (rent["title"], rent["labels"], rent["priority"]) == ("Pay rent", ["Home", "money"], "urgent")
    assert (rent["description"], rent["due_on"]) == ("by bank\n\nthe note, in two\nlines", "2026-01-31")
    assert (plants["description"], plants["due_on"], plants["due_at"]) == (
        "Todoist: every 3 days",
        None,
        None,
    )
    assert (call["priority"], call["due_at"]) == ("high", "2026-02-01T15:30:00Z")


CALENDAR = """BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:e\r\nSUMMARY:none\r\nEND:VEVENT\r
BEGIN:VTODO\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Pay\\, rent\r
DUE;TZID=Europe/Berlin:20260131T100000\r
PRIORITY:2\r\nCATEGORIES:home,money\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT30M\r\nEND:VALARM\r\nEND:VTODO\r
BEGIN:VTODO\r\nUID:2\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Done\r\nSTATUS:COMPLETED\r
COMPLETED:20260102T030405Z\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"""


def test_anybodys_calendar_is_understood(ann: Person) -> None:
    imported(ann, CALENDAR, "ics")
    rent, done = tasks_of(ann)
    assert (rent["title"], rent["due_at"], rent["priority"]) == ("Pay, rent", "2026-01-31T09:00:00Z", "high")
    assert (rent["labels"], rent["remind_at"]) == (["home", "money"], "2026-01-31T08:30:00Z")
    assert (done["status"], done["completed_at"]) == ("done", "2026-01-02T03:04:05Z")


@pytest.mark.parametrize(
    ("form", "file", "why"),
    [
        ("json", "", "it is empty"),
        ("json", "{", "it is not JSON"),
        ("json", '[{"title": "good"}, {"title"', "it is not JSON"),
        ("json", b"\x84\xff\x00\n{", "it is not JSON (lexical error: invalid char in json text)"),
        ("json", '{"projects": [1], "tasks": []}', "project 1 is not an object"),
        ("csv", "a,b\n1,2\n", "none of its columns is called title"),
        ("csv", b"title\n\xff\n", "it is not UTF-8"),
        ("csv", 'title\n"never ended', "it is not CSV"),
        ("todoist", "title\nPay rent\n", "no columns TYPE and CONTENT"),
        ("ics", "SUMMARY:x", "it is no calendar"),
    ],
)
def test_what_cannot_be_read_is_told_in_words_and_nothing_of_it_is_taken(
    ann: Person, form: str, file: bytes | str, why: str
) -> None:
    made = imported(ann, file, form)
    assert made["status"] == "failed"
    assert why in made["error"]
    assert tasks_of(ann) == []


def test_whoever_goes_on_after_a_crash_takes_nothing_twice(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends at each batch once: before it is written, and after it is committed."""
    monkeypatch.setattr(service, "_BATCH", 7)
    file = orjson.dumps([{"title": str(number), "project": f"P{number % 3}"} for number in range(50)])
    answer = sent(ann, file, "json")
    plant, deaths = planting.plant, iter([True, False] * 30)

    def dying(*given: Any) -> None:
        if next(deaths):
            raise OSError("the process ends here")
        plant(*given)

    def surviving(tasks: Iterator[Any]) -> Iterator[Any]:
        for number, batch in enumerate(batches(tasks)):
            if number == 1:
                raise OSError("the process ends here")
            yield batch

    batches = service._batches
    monkeypatch.setattr(service, "plant", dying)
    monkeypatch.setattr(service, "_batches", surviving)
    for _ in range(30):
        ann.api.post("/tasks", {"title": "meanwhile"})
        Outbox(ann.parts, HANDLERS, back_off=[0] * 50).do_due()
    made = ann.api.get(f"/imports/{answer.json['id']}").json
    assert (made["status"], made["progress"]["done"]) == ("done", 50)
    titles = [task["title"] for task in tasks_of(ann) if task["title"] != "meanwhile"]
    assert titles == [str(number) for number in range(50)]
    assert len(ann.api.get("/projects").json["items"]) == 3


def test_a_file_that_is_too_large_is_refused(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ann.parts.settings.__class__, "model_config", {"frozen": False})
    assert sent(ann, b"x" * (64 << 20), "csv").status_code == 202
    assert sent(ann, b"x" * ((64 << 20) + 1), "csv").status_code == 413


def test_a_file_is_sent_as_it_is(ann: Person) -> None:
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert sent(ann, "title\nx", "csv", **form).status_code == 415
    assert sent(ann, "title\nx", "csv", **{"Content-Encoding": "gzip"}).status_code == 415
    assert sent(ann, "title\nx", "xml").status_code == 400
    assert list((ann.parts.settings.home / "scratch").glob("upload-*")) == []


def test_the_same_file_with_the_same_key_is_one_import(ann: Person) -> None:
    first = sent(ann, "title\nPay rent", "csv", **{"Idempotency-Key": "k"})
    again = sent(ann, "title\nPay rent", "csv", **{"Idempotency-Key": "k"})
    other = sent(ann, "title\nCook", "csv", **{"Idempotency-Key": "k"})
    assert (again.json, again.headers["Idempotency-Replayed"]) == (first.json, "true")
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    do_jobs(ann)
    assert len(tasks_of(ann)) == 1


def test_what_is_somebody_elses_is_missing(ann: Person) -> None:
    made = imported(ann, "title\nPay rent", "csv")
    stranger = make_person(ann.app)
    assert stranger.api.get(f"/imports/{made['id']}").status_code == 404
    assert stranger.api.get("/imports").json["items"] == []
    assert Api(ann.app).get("/imports").status_code == 401


def test_one_that_is_given_up_says_so_and_can_be_tried_again(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sent(ann, "title\nPay rent", "csv")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(service, "_fetch", full)
    Outbox(ann.parts, HANDLERS, back_off=[0]).do_due()
    made = ann.api.get(f"/imports/{answer.json['id']}").json
    assert made["status"] == "failed"
    assert "on our side" in made["error"]
    monkeypatch.undo()
    admin = make_person(ann.app, role="admin")
    parked = admin.api.get("/admin/jobs?state=parked").json["items"]
    (job,) = [one for one in parked if one["user_id"] == ann.id]
    admin.api.post(f"/admin/jobs/{job['id']}/retry")
    do_jobs(ann)
    assert ann.api.get(f"/imports/{answer.json['id']}").json["status"] == "done"
    assert [task["title"] for task in tasks_of(ann)] == ["Pay rent"]


def test_of_two_who_do_the_same_import_one_ends(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a lease that ran out: the other has gone on meanwhile."""
    answer = sent(ann, orjson.dumps([{"title": str(number)} for number in range(20)]), "json")
    job = Job("j", service.RUN, {"import_id": answer.json["id"]}, ann.id, "r", now(), 9)
    batches = service._batches

    def overtaken(tasks: Iterator[Any]) -> Iterator[Any]:
        monkeypatch.setattr(service, "_batches", batches)
        do_jobs(ann)
        yield from batches(tasks)

    monkeypatch.setattr(service, "_batches", overtaken)
    with pytest.raises(RuntimeError, match="another worker"), ann.parts.database.writer() as session:
        service.run(ann.parts, session, job)
    assert ann.api.get(f"/imports/{answer.json['id']}").json["status"] == "done"
    assert [task["title"] for task in tasks_of(ann)] == [str(number) for number in range(20)]

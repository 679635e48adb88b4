"""PATCH and PUT against a model: a dictionary with the rules of RFC 7396 and of the contract."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.people import Answer, Person
from tests.tasks.changes import BAD, DEFAULTS, EDGES, REFUSED, Value, instants, patches
from tests.tasks.rows import new_project

# Any UUID of the right form; each test puts its own project's id in its place.
_PROJECT = "0190c0de-0000-7000-8000-00000000000a"
_CHANGE = st.tuples(st.sampled_from(["PATCH", "PATCH", "PATCH", "PUT"]), patches(_PROJECT))
_EQUAL = st.tuples(st.just("EQUAL"), st.sets(st.sampled_from(["title", *DEFAULTS])))


@dataclass
class Model:
    """A task as it must be, and what may have been remembered of it."""

    person: Person
    project_id: str
    shown: dict[str, Any]
    etag: str
    changes: list[list[dict[str, Any]]] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"/tasks/{self.shown['id']}"

    @property
    def content(self) -> dict[str, Any]:
        return {name: self.shown[name] for name in ("title", *DEFAULTS)}

    def write(self, method: str, values: dict[str, Value]) -> None:
        """Send it, and see that the answer and the task are what the rules say."""
        sent = {name: self._own(value.sent) for name, value in values.items()}
        bad = {name for name, value in values.items() if value.kept == REFUSED}
        if method == "PUT" and "title" not in values:
            bad.add("title")
        given = {name: self._own(value.kept) for name, value in values.items()}
        wanted = (dict(DEFAULTS) if method == "PUT" else self.content) | given
        answer = self.person.api.call(method, self.path, sent)
        if bad:
            self._refuse(answer, sent, bad)
        elif wanted["due_at"] is not None and wanted["due_on"] is not None:
            self._refuse(answer, sent, set())
        else:
            self._accept(answer, wanted)
        again = self.person.api.get(self.path)
        assert (again.json, again.etag) == (self.shown, self.etag)

    def _own(self, value: Any) -> Any:
        if isinstance(value, str) and value.lower() == _PROJECT:
            return self.project_id.upper() if value.isupper() else self.project_id
        return value

    def _refuse(self, answer: Answer, sent: dict[str, Any], bad: set[str]) -> None:
        assert answer.status_code == 422, answer.text
        assert answer.json["code"] == "invalid"
        pointers = [fault["pointer"] for fault in answer.json["errors"]]
        assert pointers
        assert all(fault["detail"] for fault in answer.json["errors"])
        if bad:
            assert {_unescaped(pointer.split("/")[1]) for pointer in pointers} == bad
        else:
            assert all(_resolves(pointer, sent) for pointer in pointers), pointers

    def _accept(self, answer: Answer, wanted: dict[str, Any]) -> None:
        assert answer.status_code == 200, answer.text
        found, before = answer.json, self.content
        changes = [
            {"field": name, "before": before[name], "after": wanted[name]}
            for name in before
            if wanted[name] != before[name]
        ]
        if not changes:
            assert (found, answer.etag) == (self.shown, self.etag)
            return
        expected = self.shown | wanted | {"version": self.shown["version"] + 1}
        expected["updated_at"] = found["updated_at"]
        # Not as text: a whole second is written without its milliseconds.
        assert datetime.fromisoformat(found["updated_at"]) >= datetime.fromisoformat(self.shown["updated_at"])
        if wanted["status"] != "done":
            expected["completed_at"] = None
        elif self.shown["completed_at"] is None:
            expected["completed_at"] = found["updated_at"]
        assert found == expected
        assert answer.etag != self.etag
        self.shown, self.etag = found, answer.etag
        self.changes.insert(0, changes)


def _unescaped(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")


def _resolves(pointer: str, body: Any) -> bool:
    """Whether an RFC 6901 pointer names something in the body; the empty one names all of it."""
    found = body
    for token in pointer.split("/")[1:]:
        try:
            found = found[int(token) if isinstance(found, list) else _unescaped(token)]
        except (KeyError, IndexError, ValueError, TypeError):
            return False
    return pointer == "" or pointer.startswith("/")


def _model(person: Person, project_id: str) -> Model:
    answer = person.api.post("/tasks", {"title": "Pay rent"})
    return Model(person, project_id, answer.json, answer.etag)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(writes=st.lists(_CHANGE | _CHANGE | _EQUAL, min_size=1, max_size=6))
def test_every_series_of_writes_does_what_the_rules_say(ann: Person, writes: list[tuple[str, Any]]) -> None:
    model = _model(ann, new_project(ann))
    for method, values in writes:
        if method == "EQUAL":
            content = model.content
            model.write("PATCH", {name: Value(content[name], content[name]) for name in values})
        else:
            model.write(method, values)
    history = ann.api.get(f"{model.path}/history?limit=200").json["items"]
    remembered = [_sorted(entry["changes"]) for entry in history[:-1]]
    assert remembered == [_sorted(changes) for changes in model.changes]


def _sorted(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(changes, key=lambda change: str(change["field"]))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=instants())
def test_an_instant_is_answered_in_utc_cut_to_milliseconds(ann: Person, value: Value) -> None:
    answer = ann.api.post("/tasks", {"title": "Pay rent", "due_at": value.sent})
    if value.kept == REFUSED:
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/due_at")
    else:
        assert (answer.status_code, answer.json["due_at"]) == (201, value.kept)


@pytest.mark.parametrize("field_name", sorted(BAD))
def test_a_field_takes_its_extremes_and_nothing_beyond(ann: Person, field_name: str) -> None:
    model = _model(ann, "")
    for value in EDGES.get(field_name, ()):
        model.write("PATCH", {field_name: value})
    for bad in BAD[field_name]:
        model.write("PATCH", {field_name: Value(bad, REFUSED)})


@pytest.mark.parametrize("field_name", ["title", "status", "priority", "labels"])
def test_null_is_refused_where_a_field_has_none(ann: Person, field_name: str) -> None:
    _model(ann, "").write("PATCH", {field_name: Value(None, REFUSED)})


def test_null_clears_what_can_be_cleared(ann: Person) -> None:
    project = new_project(ann)
    full = {"description": "By bank", "due_at": "2026-01-31T09:00:00Z", "project_id": project}
    task = ann.new_task(**full)
    answer = ann.api.patch(f"/tasks/{task['id']}", dict.fromkeys([*full, "due_on"]))
    assert {name: answer.json[name] for name in full} == {
        "description": "",
        "due_at": None,
        "project_id": None,
    }
    assert answer.json["version"] == 2


def test_an_empty_patch_and_an_equal_put_leave_no_trace(ann: Person) -> None:
    model = _model(ann, "")
    model.write("PATCH", {})
    model.write("PUT", {"title": Value(" Pay rent\t", "Pay rent")})
    assert len(ann.api.get(f"{model.path}/history").json["items"]) == 1


def test_put_sets_what_is_missing_to_its_default(ann: Person) -> None:
    given = {"description": "By bank", "status": "done", "priority": "high", "due_on": "2026-01-31"}
    task = ann.new_task(**given, labels=["home"], project_id=new_project(ann))
    answer = ann.api.put(f"/tasks/{task['id']}", {"title": "Pay rent"})
    assert {name: answer.json[name] for name in DEFAULTS} == DEFAULTS
    assert answer.json["completed_at"] is None


def test_a_task_is_due_at_an_instant_or_on_a_day_but_not_both(ann: Person) -> None:
    model = _model(ann, "")
    at = Value("2026-01-31T09:00:00Z", "2026-01-31T09:00:00Z")
    on, null = Value("2026-01-31", "2026-01-31"), Value(None, None)
    for method in ("PATCH", "PUT"):
        title = {"title": Value("Pay rent", "Pay rent")}
        model.write(method, title | {"due_at": at, "due_on": on})
        model.write(method, title | {"due_at": at})
        # A PATCH meets the stored instant; a PUT replaces it.
        model.write(method, title | {"due_on": on})
        model.write(method, title | {"due_on": on, "due_at": null})
        model.write(method, title | {"due_on": null})


def test_a_task_stays_completed_since_it_first_was_until_it_is_reopened(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/tasks/{ann.new_task()['id']}"
    moments = iter(range(1_000, 60_000, 1_000))
    monkeypatch.setattr("taskapi.tasks.service.now", lambda: next(moments))
    first = ann.api.patch(path, {"status": "done"}).json
    assert first["completed_at"] == first["updated_at"] != first["created_at"]
    renamed = ann.api.patch(path, {"title": "Paid rent"}).json
    assert renamed["completed_at"] == first["completed_at"] != renamed["updated_at"]
    replaced = ann.api.put(path, {"title": "Paid", "status": "done"}).json
    assert replaced["completed_at"] == first["completed_at"]
    assert ann.api.patch(path, {"status": "in_progress"}).json["completed_at"] is None
    assert ann.api.patch(path, {"status": "done"}).json["completed_at"] > first["completed_at"]


@pytest.mark.parametrize(
    ("method", "content_type", "status"),
    [
        ("PATCH", "application/json", 200),
        ("PATCH", "Application/JSON; charset=UTF-8", 200),
        ("PATCH", "application/merge-patch+json", 200),
        ("PATCH", "application/json-patch+json", 415),
        ("PATCH", "application/json; charset=utf-16", 415),
        ("PATCH", "text/plain", 415),
        ("PATCH", "", 415),
        ("PUT", "application/json", 200),
        ("PUT", "application/merge-patch+json", 415),
    ],
)
def test_only_json_is_taken(ann: Person, method: str, content_type: str, status: int) -> None:
    path = f"/tasks/{ann.new_task()['id']}"
    headers = {"Content-Type": content_type} if content_type else {}
    answer = ann.api.call(method, path, headers=headers, data=b'{"title": "Renamed"}')
    assert answer.status_code == status
    assert ann.api.get(path).json["title"] == ("Renamed" if status == 200 else "Pay rent")

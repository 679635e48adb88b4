"""What a list may be asked for, and for whom and what a cursor holds."""

import pytest

from taskapi.ids import new_id
from tests.lists.walks import SORTS
from tests.people import Answer, Person
from tests.problems import check_problem

BAD = {
    "status": ("", "Todo", "open", "todo,done", "none"),
    "priority": ("", "0", "High", "critical"),
    "label": ("", " ", "x" * 41, "a\nb", "a\0"),
    "project": ("", "Inbox", "none", "x", new_id()[:-1], f"{new_id()}0", "00000000000070008000000000000000"),
    "q": ("x" * 201, "\0", "".join(map(chr, range(0x3300, 0x3358)))),
    "trashed": ("", "1", "True", "yes"),
    "count": ("", "1", "TRUE"),
    "sort": ("", "created", "+due", "--due", "due_at", "status", "-id", "title,due", "Title"),
    "limit": ("0", "201", "abc", "+5", "-1", "1_0", "5.0", " 5", "٥", "", "1e1", "9" * 30),
}
_NO_MOMENTS = (
    *("", "soon", "2026-02-30", "2026-1-1", "20260131", "1767225600", "2026-01-31T09:00:00"),
    *("2026-01-31 09:00:00Z\n", "2026-01-31T24:00:00Z", "2026-01-31T09:00:00 01:00", "0000-01-01"),
)


@pytest.mark.parametrize("name", [*BAD, "due_before", "due_after"])
def test_a_bad_value_is_refused_by_the_name_of_its_parameter(ann: Person, name: str) -> None:
    for value in BAD.get(name, _NO_MOMENTS):
        check_problem(ann.api.get("/tasks", query_string={name: value}), 400, f"query/{name}")


@pytest.mark.parametrize(("name", "good", "bad"), [
    ("status", "todo", "open"),
    ("priority", "high", "critical"),
    ("label", "home", ""),
])  # fmt: skip
def test_one_bad_value_among_good_ones_is_refused(ann: Person, name: str, good: str, bad: str) -> None:
    answer = ann.api.get("/tasks", query_string={name: [good, bad, bad]})
    check_problem(answer, 400)
    assert [fault["pointer"] for fault in answer.json["errors"]] == [f"query/{name}"]


def test_more_labels_than_a_task_may_have_are_refused(ann: Person) -> None:
    labels = [str(number) for number in range(21)]
    check_problem(ann.api.get("/tasks", query_string={"label": labels}), 400, "query/label")


def test_each_fault_is_told(ann: Person) -> None:
    answer = ann.api.get("/tasks?status=x&due_after=y&sort=z&limit=0")
    check_problem(answer, 400, "query/status", "query/due_after", "query/sort", "query/limit")


def test_a_repeated_or_unknown_parameter_is_refused(ann: Person) -> None:
    for name in ("limit", "cursor", "q", "sort", "project", "due_before", "due_after", "trashed", "count"):
        check_problem(ann.api.get(f"/tasks?{name}=5&{name}=5"), 400, f"query/{name}")
    for name in ("Limit", "page", "id", "due", "title"):
        check_problem(ann.api.get(f"/tasks?{name}=5"), 400, f"query/{name}")


def test_a_strangers_project_is_as_empty_as_one_that_does_not_exist(ann: Person) -> None:
    ann.new_task()
    answer = ann.api.get("/tasks", query_string={"project": new_id(), "count": "true"})
    assert answer.json == {"items": [], "next_cursor": None, "total": 0}


def test_a_total_is_there_only_where_it_was_asked_for(ann: Person) -> None:
    for title in ("a", "b", "c"):
        ann.new_task(title)
    assert "total" not in ann.api.get("/tasks").json
    assert "total" not in ann.api.get("/tasks?count=false").json
    first = ann.api.get("/tasks?count=true&limit=2").json
    assert first["total"] == 3
    rest = ann.api.get("/tasks", query_string={"count": "true", "limit": 2, "cursor": first["next_cursor"]})
    assert (rest.json["total"], len(rest.json["items"])) == (3, 1)
    # What is counted is the list, not the page.
    assert ann.api.get("/tasks?count=true&limit=1&q=b").json["total"] == 1


@pytest.mark.parametrize(("sort", "bound"), [("due", "due_after"), ("-due", "due_before")])
def test_every_page_has_the_same_total(ann: Person, sort: str, bound: str) -> None:
    for day in ("2026-01-29", "2026-01-30", "2026-01-31", "2026-02-01"):
        ann.new_task(due_on=day)
    ann.new_task()
    query = {"sort": sort, bound: "2026-01-31", "limit": "1", "count": "true"}
    first = ann.api.get("/tasks", query_string=query).json
    second = ann.api.get("/tasks", query_string=query | {"cursor": first["next_cursor"]}).json
    assert (first["total"], second["total"], second["next_cursor"]) == (2, 2, None)


def test_the_trash_is_shown_where_it_is_asked_for_and_nowhere_else(ann: Person) -> None:
    live, trashed = (ann.new_task(title)["id"] for title in ("live", "trashed"))
    assert ann.api.delete(f"/tasks/{trashed}").status_code == 204
    for sort in SORTS:
        for wanted, query in ((live, {}), (live, {"trashed": "false"}), (trashed, {"trashed": "true"})):
            items = ann.api.get("/tasks", query_string={"sort": sort, "count": "true", **query}).json["items"]
            assert [task["id"] for task in items] == [wanted]


def _refused_cursor(answer: Answer) -> bool:
    pointers = [fault["pointer"] for fault in answer.json.get("errors", [])]
    return (answer.status_code, answer.json.get("code"), pointers) == (400, "bad_cursor", ["query/cursor"])


_LIST = {"sort": "due", "label": ["Home", "work"], "status": ["todo", "done"], "due_after": "2026-01-31"}
_LIST |= {"q": "pay rent", "priority": ["none", "low"], "limit": "1"}


def _list_of_three(person: Person) -> str:
    """A cursor in the middle of _LIST."""
    for day in ("2026-01-31", "2026-02-01", "2026-02-02"):
        person.new_task(labels=["home", "WORK"], due_on=day)
    cursor = person.api.get("/tasks", query_string=_LIST).json["next_cursor"]
    assert isinstance(cursor, str)
    return cursor


@pytest.mark.parametrize("change", [
    {"sort": "-due"},
    {"sort": "created_at"},
    {"label": ["home"]},
    {"label": []},
    {"status": ["todo"]},
    {"status": []},
    {"due_after": "2026-01-30"},
    {"due_before": "2027-01-01"},
    {"q": "pay"},
    {"q": "payrent"},
    {"priority": ["none"]},
    {"project": "inbox"},
    {"trashed": "true"},
])  # fmt: skip
def test_a_cursor_does_not_pass_from_one_list_to_another(ann: Person, change: dict[str, str]) -> None:
    cursor = _list_of_three(ann)
    assert _refused_cursor(ann.api.get("/tasks", query_string=_LIST | change | {"cursor": cursor}))


@pytest.mark.parametrize("change", [
    {"limit": "2"},
    {"count": "true"},
    {"count": "false"},
    {"trashed": "false"},
    {"label": ["WORK", "home", "ｈome"]},
    {"status": ["done", "todo", "done"]},
    {"priority": ["low", "none"]},
    {"due_after": "2026-01-31T01:00:00+01:00"},
    {"q": " RENT, páy "},
])  # fmt: skip
def test_a_cursor_holds_for_the_same_list_however_it_is_asked_for(
    ann: Person, change: dict[str, str]
) -> None:
    cursor = _list_of_three(ann)
    answer = ann.api.get("/tasks", query_string=_LIST | change | {"cursor": cursor})
    assert answer.status_code == 200
    assert [task["due_on"] for task in answer.json["items"]][:1] == ["2026-02-01"]


def test_a_strangers_cursor_is_refused_for_every_sort(ann: Person, bob: Person) -> None:
    for person in (ann, bob):
        for due in ({}, {}, {"due_on": "2026-01-31"}):
            person.new_task(**due)
    for sort in SORTS:
        cursor = bob.api.get("/tasks", query_string={"sort": sort, "limit": "1"}).json["next_cursor"]
        query = {"sort": sort, "cursor": cursor}
        assert _refused_cursor(ann.api.get("/tasks", query_string=query))
        assert bob.api.get("/tasks", query_string=query).status_code == 200


def test_a_cursor_that_we_did_not_make_for_this_list_is_refused(ann: Person, bob: Person) -> None:
    task, other = (ann.new_task(title)["id"] for title in ("a", "b"))
    for number in range(2):
        bob.new_task()
        ann.api.patch(f"/tasks/{task}", {"title": f"a{number}"})
    history = f"/tasks/{task}/history"
    of_tasks = ann.api.get("/tasks?limit=1").json["next_cursor"]
    of_history = ann.api.get(f"{history}?limit=1").json["next_cursor"]
    of_bob = bob.api.get("/tasks?limit=1").json["next_cursor"]
    bad = [("/tasks", cursor) for cursor in (of_history, of_bob, "", "x", "é", "\0", f"{of_tasks}A")]
    bad += [(history, of_tasks), (history, of_bob), (f"/tasks/{other}/history", of_history)]
    for index, character in enumerate(of_tasks):
        altered = "A" if character != "A" else "B"
        bad.append(("/tasks", of_tasks[:index]))
        bad.append(("/tasks", of_tasks[:index] + altered + of_tasks[index + 1 :]))
    for path, cursor in bad:
        assert _refused_cursor(ann.api.get(path, query_string={"cursor": cursor})), (path, cursor)

"""The list of users: searched, filtered, sorted, walked, and shown as they are at this very moment."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskapi.accounts import service as accounts
from taskapi.accounts.schemas import NewAccount
from taskapi.actors import Operator
from taskapi.admin import service as admin
from taskapi.admin.schemas import UserChange, UserList
from taskapi.db import Database
from taskapi.ids import new_id
from taskapi.parts import Parts
from taskapi.text import words
from tests.people import Answer, Api, Person, make_person, new_address, password_hash, set_disabled
from tests.statements import Statements

ROW = {
    "id",
    "email",
    "name",
    "role",
    "disabled",
    "email_verified",
    "language",
    "timezone",
    "created_at",
    "updated_at",
    "delete_after",
}


@pytest.fixture
def root(app: Flask) -> Person:
    return make_person(app, role="admin")


def cached(answer: Answer) -> str:
    return answer.headers["X-Cache"]


def plant_user(parts: Parts, name: str = "", email: str = "", role: str = "user") -> str:
    with parts.database.writer() as session:
        wanted = NewAccount(email=email or new_address(), password="correct horse battery", name=name)
        user_id = accounts.create(session, wanted, password_hash(), role, verified=False)
    assert user_id is not None
    return user_id


def walked(api: Api, query: str, limit: int = 7) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = api.get(f"/admin/users?{query}&limit={limit}{cursor}").json
        found.extend(page["items"])
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_a_user_is_shown_with_exactly_these_fields(root: Person, ann: Person) -> None:
    ann.api.patch("/me", {"name": "Ann Lee", "language": "de"})
    shown = root.api.get(f"/admin/users/{ann.id}")
    assert shown.json.keys() == ROW
    me = ann.api.get("/me").json
    assert {name: shown.json[name] for name in me} == me
    assert (shown.json["disabled"], shown.json["delete_after"]) == (False, None)
    assert shown.json == root.api.get(f"/admin/users?q={ann.email}").json["items"][0]
    assert root.api.get(f"/admin/users/{new_id()}").status_code == 404
    assert root.api.get("/admin/users/nonsense").status_code == 404


def test_every_word_has_to_begin_a_word_of_name_or_address(root: Person, parts: Parts) -> None:
    mark = new_id().replace("-", "")
    jose = plant_user(parts, "José Ångström", f"jose.{mark}@example.test")
    ming = plant_user(parts, "山田太郎", f"ming.{mark}@example.test")

    def found(q: str) -> set[str]:
        answer = root.api.get("/admin/users", query_string={"q": f"{mark} {q}"})
        assert answer.status_code == 200
        return {user["id"] for user in answer.json["items"]}

    assert found("") == {jose, ming}
    assert found("JOS ang") == found("ÅNG") == found("jose") == {jose}
    assert found("ang ming") == found("strom") == set()
    assert found("山田") == found("太郎") == {ming}
    assert found("EXAMPLE tes") == {jose, ming}
    for q in ("%", "_", "' OR 1=1 --", "\\"):
        assert root.api.get("/admin/users", query_string={"q": q}).status_code == 200


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30))
def test_whoever_has_a_name_is_found_by_each_of_its_words(root: Person, parts: Parts, name: str) -> None:
    user_id = plant_user(parts, name)
    for word in list(dict.fromkeys(words(name)))[:5]:
        answer = root.api.get("/admin/users", query_string={"q": word, "limit": 200})
        assert user_id in {user["id"] for user in answer.json["items"]}


def test_filters_and_orders_are_those_of_the_whole_list(root: Person, app: Flask) -> None:
    mark = new_id().replace("-", "")
    parts: Parts = app.extensions["taskapi"]
    names = ["zoe", "Abel", "émile", "Émile", "", "abel", "山田", "Zoe"]
    for number, name in enumerate(names):
        role = "admin" if number % 3 == 0 else "user"
        user_id = plant_user(parts, name, f"{9 - number}.{mark}@example.test", role)
        if number % 2:
            with parts.database.writer() as session:
                set_disabled(session, f"{9 - number}.{mark}@example.test", disabled=True)
    everybody = walked(root.api, f"q={mark}")
    assert len(everybody) == len(names)
    assert user_id in {user["id"] for user in everybody}
    keys: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
        "created_at": lambda user: (user["created_at"], user["id"]),
        "email": lambda user: (user["email"].casefold(), user["id"]),
        "name": lambda user: (user["name"].casefold(), user["id"]),
    }
    for name, key in keys.items():
        ordered = sorted(everybody, key=key)
        assert walked(root.api, f"q={mark}&sort={name}", limit=3) == ordered
        assert walked(root.api, f"q={mark}&sort=-{name}", limit=3) == ordered[::-1]
    filters: dict[str, Callable[[dict[str, Any]], bool]] = {
        "role=admin": lambda user: user["role"] == "admin",
        "disabled=true": lambda user: user["disabled"],
        "role=user&disabled=false": lambda user: user["role"] == "user" and not user["disabled"],
    }
    for query, keep in filters.items():
        expected = [user for user in everybody if keep(user)]
        assert walked(root.api, f"q={mark}&{query}", limit=1) == expected
        counted = root.api.get(f"/admin/users?q={mark}&{query}&count=true&limit=1").json
        assert counted["total"] == len(expected)
    with parts.database.reader() as session:
        wanted = UserList(q=mark, limit=3)
        assert list(admin.every_user(session, wanted)) == everybody


def test_a_cursor_is_good_for_its_list_and_its_admin_alone(root: Person, app: Flask) -> None:
    make_person(app)
    cursor = root.api.get("/admin/users?limit=1").json["next_cursor"]
    assert root.api.get(f"/admin/users?limit=2&cursor={cursor}").status_code == 200
    for query in ("sort=email", "role=user", "disabled=false", "q=x"):
        answer = root.api.get(f"/admin/users?{query}&cursor={cursor}")
        assert (answer.status_code, answer.json["code"]) == (400, "bad_cursor")
    other = make_person(app, role="admin")
    assert other.api.get(f"/admin/users?limit=1&cursor={cursor}").status_code == 400


def test_odd_questions_are_400_by_name(root: Person) -> None:
    for query, where in {
        "role=root": "query/role",
        "disabled=1": "query/disabled",
        "sort=role": "query/sort",
        "limit=0": "query/limit",
        "q=" + "+".join(f"w{i}" for i in range(21)): "query/q",
        "q=%00": "query/q",
    }.items():
        answer = root.api.get(f"/admin/users?{query}")
        assert answer.status_code == 400
        assert answer.json["errors"][0]["pointer"] == where


def test_a_page_is_one_statement_beside_the_check_of_the_role(root: Person, parts: Parts) -> None:
    statements = Statements(parts)
    for query in ("", "?count=true", f"?q={root.email}", "?sort=name&role=user", f"/{root.id}"):
        answer = statements.during(lambda query=query: root.api.get(f"/admin/users{query}"))  # type: ignore[misc]
        assert (answer.status_code, cached(answer)) == (200, "miss")
        assert statements.own == 2, statements.sent
        hit = statements.during(lambda query=query: root.api.get(f"/admin/users{query}"))  # type: ignore[misc]
        assert (cached(hit), hit.data, statements.own) == ("hit", answer.data, 0)
        unchanged = root.api.get(f"/admin/users{query}", headers={"If-None-Match": answer.etag})
        assert (unchanged.status_code, unchanged.data) == (304, b"")


def test_a_list_from_memory_shows_a_change_by_anybody_at_once(root: Person, ann: Person) -> None:
    path = f"/admin/users?q={ann.email}"

    def shown() -> dict[str, Any]:
        answer = root.api.get(path)
        assert cached(answer) == "miss"
        assert root.api.get(path).data == answer.data
        assert cached(root.api.get(path)) == "hit"
        (user,) = answer.json["items"]
        assert root.api.get(f"/admin/users/{ann.id}").json == user
        found: dict[str, Any] = user
        return found

    assert shown()["name"] == ""
    ann.api.patch("/me", {"name": "Ann"})
    assert shown()["name"] == "Ann"
    with ann.parts.database.writer() as session:
        set_disabled(session, ann.email, disabled=True)
    assert shown()["disabled"] is True
    root.api.patch(f"/admin/users/{ann.id}", {"disabled": False, "role": "admin"})
    user = shown()
    assert (user["disabled"], user["role"]) == (False, "admin")


def test_who_registers_is_in_the_list_at_once(root: Person) -> None:
    path, email = "/admin/users?count=true&limit=1", new_address()
    before = root.api.get(path)
    assert cached(root.api.get(path)) == "hit"
    body = {"email": email, "password": "correct horse battery"}
    assert Api(root.app).post("/auth/register", body).status_code == 202
    after = root.api.get(path)
    assert (after.json["total"], after.json["items"][0]["email"]) == (before.json["total"] + 1, email)


def test_what_the_command_line_changes_shows_although_it_was_in_memory(root: Person, ann: Person) -> None:
    """By another Database, as another process has; on SQLite the watch notices it, which is asked here."""
    path = f"/admin/users/{ann.id}"
    root.api.get(path)
    assert cached(root.api.get(path)) == "hit"
    database = Database(root.parts.settings)
    with database.writer() as session:
        by = Operator("made-by-a-test")
        admin.change_user(session, by, ann.id, UserChange(role="admin"), None)
    database.close()
    if root.parts.database.is_sqlite:
        root.parts.epochs.clear()
    assert root.api.get(path).json["role"] == "admin"


def test_an_entry_lives_five_minutes_at_most(root: Person) -> None:
    root.api.get("/admin/users?limit=2")
    ((_, entry),) = [
        (key, entry)
        for key, entry in root.parts.store._entries.items()
        if entry.user_id == root.id and "users" in entry.keys
    ]
    assert 0 < entry.until - entry.since <= 5 * 60 * 1000


def test_changes_ask_for_the_tag_that_is_current(root: Person, ann: Person) -> None:
    path = f"/admin/users/{ann.id}"
    etag = root.api.get(path).etag
    changed = root.api.patch(path, {"name": "Ann"}, headers={"If-Match": etag})
    assert (changed.status_code, changed.json["name"]) == (200, "Ann")
    stale = root.api.patch(path, {"name": "Anna"}, headers={"If-Match": etag})
    assert (stale.status_code, stale.etag) == (412, changed.etag)
    assert root.api.patch(path, {"name": "Ann"}).etag == changed.etag
    assert ann.api.get("/me").json["name"] == "Ann"
    for body, pointer in (
        ({"role": "root"}, "/role"),
        ({"email": "x@y"}, "/email"),
        ({"disabled": None}, "/disabled"),
    ):
        refused = root.api.patch(path, body)
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, pointer)


def test_a_reset_is_a_job_with_the_address_of_that_moment(root: Person, ann: Person) -> None:
    answer = root.api.post(f"/admin/users/{ann.id}/password-reset")
    assert (answer.status_code, answer.json) == (202, {"status": "accepted"})
    jobs = root.api.get("/admin/jobs?state=waiting").json["items"]
    assert ("mail.reset_password", ann.id) in {(job["kind"], job["user_id"]) for job in jobs}


def test_an_admin_logs_somebody_out_everywhere(root: Person, ann: Person) -> None:
    other = ann.another_session()
    assert root.api.post(f"/admin/users/{ann.id}/logout").status_code == 204
    assert {one.api.get("/tasks").status_code for one in (ann, other)} == {401}
    refresh = {"refresh_token": other.grant.refresh_token}
    assert Api(ann.app).post("/auth/refresh", refresh).status_code == 401
    assert ann.another_session().api.get("/tasks").status_code == 200

"""What is answered from memory: the very bytes, for their owner alone, and only while they are the truth."""

import gzip
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import brotli
import pytest
import zstandard
from flask import Flask

from taskapi import consistency
from taskapi.db import Session
from taskapi.parts import Parts
from taskapi.responses import RULES
from tests.people import Answer, Api, Person, make_person, set_disabled
from tests.statements import Statements

DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda raw: raw,
    "gzip": gzip.decompress,
    "br": lambda raw: bytes(brotli.decompress(raw)),
    "zstd": lambda raw: zstandard.ZstdDecompressor().decompress(raw),
}


def cached(answer: Answer) -> str:
    return answer.headers["X-Cache"]


def reading_paths(person: Person) -> dict[str, str]:
    """A path for each rule but the admin's."""
    task = person.new_task("Pay rent", labels=["home"])["id"]
    known = {"tasks": "/tasks", "tasks/*": f"/tasks/{task}", "tasks/*/history": f"/tasks/{task}/history"}
    project = person.api.post("/projects", {"name": "Home"}).json["id"]
    known |= {"projects": "/projects", "projects/*": f"/projects/{project}"}
    return known | {"labels": "/labels", "stats": "/stats", "me": "/me"}


def test_what_is_read_again_comes_from_memory_with_the_same_bytes(ann: Person) -> None:
    for rule, path in reading_paths(ann).items():
        first, second = ann.api.get(path), ann.api.get(path)
        assert (cached(first), cached(second)) == ("miss", "hit"), rule
        assert second.data == first.data
        for name in ("X-Cache", "X-Request-ID"):
            first.headers.remove(name)
            second.headers.remove(name)
        assert sorted(first.headers) == sorted(second.headers)


def test_a_hit_sends_nothing_to_the_database(ann: Person, parts: Parts) -> None:
    statements = Statements(parts)
    for path in reading_paths(ann).values():
        ann.api.get(path)
        answer = statements.during(lambda path=path: ann.api.get(path))  # type: ignore[misc]
        assert cached(answer) == "hit"
        assert statements.own == 0
        # Elsewhere than on SQLite others write unheard: the epochs are asked for, once.
        assert statements.of_epochs == (0 if parts.database.is_sqlite else 1)


def test_an_unchanged_list_is_told_without_a_query_even_where_nothing_is_kept(
    make_app: Callable[..., Flask],
) -> None:
    forgetful = make_person(make_app("sqlite", TASKAPI_CACHE_MB=0))
    paths = reading_paths(forgetful)
    statements = Statements(forgetful.parts)
    for rule in ("tasks", "tasks/*/history", "labels", "projects"):
        first = forgetful.api.get(paths[rule])
        assert cached(forgetful.api.get(paths[rule])) == "miss"
        asked = {"If-None-Match": first.etag}
        answer = statements.during(
            lambda rule=rule, asked=asked: forgetful.api.get(paths[rule], headers=asked)  # type: ignore[misc]
        )
        assert (answer.status_code, answer.data, answer.etag) == (304, b"", first.etag)
        assert statements.sent == []
        forgetful.new_task("Something else")
        assert forgetful.api.get(paths[rule], headers=asked).status_code == 200


def test_a_write_is_seen_by_the_next_read_and_disturbs_nobody_else(ann: Person, bob: Person) -> None:
    task = ann.new_task("Pay rent")
    path = f"/tasks/{task['id']}"
    for person in (ann, bob):
        person.api.get("/tasks")
    ann.api.get(path)
    ann.api.patch(path, {"title": "Rent is paid"})
    assert ann.api.get(path).json["title"] == "Rent is paid"
    assert ann.api.get("/tasks").json["items"][0]["title"] == "Rent is paid"
    assert cached(bob.api.get("/tasks")) == "hit"
    ann.api.delete(path)
    assert ann.api.get(path).status_code == 404
    assert ann.api.get("/tasks").json["items"] == []


@pytest.mark.parametrize("encoding", DECODERS)
def test_each_encoding_has_its_own_bytes_and_tag_and_says_the_same(ann: Person, encoding: str) -> None:
    for number in range(50):
        ann.new_task(f"Call number {number}", description="about the invoice of last month")
    plain = ann.api.get("/tasks")
    for x_cache in ("miss" if encoding else "hit", "hit"):
        answer = ann.api.get("/tasks", headers={"Accept-Encoding": encoding})
        assert cached(answer) == x_cache
        assert DECODERS[encoding](answer.data) == plain.data
        assert answer.headers.get("Content-Encoding", "") == encoding
        assert int(answer.headers["Content-Length"]) == len(answer.data)
        assert answer.headers["Vary"] == "Accept-Encoding, Authorization"
    if encoding:
        assert answer.etag == f'{plain.etag[:-1]}-{encoding}"'
        assert len(answer.data) <= 0.3 * len(plain.data)
    for tag in (plain.etag, answer.etag):
        asked = {"Accept-Encoding": encoding, "If-None-Match": tag}
        unchanged = ann.api.get("/tasks", headers=asked)
        assert (unchanged.status_code, unchanged.data, unchanged.etag) == (304, b"", answer.etag)
        assert "Content-Encoding" not in unchanged.headers


def test_short_answers_and_tokens_are_never_compressed(ann: Person) -> None:
    asked = {"Accept-Encoding": "zstd, br, gzip"}
    assert "Content-Encoding" not in ann.api.get("/me", headers=asked).headers
    credentials = {"refresh_token": ann.grant.refresh_token}
    granted = ann.api.post("/auth/refresh", credentials, headers=asked)
    assert len(granted.data) >= 1000 or granted.status_code == 200
    assert "Content-Encoding" not in granted.headers
    assert granted.headers["Cache-Control"] == "no-store"


def test_head_is_answered_from_what_get_left_and_the_other_way_round(ann: Person) -> None:
    for path in reading_paths(ann).values():
        head = ann.api.call("HEAD", path)
        whole = ann.api.get(path)
        assert (cached(head), cached(whole)) == ("miss", "hit")
        assert head.data == b""
        assert int(head.headers["Content-Length"]) == len(whole.data)
        assert cached(ann.api.call("HEAD", path)) == "hit"


def test_a_stored_answer_dies_with_its_session_and_with_its_user(ann: Person) -> None:
    other = ann.another_session()
    for person in (ann, other):
        person.api.get("/tasks")
        assert cached(person.api.get("/tasks")) == "hit"
    assert ann.api.post("/auth/logout").status_code == 204
    assert ann.api.get("/tasks").status_code == 401
    assert cached(other.api.get("/tasks")) == "hit"
    with ann.parts.database.writer() as session:
        set_disabled(session, ann.email, disabled=True)
    assert other.api.get("/tasks").status_code == 401


def test_a_changed_name_keeps_tokens_but_not_what_was_stored_under_the_old_one(ann: Person) -> None:
    ann.api.get("/me")
    assert ann.api.patch("/me", {"name": "Ann"}).status_code == 200
    assert ann.api.get("/me").json["name"] == "Ann"
    assert cached(ann.api.get("/me")) == "hit"


def test_nothing_else_is_stored(ann: Person) -> None:
    for path in ("/me/limits", "/auth/sessions", "/operations?key=k"):
        for _ in range(2):
            assert cached(ann.api.get(path)) == "bypass", path
    for _ in range(2):
        assert cached(ann.api.get(f"/tasks/{ann.id}")) == "bypass"
    assert "X-Cache" not in ann.api.post("/tasks", {"title": "x"}).headers


def test_a_token_that_is_newer_than_the_memory_is_not_answered_from_it(ann: Person) -> None:
    ann.new_task()
    first = ann.api.get("/tasks")
    token = first.headers[consistency.HEADER]
    assert cached(ann.api.get("/tasks", headers={consistency.HEADER: token})) == "hit"
    key = f"s:{ann.id}"
    seen = consistency.seen_by(ann.parts.seen, ann.id, token)
    newer = ann.parts.seen.close({key: seen[key] + 10**15}, ann.id)
    answer = ann.api.get("/tasks", headers={consistency.HEADER: newer})
    assert (cached(answer), answer.data) == ("miss", first.data)
    # Nothing was learnt from it: what is stored is as good as before for everybody else.
    assert cached(ann.api.get("/tasks")) == "hit"
    asked = {consistency.HEADER: newer, "If-None-Match": first.etag}
    assert ann.api.get("/tasks", headers=asked).headers["X-Cache"] == "miss"


@pytest.mark.parametrize("token", ["", "x", "é", "AAAA", "{}", "." * 5000])
def test_a_bad_token_is_ignored(ann: Person, token: str) -> None:
    ann.api.get("/tasks")
    assert cached(ann.api.get("/tasks", headers={consistency.HEADER: token})) == "hit"


def test_somebody_elses_token_is_ignored(ann: Person, bob: Person) -> None:
    ann.api.get("/tasks")
    theirs = bob.parts.seen.close({f"s:{ann.id}": 10**18}, bob.id)
    assert cached(ann.api.get("/tasks", headers={consistency.HEADER: theirs})) == "hit"


def test_a_write_tells_what_the_next_read_has_to_show(ann: Person) -> None:
    made = ann.api.post("/tasks", {"title": "x"})
    written = consistency.seen_by(ann.parts.seen, ann.id, made.headers[consistency.HEADER])
    read = consistency.seen_by(ann.parts.seen, ann.id, ann.api.get("/tasks").headers[consistency.HEADER])
    assert written == read == {f"s:{ann.id}": written[f"s:{ann.id}"]}


def test_a_read_over_the_budget_is_counted_once_and_is_no_hit(make_app: Callable[..., Flask]) -> None:
    app = make_app("sqlite", TASKAPI_LIMITS="read=4/hour")
    person, parts = make_person(app), app.extensions["taskapi"]
    used, refused = parts.store.counts["hit"], parts.limiter.refused["read"]
    statuses = [person.api.get("/tasks").status_code for _ in range(7)]
    admitted = statuses.count(200)
    assert statuses == [200] * admitted + [429] * (7 - admitted)
    assert parts.store.counts["hit"] - used == admitted - 1
    assert parts.limiter.refused["read"] - refused == 7 - admitted


def test_reads_are_limited_where_a_setting_says_so_and_304_costs_nothing(
    make_app: Callable[..., Flask],
) -> None:
    person = make_person(make_app("sqlite", TASKAPI_LIMITS="read=5/hour"))
    first = person.api.get("/tasks")
    assert first.headers["RateLimit"].startswith('"read";r=4;')
    second = person.api.get("/tasks")
    assert (cached(second), second.headers["RateLimit"].split(";t")[0]) == ("hit", '"read";r=3')
    for _ in range(20):
        unchanged = person.api.get("/tasks", headers={"If-None-Match": first.etag})
        assert unchanged.status_code == 304
    assert [person.api.get("/tasks").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = person.api.get("/tasks")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert int(refused.headers["Retry-After"]) > 0
    assert person.api.get("/tasks", headers={"If-None-Match": first.etag}).status_code == 304


def test_of_many_who_ask_for_the_same_at_once_one_asks_the_database(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann.new_task()
    entered, go_on = threading.Semaphore(0), threading.Event()
    asked: list[str] = []
    rows = Session.rows

    def slow(session: Session, statement: Any, **parameters: Any) -> Any:
        if "tasks" in str(statement):
            asked.append("list")
            entered.release()
            assert go_on.wait(10)
        return rows(session, statement, **parameters)

    monkeypatch.setattr(Session, "rows", slow)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ann.api.get, "/tasks") for _ in range(8)]
        assert entered.acquire(timeout=10)
        threading.Timer(0.3, go_on.set).start()
        bodies = {answer.result().data for answer in answers}
    assert (len(bodies), len(asked)) == (1, 1)


def test_who_waits_for_another_is_not_given_what_was_read_before_their_own_write(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann.new_task("old")
    read, go_on = threading.Event(), threading.Event()
    rows = Session.rows

    def slow(session: Session, statement: Any, **parameters: Any) -> Any:
        found = rows(session, statement, **parameters)
        if "tasks" in str(statement) and not read.is_set():
            read.set()
            assert go_on.wait(10)
        return found

    monkeypatch.setattr(Session, "rows", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ann.api.get, "/tasks")
        assert read.wait(10)
        ann.new_task("new")
        second = pool.submit(ann.api.get, "/tasks")
        threading.Timer(0.2, go_on.set).start()
        assert [task["title"] for task in second.result().json["items"]] == ["new", "old"]
        first.result()
    assert len(ann.api.get("/tasks").json["items"]) == 2


def test_an_answer_made_while_a_write_went_by_is_not_kept(
    ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann.new_task("old")
    rows = Session.rows

    def interrupted(session: Session, statement: Any, **parameters: Any) -> Any:
        found = rows(session, statement, **parameters)
        if "tasks" in str(statement):
            monkeypatch.setattr(Session, "rows", rows)
            with ThreadPoolExecutor(1) as another:
                another.submit(ann.new_task, "new").result()
        return found

    monkeypatch.setattr(Session, "rows", interrupted)
    assert len(ann.api.get("/tasks").json["items"]) == 1
    answer = ann.api.get("/tasks")
    assert (cached(answer), len(answer.json["items"])) == ("miss", 2)


def test_what_a_browser_of_another_origin_is_told_is_kept_apart(ann: Person) -> None:
    first = ann.api.get("/tasks", headers={"Origin": "https://a.example"})
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in ann.api.get("/tasks").headers
    again = ann.api.get("/tasks", headers={"Origin": "https://a.example"})
    assert (cached(again), again.headers["Access-Control-Allow-Origin"]) == ("hit", "*")


def test_an_answer_nobody_accepts_is_refused_though_it_is_kept(ann: Person) -> None:
    ann.api.get("/tasks")
    assert ann.api.get("/tasks", headers={"Accept": "text/html"}).status_code == 406
    assert ann.api.get("/tasks", headers={"Authorization": "Basic eA=="}).status_code == 401
    assert Api(ann.app).get("/tasks").status_code == 401


def test_the_table_holds_no_rule_without_a_reason() -> None:
    """The design's table, by heart: a new line has to be thought about twice."""
    assert {name: rule.kind for name, rule in RULES.items()} == {
        "tasks": "s:",
        "tasks/*": "s:",
        "tasks/*/history": "s:",
        "labels": "s:",
        "projects": "s:",
        "projects/*": "s:",
        "stats": "s:",
        "me": "u:",
        # It moves the scope: the reminders of tasks are worked out by it.
        "me/notifications": "s:",
        "admin/users": "users",
        "admin/users/*": "users",
    }


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/tasks", "https://" + "a" * 5000),
        ("/tasks?" + "&".join(["status=todo"] * 200), ""),
    ],
)
def test_what_is_asked_for_at_great_length_is_not_kept(ann: Person, path: str, origin: str) -> None:
    before = ann.parts.store.bytes
    for _ in range(2):
        answer = ann.api.get(path, headers={"Origin": origin} if origin else {})
        assert (answer.status_code, cached(answer)) == (200, "bypass")
    assert ann.parts.store.bytes == before

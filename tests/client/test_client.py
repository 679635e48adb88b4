"""The generated client: typed, from the document, and careful with what it sends twice."""

from collections.abc import Callable, Iterator
from itertools import count

import httpx
import pytest
from flask import Flask

from taskapi.client import Client, NotModified, ProblemError, Unreachable
from taskapi.client.transport import TRIES
from taskapi.contract import described
from tests.people import PASSWORD, Person
from tests.routes import bare_app
from tools.generate_client import TARGET, generated

Handler = Callable[[httpx.Request], httpx.Response]


def connected(app: Flask, token: str | None = None, before: Handler | None = None) -> Client:
    """A client of an application in this process; what `before` raises or returns comes first."""
    inner = httpx.WSGITransport(app=app.wsgi_app)

    class Line(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if before is not None:
                found = before(request)
                if found.status_code != 100:
                    return found
            return inner.handle_request(request)

    return Client("http://taskapi.test", token, http=httpx.Client(transport=Line()), sleep=lambda _: None)


@pytest.fixture
def client(ann: Person) -> Iterator[Client]:
    with connected(ann.app, ann.grant.access_token) as opened:
        yield opened


def test_the_client_in_the_repository_is_the_one_the_document_makes() -> None:
    assert TARGET.read_text() == generated(described(bare_app())), "run `make client` and commit the result"


def test_a_task_lives_its_life_through_the_client(client: Client) -> None:
    made = client.create_task(title="Pay rent", labels=["home"], due_on="2026-01-31")
    assert made.status == 201
    task_id = made.data["id"]
    assert made.location == f"/api/v1/tasks/{task_id}"
    changed = client.change_task(task_id, due_on=None, status="done", if_match=made.etag)
    assert (changed.data["due_on"], changed.data["status"], changed.data["title"]) == (
        None,
        "done",
        "Pay rent",
    )
    with pytest.raises(NotModified):
        client.get_task(task_id, if_none_match=changed.etag)
    with pytest.raises(ProblemError) as stale:
        client.change_task(task_id, title="Too late", if_match=made.etag)
    assert (stale.value.status, stale.value.code) == (412, "stale_match")
    found = client.list_tasks(status=["done", "todo"], label=["home"], trashed=False, count=True)
    assert [task["id"] for task in found.data["items"]] == [task_id]
    assert found.data["total"] == 1
    assert client.delete_task(task_id).data is None
    assert client.restore_task(task_id).data["id"] == task_id


def test_a_word_of_python_s_own_is_an_argument_with_an_underscore(client: Client) -> None:
    client.create_task(title="Pay rent", labels=["home"])
    assert client.rename_label(from_="home", to="house").data == {"from": "home", "to": "house", "changed": 1}


def test_a_refusal_tells_its_code_and_what_is_wrong(client: Client) -> None:
    with pytest.raises(ProblemError, match="errors") as refused:
        client.create_task(title="")
    assert refused.value.code == "invalid"
    assert refused.value.errors == [{"pointer": "/title", "detail": "must not be empty"}]


def test_whoever_logs_in_goes_on_with_the_token(ann: Person) -> None:
    client = connected(ann.app)
    with pytest.raises(ProblemError) as refused:
        client.get_me()
    assert refused.value.code == "unauthorized"
    client.token = client.login(email=ann.email, password=PASSWORD).data["access_token"]
    assert client.get_me().data["id"] == ann.id


def test_a_write_whose_answer_was_lost_is_sent_again_and_done_once(ann: Person) -> None:
    keys, calls = set(), count(1)

    def lossy(request: httpx.Request) -> httpx.Response:
        keys.add(request.headers["Idempotency-Key"])
        if next(calls) < TRIES:
            sending.handle_request(request)
            raise httpx.ReadError("the line went dead")
        return httpx.Response(100)

    sending = httpx.WSGITransport(app=ann.app.wsgi_app)
    client = connected(ann.app, ann.grant.access_token, lossy)
    made = client.create_task(title="Once")
    assert made.headers["Idempotency-Replayed"] == "true"
    assert len(keys) == 1
    assert [task["title"] for task in ann.api.get("/tasks").json["items"]] == ["Once"]


def test_what_never_arrives_is_told_with_its_key(ann: Person) -> None:
    def dead(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody is there")

    client = connected(ann.app, ann.grant.access_token, dead)
    with pytest.raises(Unreachable, match="nobody is there") as lost:
        client.create_task(title="Never")
    assert lost.value.idempotency_key
    asked = connected(ann.app, ann.grant.access_token).get_operation(key=lost.value.idempotency_key)
    assert asked.data["outcome"] == "not_applied"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_service_that_is_busy_is_asked_again(ann: Person, status: int) -> None:
    calls = count(1)

    def busy(_: httpx.Request) -> httpx.Response:
        is_early = next(calls) < TRIES
        return httpx.Response(status if is_early else 100, headers={"Retry-After": "1"})

    assert connected(ann.app, ann.grant.access_token, busy).get_stats().data["todo"] == 0
    assert next(calls) == TRIES + 1


def test_a_log_in_is_sent_once_since_nothing_tells_one_from_the_next(ann: Person) -> None:
    calls = count(1)

    def busy(_: httpx.Request) -> httpx.Response:
        next(calls)
        return httpx.Response(503, headers={"Retry-After": "1"}, text="<html>")

    with pytest.raises(ProblemError) as refused:
        connected(ann.app, before=busy).login(email=ann.email, password=PASSWORD)
    assert (refused.value.status, refused.value.code, next(calls)) == (503, "unknown", 2)


def test_what_was_seen_goes_along_with_the_next_request(ann: Person) -> None:
    seen: list[str | None] = []

    def listening(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Consistency-Token"))
        return httpx.Response(100)

    client = connected(ann.app, ann.grant.access_token, listening)
    made = client.create_task(title="Seen")
    client.list_tasks()
    assert seen == [None, made.headers["Consistency-Token"]]


def test_the_client_needs_nothing_else_of_the_package() -> None:
    for path in TARGET.parent.glob("*.py"):
        imported = [line for line in path.read_text().splitlines() if "import" in line and "taskapi" in line]
        assert all("taskapi.client" in line for line in imported if line.startswith(("from", "import"))), path

"""Few work, some wait in turn, and who finds no room is told so at once, while memory goes on answering."""

import logging
import math
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from taskapi import admission, measuring, overrun, without_flask
from taskapi.admission import MOST_WAITING, WaitingRoom
from taskapi.errors import Busy, TooMany
from taskapi.metrics.requests import Requests
from taskapi.parts import Parts
from taskapi.problems import described
from tests.people import PASSWORD, Api, Person, new_address
from tests.servers import running
from tests.test_serving import wait_until
from tests.test_without_flask import short_way


def thread(work: Any) -> threading.Thread:
    started = threading.Thread(target=work, daemon=True)
    started.start()
    return started


class Overloaded(WaitingRoom):
    """In which more are waiting than can be let in soon, whoever is there."""

    def _is_overload(self, _: float) -> bool:
        return True


class Connections:
    """As many as a test says."""

    def __init__(self, number: float) -> None:
        self.at_most = lambda: number


def of(connections: float, room: WaitingRoom) -> WaitingRoom:
    """The room of a process to which there are so many connections."""
    room._connections = Connections(connections)  # type: ignore[assignment]
    return room


@settings(max_examples=25, deadline=None)
@given(at_work=st.integers(1, 4), waiting=st.integers(0, 6), guests=st.integers(1, 14))
def test_as_many_work_and_wait_as_there_is_room_for_and_all_others_are_told(
    at_work: int, waiting: int, guests: int
) -> None:
    requests = Requests()
    room, done = Overloaded(at_work, requests, waiting), threading.Event()
    outcomes: list[str] = []

    def visit() -> None:
        if room.is_overfull:
            requests.in_flight -= 1
            outcomes.append("told")
            return
        room.enter()
        outcomes.append("at work")
        done.wait(10)
        room.leave()
        outcomes.append("left")

    visits = []
    for number in range(guests):
        requests.in_flight += 1
        visits.append(thread(visit))
        wait_until(partial(are_there, room, outcomes, number + 1))
    fit, working = min(guests, at_work + waiting), min(guests, at_work)
    assert (outcomes.count("told"), outcomes.count("at work")) == (guests - fit, working)
    done.set()
    for one in visits:
        one.join(10)
    assert outcomes.count("left") == fit
    # Nobody's place was lost.
    for _ in range(at_work):
        room.enter()
    assert room._free == 0


def are_there(room: WaitingRoom, outcomes: list[str], number: int) -> bool:
    return len(room._queue) + len(outcomes) == number


def are_waiting(room: WaitingRoom, number: int) -> bool:
    return len(room._queue) == number


def test_who_came_first_is_let_in_first() -> None:
    room, order = WaitingRoom(1, Requests(), 20), list[int]()
    room.enter()

    def visit(number: int) -> None:
        room.enter()
        order.append(number)
        room.leave()

    for number in range(20):
        thread(partial(visit, number))
        wait_until(partial(are_waiting, room, number + 1))
    room.leave()
    wait_until(lambda: len(order) == 20)
    assert order == list(range(20))


def test_somebody_waits_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_MOST_SECONDS", 0.2)
    room = WaitingRoom(1, Requests(), 5)
    room.enter()
    began = time.monotonic()
    with pytest.raises(Busy, match="busy with other requests"):
        room.enter()
    assert time.monotonic() - began >= 0.2
    assert not room._queue
    room.leave()
    room.enter()


def test_a_burst_is_let_in_and_more_than_can_be_done_for_long_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_PACED_OVER", 1)
    requests = Requests()
    room = of(math.inf, WaitingRoom(1, requests, 2))
    room.enter()
    requests.in_flight = 100
    guests = [thread(room.enter) for _ in range(admission._BURST + 1)]
    wait_until(partial(are_waiting, room, len(guests)))
    told = []
    for _ in guests:
        told.append((room.is_full, room.is_overfull))
        room.leave()
        wait_until(lambda: room._pace > 0)
    assert told == [(False, False)] * admission._BURST + [(True, True)]
    for guest in guests:
        guest.join(10)
    # Who leaves when nobody waits shows that all could be done.
    room.leave()
    room.enter()
    assert not room.is_full
    guest = thread(room.enter)
    wait_until(partial(are_waiting, room, 1))
    assert not room.is_full
    room.leave()
    guest.join(10)


def test_where_nobody_is_let_in_waiting_ends_sooner_for_who_came_beyond_what_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "_SOON_SECONDS", 0.3)
    requests = Requests()
    room, outcomes = of(50, WaitingRoom(1, requests, 1)), list[str]()
    room.enter()

    def visit(name: str) -> None:
        try:
            room.enter()
            outcomes.append(f"{name} was let in")
        except Busy:
            outcomes.append(f"{name} was told")

    requests.in_flight = 2
    patient = thread(partial(visit, "one of those there is room for"))
    wait_until(partial(are_waiting, room, 1))
    requests.in_flight = 3
    before = room.is_overfull
    thread(partial(visit, "one more")).join(10)
    assert outcomes == ["one more was told"]
    # So long did somebody wait that this is no burst, and at that pace nobody else is let in soon.
    assert (before, room.is_overfull) == (False, True)
    room.leave()
    patient.join(10)
    assert outcomes[1:] == ["one of those there is room for was let in"]


@pytest.mark.parametrize(
    ("connections", "pace", "for_reads", "for_writes"),
    [
        (100, 0.001, False, False),
        (300, 0.003, True, False),
        (5000, 0.0005, True, True),
        (100, 0.02, True, True),
        (math.inf, 0.0001, True, True),
    ],
)
def test_it_is_overload_where_not_all_who_are_connected_could_be_let_in_soon(
    connections: float, pace: float, *, for_reads: bool, for_writes: bool
) -> None:
    requests = Requests()
    room = of(connections, WaitingRoom(1, requests, 1))
    room.enter()
    guest = thread(room.enter)
    wait_until(partial(are_waiting, room, 1))
    room._let_in, room._pace, requests.in_flight = admission._BURST, pace, 3
    assert (room.is_full, room.is_overfull) == (for_reads, for_writes)
    room.leave()
    guest.join(10)


def test_the_pace_is_how_long_it_took_for_each_who_was_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(admission, "monotonic", lambda: now[0])
    monkeypatch.setattr(admission, "_PACED_OVER", 1)
    room = WaitingRoom(1, Requests(), 9)
    room.enter()
    guests = []
    for number in range(4):
        guests.append(thread(room.enter))
        wait_until(partial(are_waiting, room, number + 1))
    for number in range(4):
        now[0] += 0.5
        room.leave()
        guests[number].join(10)
        assert room._pace == 0.5


def test_connections_are_counted_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(admission, "monotonic", lambda: now[0])
    connections = admission._Connections()
    before = connections.at_most()
    with ExitStack() as opened:
        for _ in range(100):
            opened.enter_context(socket.socket())
        assert connections.at_most() == before, "nobody has looked since"
        now[0] += 1
        assert before + 90 < connections.at_most() < before + 110
        # As on a system that does not tell, or is not Linux.
        monkeypatch.setattr("sys.platform", "darwin")
        now[0] += 1
        assert before + 90 < connections.at_most() < before + 110
    monkeypatch.setattr(admission, "_OPEN_FILES", Path("/nowhere"))
    now[0] += 1
    assert connections.at_most() == math.inf


def test_half_of_who_waits_may_wait_for_anothers_answer_as_long_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "_SOON_SECONDS", 0.3)
    room, flight, outcomes = WaitingRoom(1, Requests(), 4), threading.Event(), list[str]()

    def follow(name: str) -> None:
        try:
            room.follow(flight, 10)
            outcomes.append(name)
        except Busy:
            outcomes.append(f"{name} was told")

    following = [thread(partial(follow, "few")) for _ in range(2)]
    wait_until(lambda: room._following == 2)
    # Others are told after a while, and who comes then at once.
    others = [thread(partial(follow, "other")) for _ in range(3)]
    for one in others:
        one.join(10)
    assert outcomes == ["other was told"] * 3
    monkeypatch.setattr(admission, "_SOON_SECONDS", 60)
    thread(partial(follow, "late")).join(10)
    assert outcomes[3:] == ["late was told"], "at once"
    # Nobody is at work: who has something to do is let in.
    assert not room.is_full
    flight.set()
    for one in following:
        one.join(10)
    assert outcomes[4:] == ["few"] * 2
    room.follow(flight, 10)
    # Whose patience ends while somebody else makes it is not told: they make it themselves.
    room.follow(threading.Event(), 0.01)


def test_more_follow_where_it_is_over_in_a_moment() -> None:
    room, flight = WaitingRoom(1, Requests(), 4), threading.Event()
    following = [thread(lambda: room.follow(flight, 10)) for _ in range(50)]
    wait_until(lambda: room._following == 2 and room._crowded_since < math.inf)
    flight.set()
    for one in following:
        one.join(10)
    room.follow(flight, 10)
    assert room._crowded_since == math.inf


@contextmanager
def no_room(app: Flask, *, is_noticed: bool = True) -> Iterator[None]:
    """Nobody may work or wait inside; that is noticed where it costs least, or one step later."""
    front, way, full = app.wsgi_app, short_way(app), Overloaded(0, Requests(), -1)
    before = way._room
    way._room = full
    front._room = full if is_noticed else WaitingRoom(1, Requests())  # type: ignore[attr-defined]
    way._logs_hits = not is_noticed
    try:
        yield
    finally:
        way._room = front._room = before  # type: ignore[attr-defined]
        way._logs_hits = False


def test_who_was_let_through_the_door_is_not_sent_away_later() -> None:
    requests = Requests()
    room, entered = Overloaded(1, requests, 2), threading.Event()
    room.enter()
    requests.in_flight = 2

    def visit() -> None:
        room.enter()
        entered.set()

    guest = thread(visit)
    wait_until(partial(are_waiting, room, 1))
    requests.in_flight = 3
    assert room.is_full
    room.leave()
    guest.join(10)
    assert entered.is_set()


def test_a_stranger_takes_no_place_at_work_and_who_is_known_is_looked_at_there(
    app: Flask, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ann.api.get("/tasks?limit=11").status_code == 200
    way, room, looked_at = short_way(app), WaitingRoom(1, Requests()), list[str]()
    authenticate = way._authenticate

    def noting(parts: Parts, token: str, client: Any) -> Any:
        looked_at.append(token)
        return authenticate(parts, token, client)

    monkeypatch.setattr(way, "_authenticate", noting)
    monkeypatch.setattr(way, "_room", room)
    room.enter()
    assert Api(app, "nobody's").get("/tasks?limit=12").status_code == 401
    assert looked_at == ["nobody's"]
    answers = list[Any]()
    reader = thread(lambda: answers.append(ann.api.get("/tasks?limit=12")))
    wait_until(partial(are_waiting, room, 1))
    assert len(looked_at) == 1
    room.leave()
    reader.join(10)
    assert (answers[0].status_code, len(looked_at)) == (200, 2)


def test_where_reads_have_a_limit_who_has_none_left_waits_for_no_place(
    app: Flask, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ann.api.get("/tasks?limit=14").status_code == 200
    way, room = short_way(app), WaitingRoom(1, Requests())

    def refuse() -> None:
        raise TooMany(1, {})

    monkeypatch.setattr(without_flask, "count_read", refuse)
    monkeypatch.setattr(way, "_counts_reads", True)
    monkeypatch.setattr(way, "_room", room)
    room.enter()
    assert ann.api.get("/tasks?limit=16").status_code == 429
    assert room._free == 0


def refused(answer: Any) -> bool:
    is_told = answer.status_code == 503 and answer.headers["Retry-After"] in {"1", "2", "3"}
    return is_told and answer.json["code"] == "busy" and answer.json["request_id"] in str(answer.headers)


@pytest.mark.parametrize("is_noticed", [True, False])
def test_a_full_service_still_answers_from_memory_and_what_has_limits_of_its_own(
    app: Flask, ann: Person, is_noticed: bool
) -> None:
    task = ann.new_task()
    known = ann.api.get("/tasks")
    with no_room(app, is_noticed=is_noticed):
        again = ann.api.get("/tasks")
        assert (again.status_code, again.headers["X-Cache"], again.data) == (200, "hit", known.data)
        unchanged = ann.api.get("/tasks", headers={"If-None-Match": known.etag})
        assert unchanged.status_code == 304
        assert refused(ann.api.get("/tasks?limit=7"))
        assert ann.api.call("HEAD", "/tasks?limit=7").status_code == 503
        assert refused(ann.api.post("/tasks", {"title": "No room"}))
        assert refused(ann.api.patch(f"/tasks/{task['id']}", {"title": "No room"}))
        assert Api(app).get("//livez").status_code == 200
        login = {"email": ann.email, "password": PASSWORD}
        assert Api(app).post("/auth/login", login).status_code == 200
    assert ann.api.get("/tasks").data == known.data


def test_a_read_is_turned_away_at_the_door_as_soon_as_nobody_else_may_wait(
    app: Flask, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = Requests()
    room = Overloaded(1, requests, 3)
    room.enter()
    monkeypatch.setattr(app.wsgi_app, "_room", room)
    monkeypatch.setattr(short_way(app), "_room", room)
    monkeypatch.delattr(measuring, "_tell")  # Whoever is let through has a line in the log.
    requests.in_flight = 4
    answer = ann.api.get("/tasks?limit=13")
    assert refused(answer)
    assert "more to do than it can" in answer.json["detail"]
    requests.in_flight = 3
    room.leave()
    assert not room.is_full


@given(path=st.text(), name=st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True))
def test_a_refusal_that_is_put_together_is_the_one_that_would_be_written(path: str, name: str) -> None:
    assert overrun._body(path, name) == orjson.dumps(described(admission.overrun(), path, name))


def test_a_refusal_says_what_all_refusals_say(app: Flask, ann: Person) -> None:
    said = {"Origin": "https://pages.example"}
    usual = Api(app).get("/tasks", headers=said)
    assert usual.status_code == 401
    with no_room(app):
        short = ann.api.get("/tasks?limit=8", headers=said)
    assert set(short.json) == set(usual.json)
    own = {"Retry-After", "WWW-Authenticate", "X-Cache", "X-Request-ID", "Content-Length", "Cache-Control"}
    assert {pair for pair in short.headers if pair[0] not in own} == {
        pair for pair in usual.headers if pair[0] not in own
    }


def test_who_finds_too_many_waiting_for_the_same_answer_is_told(
    app: Flask, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(WaitingRoom):
        def follow(self, *_: object) -> None:
            raise admission.overrun()

    class Flying(dict[object, threading.Event]):
        """Somebody is always making it."""

        def get(self, *_: object) -> threading.Event:
            return threading.Event()

    monkeypatch.setattr(app.wsgi_app, "_flights", Flying())
    monkeypatch.setattr(app.wsgi_app, "_room", Full(1, Requests()))
    assert refused(ann.api.get("/tasks?limit=9"))


def test_refusals_are_counted_and_told_in_a_line_a_second(
    app: Flask,
    ann: Person,
    parts: Parts,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(measuring, "_tell")  # No line for each.
    row = parts.requests.row("GET", "/api/v1/tasks", "503")
    before = sum(row[:12])
    parts.overrun._told_at, parts.overrun._untold = 0.0, 0
    with no_room(app), caplog.at_level(logging.INFO):
        for limit in range(20, 30):
            assert refused(ann.api.get(f"/tasks?limit={limit}"))
    assert sum(row[:12]) == before + 10
    assert [one.getMessage() for one in caplog.records if one.name == "taskapi.overrun"] == [
        "more to do than can be done: 1 requests were told to come back"
    ]


def test_a_flood_of_writes_meets_a_full_room_and_nobody_else_does(home: Path) -> None:
    with running(home, TASKAPI_THREADS="2", TASKAPI_LIMITS="off") as server, ExitStack() as opened:
        account = {"email": new_address(), "password": PASSWORD}
        assert httpx.post(f"{server.url}/api/v1/auth/register", json=account).status_code == 202
        token = httpx.post(f"{server.url}/api/v1/auth/login", json=account).json()["access_token"]
        mine = {"Authorization": f"Bearer {token}"}
        api = opened.enter_context(httpx.Client(base_url=f"{server.url}/api/v1", headers=mine, timeout=30))
        assert api.get("/tasks").status_code == 200
        holder = opened.enter_context(sqlite3.connect(home / "taskapi.db", isolation_level=None))
        holder.execute("BEGIN IMMEDIATE")
        threads = opened.enter_context(ThreadPoolExecutor(MOST_WAITING + 40))
        flood = [
            threads.submit(
                httpx.post, f"{server.url}/api/v1/tasks", json={"title": "x"}, headers=mine, timeout=60
            )
            for _ in range(MOST_WAITING + 40)
        ]
        wait_until(lambda: any(one.done() for one in flood))
        assert api.get("/tasks").headers["X-Cache"] == "hit"
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
            plain.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert plain.recv(100).startswith(b"HTTP/1.1 200")
        holder.execute("ROLLBACK")
        statuses = [one.result().status_code for one in flood]
        assert set(statuses) == {201, 503}
        assert len(api.get("/tasks?limit=200").json()["items"]) == statuses.count(201)


def at_once(connections: list[socket.socket], asked: bytes) -> set[int]:
    """What all are answered who ask at the same moment."""
    for connection in connections:
        connection.sendall(asked)
    statuses = set()
    for connection in connections:
        answer = HTTPResponse(connection)
        answer.begin()
        answer.read()
        statuses.add(answer.status)
    return statuses


def test_a_hundred_clients_at_once_are_all_answered(home: Path) -> None:
    with running(home, TASKAPI_LIMITS="off") as server, ExitStack() as opened:
        account = {"email": new_address(), "password": PASSWORD}
        assert httpx.post(f"{server.url}/api/v1/auth/register", json=account).status_code == 202
        token = httpx.post(f"{server.url}/api/v1/auth/login", json=account).json()["access_token"]
        head = f"/api/v1/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        writes = f"POST {head}Content-Type: application/json\r\nContent-Length: 13\r\n\r\n".encode()
        writes += b'{"title":"x"}'
        reads = f"GET {head}\r\n".encode()
        connections = [
            opened.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
            for _ in range(100)  # Of more, on a busy machine, not all are answered within a second.
        ]
        for _ in range(5):
            assert at_once(connections, writes) == {201}
            assert at_once(connections, reads) == {200}

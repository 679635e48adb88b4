"""The memory is never wrong: whatever happens, a read answers what the database says now.

Random histories of two people with two devices each run against an application that keeps answers; after each
step a second application on the same database, which keeps nothing, says what is true. Reads are interrupted
by writes at the worst places. Then faults are planted, and the same histories have to find each of them.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from taskapi import asked, consistency, create_app, etags, front, http, responses
from taskapi.clock import SECOND, now, rfc3339
from taskapi.db import Session
from taskapi.epoch_map import Epochs
from taskapi.ids import new_id
from taskapi.parts import Parts
from taskapi.settings import load_settings
from tests import truth
from tests.conftest import ENGINES
from tests.people import Answer, Api, Person, make_person, set_disabled
from tests.test_front import DECODERS

DUE_STATUS = ("todo", "in_progress", "todo", "done", "todo", "done")
ZONES = ("UTC", "Asia/Tokyo", "America/New_York")
URLS = (
    "/tasks",
    "/tasks?limit=1&sort=title&count=true",
    "/tasks/{task}",
    "/tasks/{task}/history",
    "/me",
    "/stats",
    "/labels",
    "/projects",
)
PLACES = ("before the query", "after the query", "before it is kept")


@dataclass(frozen=True)
class Write:
    """Something a person does; `number` picks what and how."""

    what: str
    who: int
    number: int


@dataclass(frozen=True)
class Read:
    """A GET by one of a person's devices, with a write that comes in between, and where it does."""

    who: int
    device: int
    url: int
    encoding: str
    is_conditional: bool
    has_token: bool
    interruption: Write | None
    place: str


WRITES = (
    "create",
    "change",
    "due",
    "trash",
    "restore",
    "erase",
    "move",
    "bulk",
    "rename",
    "project",
    "name",
    "zone",
    "log out",
    "disable",
    "clock",
    "clock",
    "clock",
    "release",
)
writes = st.builds(Write, st.sampled_from(WRITES), st.integers(0, 1), st.integers(0, 5))
reads = st.builds(
    Read,
    st.integers(0, 1),
    st.integers(0, 1),
    st.integers(0, len(URLS) - 1),
    st.sampled_from(["", "gzip", "br", "zstd"]),
    st.booleans(),
    st.booleans(),
    st.none()
    | st.builds(
        Write, st.sampled_from(WRITES[: WRITES.index("clock")]), st.integers(0, 1), st.integers(0, 5)
    ),
    st.sampled_from(PLACES),
)
# Three reads for a write, because only what was kept can be wrong.
histories = st.lists(st.one_of(writes, reads, reads, reads), min_size=5, max_size=40)


class World:
    """Two people, what they were told so far, and the two applications."""

    def __init__(self, keeping: Flask, plain: Flask) -> None:
        self.keeping, self.plain = keeping, plain
        self.people = [self._newcomer() for _ in range(2)]
        self.tasks: list[list[str]] = [[], []]
        self.tokens = ["", ""]
        # What a device has of an answer, by (person, URL, encoding), as a browser keeps it.
        self.copies: dict[tuple[int, str, str], tuple[str, bytes]] = {}
        self.bytes_of: dict[tuple[int, str, str], bytes] = {}
        self.offset = 0
        # Devices whose sessions ended, not yet tried again.
        self.ended: list[tuple[int, Person]] = []

    def _newcomer(self) -> list[Person]:
        first = make_person(self.keeping)
        for number in range(30):
            first.new_task(f"Filler {number}", description="so that the list is long enough to be compressed")
        # Due at the first step of the clock, so that time alone makes an answer wrong.
        first.new_task("Soon due", due_at=rfc3339(now() + 30 * SECOND))
        return [first, first.another_session()]

    def write(self, step: Write) -> None:
        calls = self._calls(step, self.people[step.who][0].api)
        if step.what not in calls:
            self._write_otherwise(step)
            return
        answer = calls[step.what]()
        if step.what == "create" and answer.status_code == 201:
            self.tasks[step.who].append(answer.json["id"])
        if consistency.HEADER in answer.headers:
            self.tokens[step.who] = answer.headers[consistency.HEADER]

    def _calls(self, step: Write, api: Api) -> dict[str, Callable[[], Answer]]:
        """What can be done by a call; of a task that is not there it is refused, which is a step too."""
        tasks, number = self.tasks[step.who], step.number
        path = f"/tasks/{tasks[number % len(tasks)] if tasks else new_id()}"
        made = {"op": "create", "data": {"title": f"One of many {number}"}}
        renamed = {"from": "home", "to": ("Home", "work")[number % 2]}
        due = {"due_at": rfc3339(now() + (number - 2) * 61 * SECOND), "status": DUE_STATUS[number]}
        return {
            "create": lambda: api.post("/tasks", {"title": f"Task {number}", "labels": ["home"]}),
            "change": lambda: api.patch(path, {"title": f"Changed {number}"}),
            "due": lambda: api.patch(path, due),
            "trash": lambda: api.delete(path),
            "erase": lambda: api.delete(f"{path}?permanent=true"),
            "move": lambda: api.patch(path, {"position": {"after": tasks[0] if tasks else new_id()}}),
            "bulk": lambda: api.post("/tasks/bulk", {"operations": [made, made]}),
            "restore": lambda: api.post(f"{path}/restore"),
            "rename": lambda: api.post("/labels/rename", renamed),
            "project": lambda: api.post("/projects", {"name": f"Project {number}"}),
            "name": lambda: api.patch("/me", {"name": f"Name {number}"}),
            "zone": lambda: api.patch("/me", {"timezone": ZONES[number % len(ZONES)]}),
        }

    def _write_otherwise(self, step: Write) -> None:
        devices = self.people[step.who]
        if step.what == "log out":
            left = devices[step.number % 2]
            left.api.post("/auth/logout")
            self.ended.append((step.who, left))
            devices[step.number % 2] = left.another_session()
        elif step.what == "disable":
            with devices[0].parts.database.writer() as session:
                set_disabled(session, devices[0].email, disabled=True)
                set_disabled(session, devices[0].email, disabled=False)
            self.ended += [(step.who, device) for device in devices]
            self.people[step.who] = [devices[0].another_session(), devices[0].another_session()]
        elif step.what == "clock":
            self._stats_are_true(step.who)
            self.offset += (step.number - 2) * 61 * SECOND
            self._stats_are_true(step.who)
        elif step.what == "release":
            etags.REPRESENTATION += 1
            asked.REPRESENTATION = etags.REPRESENTATION  # type: ignore[attr-defined]
            for (who, url, encoding), copy in list(self.copies.items()):
                self._reread(who, url, encoding, {"If-None-Match": copy[0]}, copy)

    def _reread(self, who: int, url: str, encoding: str, asked: dict[str, str], copy: Any) -> None:
        """What is told now, with nothing in between."""
        person = self.people[who][0]
        truth = self._truth(person, url)
        answer = person.api.get(url, headers=asked | {"Accept-Encoding": encoding})
        self._compare(who, url, encoding, answer, [truth], copy)

    def read(self, step: Read) -> None:
        person = self.people[step.who][step.device]
        task = self.tasks[step.who][-1] if self.tasks[step.who] else person.id
        url = URLS[step.url].format(task=task)
        before = self._truth(person, url)
        copy = self.copies.get((step.who, url, step.encoding))
        wanted = {"Accept-Encoding": step.encoding}
        if step.is_conditional and copy is not None:
            wanted["If-None-Match"] = copy[0]
        if step.has_token and self.tokens[step.who]:
            wanted[consistency.HEADER] = self.tokens[step.who]
        with self._interrupted(step):
            answer = person.api.get(url, headers=wanted)
        after = self._truth(person, url)
        assert step.interruption is not None or before == after
        # Who was let in before their session ended may read what was written with its end.
        meanwhile = self._truth(self.people[step.who][0], url)
        self._compare(step.who, url, step.encoding, answer, [before, after, meanwhile], copy)
        # What was kept of an interrupted read would be told now; and other encodings say the same.
        for encoding in (step.encoding, "gzip", "br"):
            again = person.api.get(url, headers={"Accept-Encoding": encoding})
            self._compare(step.who, url, encoding, again, [after], copy)
        self._ended_are_refused()

    def _stats_are_true(self, who: int) -> None:
        """What depends on the time has to be right before and after the clock goes on, or back."""
        person = self.people[who][0]
        answer = person.api.get("/stats")
        assert (answer.status_code, answer.data) == self._truth(person, "/stats")

    def _ended_are_refused(self) -> None:
        while self.ended:
            who, device = self.ended.pop()
            task = self.tasks[who][-1] if self.tasks[who] else device.id
            for url in URLS:
                for encoding in DECODERS:
                    wanted = {"Accept-Encoding": encoding}
                    answer = device.api.get(url.format(task=task), headers=wanted)
                    assert answer.status_code == 401, (url, encoding)

    def _truth(self, person: Person, url: str) -> tuple[int, bytes]:
        answer = replace(person.api, app=self.plain).get(url)
        body = answer.data if answer.status_code == 200 else b""
        return answer.status_code, body

    def _compare(
        self,
        who: int,
        url: str,
        encoding: str,
        answer: Answer,
        truths: list[tuple[int, bytes]],
        copy: tuple[str, bytes] | None,
    ) -> None:
        told = (answer.status_code, b"")
        if answer.status_code == 304:
            assert copy is not None
            told = (200, copy[1])
        elif answer.status_code == 200:
            body = DECODERS[answer.headers.get("Content-Encoding", "")](answer.data)
            told = (200, body)
            same = self.bytes_of.setdefault((who, url, answer.etag), answer.data)
            assert same == answer.data, "a strong tag stands for the very same bytes"
            self.copies[who, url, encoding] = (answer.etag, body)
        assert told in truths, (who, url, encoding, told, truths)

    @contextmanager
    def _interrupted(self, step: Read) -> Iterator[None]:
        """Let the interruption happen at its place, once, in another thread."""
        pending = [step.interruption] if step.interruption is not None else []

        def interrupt(place: str) -> None:
            if pending and place == step.place:
                write = pending.pop()
                if write.number < 5:
                    write = replace(write, who=step.who)
                with ThreadPoolExecutor(1) as another:
                    another.submit(self.write, write).result(30)

        def around(real: Callable[..., Any]) -> Callable[..., Any]:
            def run(session: Session, statement: Any, **parameters: Any) -> Any:
                is_data = "under" in str(statement)
                if is_data:
                    interrupt("before the query")
                found = real(session, statement, **parameters)
                if is_data:
                    interrupt("after the query")
                return found

            return run

        put = responses.Store.put

        def putting(store: responses.Store, key: object, entry: responses.Entry) -> None:
            interrupt("before it is kept")
            put(store, key, entry)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Session, "row", around(Session.row))
            patch.setattr(Session, "rows", around(Session.rows))
            patch.setattr(responses.Store, "put", putting)
            yield


@dataclass(frozen=True)
class Pair:
    keeping: Flask
    plain: Flask


def _plain_twin(app: Flask) -> Flask:
    """An application on the same database and keys that keeps no answer and believes no epoch."""
    parts: Parts = app.extensions["taskapi"]
    given = {"TASKAPI_HOME": parts.settings.home, "TASKAPI_LIMITS": "off", "TASKAPI_CACHE_MB": 0}
    if parts.settings.database_url is not None:
        given["DATABASE_URL"] = parts.settings.database_url.get_secret_value()
    twin = create_app(load_settings(**given))
    twin.extensions["taskapi"].epochs.believed_until = float("-inf")
    return twin


@pytest.fixture(scope="module", params=ENGINES)
def pair(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Iterator[Pair]:
    keeping = make_app(request.param)
    twin = _plain_twin(keeping)
    yield Pair(keeping, twin)
    twin.extensions["taskapi"].database.close()


def _dumps_of_release(data: Any) -> bytes:
    """JSON as each release writes it: with one more field, so that a tag of the last one is wrong."""
    if isinstance(data, dict) and etags.REPRESENTATION > 1 and "status" not in data:
        data = data | {f"new_in_{etags.REPRESENTATION}": True}
    return orjson.dumps(data)


def _run(pair: Pair, steps: list[Write | Read]) -> None:
    representation = etags.REPRESENTATION
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "orjson", SimpleNamespace(dumps=_dumps_of_release, Fragment=orjson.Fragment))
        # These are answers of releases to come, which no document describes yet.
        patch.setattr(truth, "check", lambda *_: None)
        world = World(pair.keeping, pair.plain)
        frozen = now()
        patch.setattr(
            "taskapi.clock.time", SimpleNamespace(time_ns=lambda: (frozen + world.offset) * 1_000_000)
        )
        try:
            for step in steps:
                if isinstance(step, Read):
                    world.read(step)
                else:
                    world.write(step)
        finally:
            etags.REPRESENTATION = representation
            asked.REPRESENTATION = representation  # type: ignore[attr-defined]


def _checked(pair: Pair, examples: int, phases: tuple[Phase, ...] = tuple(Phase)) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    @given(histories)
    def every_read_is_true(steps: list[Write | Read]) -> None:
        _run(pair, steps)

    every_read_is_true()


def test_no_history_makes_a_read_older_than_the_database(pair: Pair) -> None:
    _checked(pair, 12)


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_three_hundred_histories_make_no_read_older_than_the_database(pair: Pair) -> None:
    _checked(pair, 300)


def _key_without_token(environ: Mapping[str, Any]) -> object:
    return environ["PATH_INFO"], environ["QUERY_STRING"], environ.get("HTTP_ACCEPT_ENCODING")


@dataclass(frozen=True)
class Fault:
    """Something done wrong: what is patched, and with what."""

    name: str
    patches: tuple[tuple[Any, str, Any], ...] = field(repr=False)


def _epoch_after_data(parts: Parts) -> Callable[..., Any]:
    real = front._entry_of

    def entry_of(*arguments: Any) -> Any:
        entry = real(*arguments)
        if entry is not None:
            entry.values = tuple(parts.epochs.current(*entry.keys))
        return entry

    return entry_of


def _faults(parts: Parts) -> list[Fault]:
    tag_of = etags.etag_of
    standing = responses.life_of

    def without_caller(rule: Any, basis: Any) -> Any:
        return standing(rule, replace(basis, caller={}))

    def without_end(rule: Any, basis: Any) -> Any:
        return standing(rule, replace(basis, until=1 << 60))

    def without_release(*parts_of_tag: object) -> str:
        current, etags.REPRESENTATION = etags.REPRESENTATION, 1
        try:
            return tag_of(*parts_of_tag)
        finally:
            etags.REPRESENTATION = current

    return [
        Fault("a key without the token", ((asked, "_key", _key_without_token),)),
        Fault("the epoch read after the data", ((front, "_entry_of", _epoch_after_data(parts)),)),
        Fault("one strong tag for all encodings", ((etags, "in_encoding", lambda tag, _encoding: tag),)),
        Fault("a tag without the release", ((etags, "etag_of", without_release),)),
        Fault("not asking for the session and the user", ((front, "life_of", without_caller),)),
        Fault("forgetting when it ends", ((front, "life_of", without_end),)),
        Fault("not publishing", ((Epochs, "publish", lambda *_: None),)),
        Fault("never asking whether it still holds", ((Epochs, "hold", lambda *_: True),)),
    ]


FAULTS = (
    "a key without the token",
    "the epoch read after the data",
    "one strong tag for all encodings",
    "a tag without the release",
    "not asking for the session and the user",
    "forgetting when it ends",
    "not publishing",
    "never asking whether it still holds",
)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(make_app: Callable[..., Flask], name: str) -> None:
    keeping = make_app("sqlite")
    twin = _plain_twin(keeping)
    (fault,) = [one for one in _faults(keeping.extensions["taskapi"]) if one.name == name]
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for where, what, wrong in fault.patches:
            patch.setattr(where, what, wrong)
        with pytest.raises(AssertionError):
            _checked(Pair(keeping, twin), 200, (Phase.generate,))
    twin.extensions["taskapi"].database.close()

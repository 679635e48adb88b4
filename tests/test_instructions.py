"""What a request costs, in instructions of Python: no more than 5 % above what the changelog says.

Time differs from machine to machine and from run to run; how many instructions an interpreter carries out
for a hit, a miss and a write does not. Who makes one dearer says so in the changelog, where the guard
reads it.
"""

import io
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder

from taskapi.parts import Parts
from tests.people import Person, make_person

CHANGELOG = Path(__file__).parent.parent / "CHANGELOG.md"
MOST_ABOVE = 1.05
# What became so much cheaper is written down, too: else it could become dear again unseen.
MOST_BELOW = 0.90
TASKS = 50

_SAID = re.compile(
    r"Instructions a request \(Python (?P<python>3\.\d+)\):\s+"
    r"SQLite (?P<sqlite>[^;]+);\s+PostgreSQL (?P<postgresql>[^.]+)\."
)
_FIGURE = re.compile(r"(hit|miss|write)\s+([\d,]+)")


def said() -> tuple[str, dict[str, dict[str, int]]]:
    """The newest figures of the changelog: the version of Python, and by engine and kind the instructions."""
    found = _SAID.search(CHANGELOG.read_text())
    assert found is not None, "CHANGELOG.md does not say what a request costs"
    return found["python"], {
        engine: {kind: int(figure.replace(",", "")) for kind, figure in _FIGURE.findall(found[engine])}
        for engine in ("sqlite", "postgresql")
    }


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many instructions this thread carries out inside, in a list of one."""
    total = [0]

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        if event == "opcode":
            total[0] += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield total
    finally:
        sys.settrace(before)


class Requests:
    """Requests of one person straight to an application, none of which another thread has a part in."""

    def __init__(self, app: Flask, person: Person) -> None:
        self._app = app
        self._token = person.api.token
        self._limits = count(TASKS)

    def cost(self, method: str, path: str, status: str, **sent: Any) -> int:
        headers = {"Authorization": f"Bearer {self._token}", **sent.pop("headers", {})}
        environ = EnvironBuilder(path, method=method, headers=headers, **sent).get_environ()
        environ["wsgi.errors"] = io.StringIO()
        seen: list[str] = []

        def start(answered: str, _headers: Any, _error: Any = None) -> Callable[[bytes], object]:
            seen.append(answered)
            return lambda _: None

        with counted() as total:
            body = self._app.wsgi_app(environ, start)
            for _ in body:
                pass
        assert seen[0].startswith(status), seen
        return total[0]

    def hit(self) -> int:
        return self.cost("GET", f"/api/v1/tasks?limit={TASKS}", "200")

    def miss(self) -> int:
        """A page that nobody asked for before, of as many tasks as any."""
        return self.cost("GET", f"/api/v1/tasks?limit={next(self._limits) + 1}", "200")

    def write(self) -> int:
        return self.cost(
            "POST",
            "/api/v1/tasks",
            "201",
            json={"title": "Buy milk", "priority": "high", "labels": ["home"]},
            headers={"Idempotency-Key": str(uuid4())},
        )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def requests(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> tuple[str, Requests]:
    app = make_app(request.param)
    parts: Parts = app.extensions["taskapi"]
    # As where a channel proves that all is heard.
    parts.epochs.believed_until = float("inf")
    person = make_person(app)
    for number in range(TASKS):
        person.new_task(f"Task {number}")
    return request.param, Requests(app, person)


@pytest.mark.parametrize("kind", ["hit", "miss", "write"])
def test_a_request_costs_what_the_changelog_says(requests: tuple[str, Requests], kind: str) -> None:
    engine, made = requests
    python, figures = said()
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if here != python:
        pytest.skip(f"the figures are those of Python {python}, this is {here}")
    cost: Callable[[], int] = getattr(made, kind)
    # The first ones learn the words of statements, and what may be kept.
    found = min(cost() for _ in range(12))
    listed = figures[engine][kind]
    news = f"a {kind} on {engine} takes {found:,} instructions; the changelog says {listed:,}"
    assert found <= listed * MOST_ABOVE, f"{news}: make it cheaper, or write there why it is worth it"
    assert found >= listed * MOST_BELOW, f"{news}: write the new figure there"

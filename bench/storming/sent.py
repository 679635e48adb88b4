"""What is sent: readers drawn as in bench/models/crowd.lua, misses, and people who log in."""

import random
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice

import orjson
from sqlalchemy import text

from bench.crowd import Crowd
from bench.open_loop import Shot, moments
from taskapi.passwords import PasswordHashing

# As many of the people read, so that a run has them all in memory once, in seconds.
READERS = 500
PASSWORD = "a long pass phrase"  # noqa: S105 - of people who live for minutes on loopback
# Of a hundred reads, up to which number it is this path.
PATHS = (
    (40, "/api/v1/tasks?limit=20"),
    (55, "/api/v1/tasks?limit=20&status=todo"),
    (80, "/api/v1/tasks/{task}"),
    (90, "/api/v1/stats"),
    (100, "/api/v1/me"),
)
# Of misses. Longer ones have the same 40 tasks, and are other paths.
_LENGTHS = range(15, 81)
_FILTERS = ("", "&status=todo", "&status=in_progress", "&status=done")
# So many are dealt to a closed loop that looks for the peak.
SHARE = 4000

Phases = Sequence[tuple[float, float]]


def get(path: str, token: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


class Readers:
    """People drawn by Zipf's law, who only read."""

    def __init__(self, crowd: Crowd, tokens: Sequence[str]) -> None:
        people = list(zip(tokens, crowd.members, strict=True))[:READERS]
        self.all = [
            [get(path.format(task=member.tasks[0]), token) for _, path in PATHS] for token, member in people
        ]
        self._sums = list(accumulate(1 / number for number in range(1, len(people) + 1)))

    def shots(self, phases: Phases) -> list[Shot]:
        chance = random.Random(1)
        due = list(moments(phases))
        whose = chance.choices(self.all, cum_weights=self._sums, k=len(due))
        which = chance.choices(range(len(PATHS)), cum_weights=[most for most, _ in PATHS], k=len(due))
        return [Shot(at, paths[one], "read") for at, paths, one in zip(due, whose, which, strict=True)]

    def each_once(self, rate: float) -> list[Shot]:
        """Everything they ever ask for."""
        requests = [request for paths in self.all for request in paths]
        return [
            Shot(at, one) for at, one in zip(moments([(rate, len(requests) / rate)]), requests, strict=False)
        ]


def pages() -> Iterator[tuple[int, str]]:
    """Whose list, by number, and its path: each once, in a random order."""
    drawn = [
        (person, f"/api/v1/tasks?limit={length}{only}")
        for person in range(READERS)
        for length in _LENGTHS
        for only in _FILTERS
    ]
    random.Random(2).shuffle(drawn)
    return iter(drawn)


def misses(never_asked: Iterator[tuple[int, str]], tokens: Sequence[str], phases: Phases) -> list[Shot]:
    """Requests that no memory of answers helps with. Raises ValueError where no more are left."""
    due = list(moments(phases))
    drawn = list(islice(never_asked, len(due)))
    return [
        Shot(at, get(path, tokens[person]), "miss") for at, (person, path) in zip(due, drawn, strict=True)
    ]


def addresses(crowd: Crowd) -> list[str]:
    """Give everybody a password; the addresses to log in with."""
    known = PasswordHashing().hash(PASSWORD)
    with crowd.parts.database.writer() as session:
        session.run(text("UPDATE users SET password_hash = :known"), {"known": known})
    with crowd.parts.database.reader() as session:
        return [row.email for row in session.rows(text("SELECT email FROM users ORDER BY id"))]


def log_ins(addresses: Iterator[str], phases: Phases, after: float) -> list[Shot]:
    """Each of another person, from `after` seconds on."""
    return [Shot(after + at, _log_in(next(addresses)), "log-in") for at in moments(phases)]


def _log_in(address: str) -> bytes:
    body = orjson.dumps({"email": address, "password": PASSWORD})
    head = (
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body

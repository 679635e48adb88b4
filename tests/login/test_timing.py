"""Nobody learns from an answer, or from its time, whether an address has an account."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest

from tests.people import Api, Person, new_address
from tests.servers import running

SAME = {"X-Request-ID": "the-same"}
GUESS = "a guess that nobody made"

Post = Callable[[str, dict[str, str]], tuple[Any, ...]]


@dataclass
class Samples:
    """What was answered for known and unknown addresses, and how long it took."""

    answers: set[tuple[Any, ...]] = field(default_factory=set)
    seconds: dict[bool, list[float]] = field(default_factory=lambda: {True: [], False: []})

    @property
    def medians(self) -> tuple[float, float]:
        """In milliseconds, of known and of unknown addresses."""
        return median(self.seconds[True]) * 1000, median(self.seconds[False]) * 1000


def body_for(path: str, email: str) -> dict[str, str]:
    asks_for_password = path in {"/auth/login", "/auth/register"}
    return {"email": email} | ({"password": GUESS} if asks_for_password else {})


def sample(post: Post, path: str, known: str, of_each: int, seed: int = 7) -> Samples:
    """Asks in random order, for one known address and each time another unknown one."""
    order = [True, False] * of_each
    random.Random(seed).shuffle(order)
    samples = Samples()
    for is_known in order:
        body = body_for(path, known if is_known else new_address())
        began = time.perf_counter()
        answer = post(path, body)
        samples.seconds[is_known].append(time.perf_counter() - began)
        samples.answers.add(answer)
    return samples


PATHS = ["/auth/login", "/auth/register", "/auth/password/forgot", "/auth/email/resend"]


@pytest.mark.parametrize("path", PATHS)
def test_answers_are_equal_byte_for_byte_for_known_and_unknown_addresses(ann: Person, path: str) -> None:
    def post(path: str, body: dict[str, str]) -> tuple[Any, ...]:
        answer = Api(ann.app).post(path, body, headers=SAME)
        return answer.status_code, answer.data, tuple(answer.headers)

    samples = sample(post, path, ann.email, of_each=5)
    ((status, _, _),) = samples.answers
    assert status == (401 if path == "/auth/login" else 202)


@pytest.mark.prove
@pytest.mark.parametrize("path", PATHS)
def test_answers_take_as_long_for_known_as_for_unknown_addresses(home: Path, path: str) -> None:
    with (
        running(home, TASKAPI_LIMITS="off") as server,
        httpx.Client(base_url=f"{server.url}/api/v1", headers=SAME, timeout=30) as client,
    ):
        known = new_address()
        client.post("/auth/register", json=body_for("/auth/register", known) | {"password": GUESS[::-1]})

        def post(path: str, body: dict[str, str]) -> tuple[Any, ...]:
            answer = client.post(path, json=body)
            headers = [(name, value) for name, value in answer.headers.items() if name != "date"]
            return answer.status_code, answer.content, tuple(headers)

        sample(post, path, known, of_each=20)  # Until everything is loaded and connected.
        samples = sample(post, path, known, of_each=1000)
    of_known, of_unknown = samples.medians
    print(  # noqa: T201 - a proof prints its figures
        f"\n{path}: median {of_known:.2f} ms known, {of_unknown:.2f} ms unknown,"
        f" {abs(of_known - of_unknown):.2f} ms apart"
    )
    ((status, *_),) = samples.answers
    assert status == (401 if path == "/auth/login" else 202)
    assert abs(of_known - of_unknown) <= 2

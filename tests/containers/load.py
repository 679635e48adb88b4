"""So many requests a second over connections that are kept: who fails, and what was acknowledged."""

import itertools
import random
import threading
import time
from collections import Counter
from typing import Any, Self

import httpx

from tests.containers.box import Box
from tests.people import PASSWORD

_TOKEN_SECONDS = 480.0


class Person:
    """Somebody with an account; each of the threads is one."""

    def __init__(self, box: Box, number: int) -> None:
        self.client = box.client()
        self.email = f"person-{number}-{random.getrandbits(32):08x}@example.test"
        self.titles: set[str] = set()
        self._me = {"email": self.email, "password": PASSWORD}
        self._since = 0.0
        assert self.client.post("/api/v1/auth/register", json=self._me).status_code == 202
        self.log_in_in_time()

    def log_in_in_time(self) -> None:
        """Before the access token expires, which holds for ten minutes."""
        if self._since and time.monotonic() - self._since < _TOKEN_SECONDS:
            return
        answer = self.client.post("/api/v1/auth/login", json=self._me)
        assert answer.status_code == 200, answer.text
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self._since = time.monotonic()

    def moves_to(self, client: httpx.Client) -> None:
        """Log in where that client leads."""
        self.client, self._since = client, 0.0
        self.log_in_in_time()

    def found(self) -> list[str]:
        """The titles of all their tasks, trashed ones left out."""
        titles: list[str] = []
        cursor = ""
        while True:
            page = self.client.get(f"/api/v1/tasks?limit=200{cursor}").json()
            titles += [task["title"] for task in page["items"]]
            if page["next_cursor"] is None:
                return titles
            cursor = f"&cursor={page['next_cursor']}"


class Load:
    """100 requests a second, a third of them writes, while something happens."""

    def __init__(self, box: Box, rate: float = 100, people: int = 8, *, mails: bool = True) -> None:
        self.answers: Counter[str] = Counter()
        self.failed: list[str] = []
        self.mails = 0
        self.slowest = 0.0
        self.again = 0
        self._mails = mails
        # An nginx before 1.27.4 that is told of other instances closes connections just when they are used
        # again; programs then send again, as the protocol has it (RFC 9112, section 9.3.1).
        self._forgiving = box.nginx_version() < (1, 27, 4)
        self._pause = people / rate
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.people = [Person(box, number) for number in range(people)]
        self._threads = [threading.Thread(target=self._live, args=(one,)) for one in self.people]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _live(self, person: Person) -> None:
        due = time.monotonic() + random.random() * self._pause
        last: dict[str, Any] = {}
        for number in itertools.count():
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            person.log_in_in_time()
            due = max(due + self._pause, time.monotonic() - 1)
            self._ask(person, number, last)

    def _ask(self, person: Person, number: int, last: dict[str, Any]) -> None:
        """Mostly reads; a task made, changed in two ways and deleted; and now and then a mail."""
        began = time.monotonic()
        title = f"Task {number} of {person.email}"
        kind = number % 12
        try:
            if kind == 0:
                answer = self._send(person, "POST", "/api/v1/tasks", {"title": title})
                if answer.status_code == 201:
                    person.titles.add(title)
                    last["url"] = answer.headers["Location"]
            elif kind == 2 and last:
                answer = self._send(person, "PATCH", last["url"], {"priority": "high"})
            elif kind == 4 and last:
                answer = self._send(person, "GET", last["url"])
                if answer.status_code == 200:
                    whole = {"title": answer.json()["title"], "status": "done"}
                    answer = self._send(person, "PUT", last["url"], whole)
            elif kind == 6:
                answer = self._send(person, "POST", "/api/v1/tasks", {"title": "To be deleted"})
                if answer.status_code == 201:
                    answer = self._send(person, "DELETE", answer.headers["Location"])
            elif kind == 8 and self._mails:
                answer = self._send(person, "POST", "/api/v1/auth/password/forgot", {"email": person.email})
                with self._lock:
                    self.mails += answer.status_code == 202
            else:
                answer = self._send(person, "GET", "/api/v1/tasks?limit=20")
        except httpx.HTTPError as error:
            self._note(f"{kind}: {type(error).__name__}: {error}", time.monotonic() - began, is_failure=True)
            return
        fine = answer.status_code < 400
        what = f"{answer.request.method} {answer.status_code}"
        self._note(
            what if fine else f"{what} {answer.text[:200]}", time.monotonic() - began, is_failure=not fine
        )

    def _send(
        self, person: Person, method: str, url: str, body: dict[str, Any] | None = None
    ) -> httpx.Response:
        """With a key for what may not be done twice; again where a kept connection was just closed."""
        headers = {} if method == "GET" else {"Idempotency-Key": f"{random.getrandbits(128):032x}"}
        try:
            return person.client.request(method, url, json=body, headers=headers)
        except httpx.RemoteProtocolError:
            if not self._forgiving:
                raise
            with self._lock:
                self.again += 1
            return person.client.request(method, url, json=body, headers=headers)

    def _note(self, what: str, seconds: float, *, is_failure: bool) -> None:
        with self._lock:
            self.answers[what] += 1
            self.slowest = max(self.slowest, seconds)
            if is_failure:
                self.failed.append(what)

    def lost(self) -> set[str]:
        """Acknowledged tasks that are not there, each of which should be there once."""
        missing: set[str] = set()
        for person in self.people:
            found = Counter(person.found())
            missing |= {title for title in person.titles if found[title] != 1}
        return missing

    def __str__(self) -> str:
        many, failed = sum(self.answers.values()), len(self.failed)
        return f"{many} requests, {failed} failed, {self.again} sent again, the slowest {self.slowest:.2f} s"

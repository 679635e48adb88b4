"""Every committed mail arrives, whenever the server dies and whatever the mail host refuses for now.

A double has the Message-ID of its first copy, and that one was the last of its connection: the server died
after the host had taken it and before it was marked.
"""

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from taskapi import create_app, schema
from taskapi.jobs import OutboxRow
from taskapi.parts import Parts
from taskapi.settings import load_settings
from tests.conftest import ENGINES
from tests.mail_hosts import MailHost, mail_host
from tests.people import Person, make_person
from tests.servers import Server, clean_environment, free_port, running
from tests.test_serving import wait_until

ROOT = Path(__file__).parent.parent.parent
# Nobody asks for more while so many wait: a storm of kills is then one of as many mails as it says.
WAITING = 30


class Moody:
    """A host's answers: a tenth of what it is offered it refuses for now, but one mail at most twice."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.refused: Counter[str] = Counter()

    def __call__(self, step: str, what: Any) -> str | None:
        if step != "DATA" or self._chance.random() >= 0.1:
            return None
        job = str(message_from_bytes(what)["Message-ID"])
        if self.refused[job] == 2:
            return None
        self.refused[job] += 1
        return "451 not now"


@dataclass
class Askers:
    """Threads that ask for mails, and know which requests were answered: those were committed."""

    ports: list[int]
    people: list[Person]
    host: MailHost
    events: int
    acknowledged: list[str] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    # Set once it was killed often enough: until then there have to be mails.
    killed: threading.Event = field(default_factory=threading.Event)

    def ask(self, number: int) -> None:
        # Other names than those who asked this host before.
        chance = random.Random(f"{number} {len(self.host.taken)}")
        port = self.ports[number % len(self.ports)]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=10) as client:
            while len(self.acknowledged) < self.events or not self.killed.is_set():
                if len(self.acknowledged) - len(self.host.taken) > WAITING:
                    time.sleep(0.01)
                    continue
                name = f"{number}-{chance.getrandbits(64):x}"
                body = {"email": chance.choice(self.people).email}
                try:
                    answer = client.post("/auth/password/forgot", json=body, headers={"X-Request-ID": name})
                except httpx.TransportError:
                    time.sleep(0.05)
                    continue
                if answer.status_code == 202:
                    self.acknowledged.append(name)
                else:
                    self.refusals.append(answer.status_code)


class Mortal:
    """A server that dies as often as it is told to, in turn by its own hand after a 250 and by ours."""

    def __init__(self, home: Path, environment: dict[str, str], chance: random.Random) -> None:
        self.port = free_port()
        self._home, self._environment, self._chance = home, environment, chance

    def live(self, host: MailHost, mails: int, last: bool) -> Server:
        """A life of so many mails; the last one goes on."""
        by_itself = self._chance.random() < 0.5
        server = self._start(0 if last or not by_itself else mails)
        server.wait_until_ready()
        begun = len(host.taken)
        while not last and server.process.poll() is None:
            if not by_itself and len(host.taken) - begun >= mails:
                server.process.kill()
            time.sleep(0.001 * self._chance.random())
        return server

    def _start(self, crash_after: int) -> Server:
        log = self._home.parent / f"{self._home.name}.{self.port}.log"
        settings = {"TASKAPI_HOME": str(self._home), "TASKAPI_LIMITS": "off", **self._environment}
        with log.open("a") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.mailing_server", "serve", "--port", str(self.port)],
                env=clean_environment(**settings, CRASH_AFTER=str(crash_after)),
                cwd=ROOT,
                stdout=output,
                stderr=output,
                text=True,
            )
        return Server(process, self.port, log)


def prepared(home: Path, environment: dict[str, str]) -> tuple[Parts, list[Person]]:
    app = create_app(load_settings(TASKAPI_HOME=home, **environment))
    parts: Parts = app.extensions["taskapi"]
    schema.migrate(parts.database)
    return parts, [make_person(app) for _ in range(10)]


def undone(parts: Parts) -> int:
    with parts.database.reader() as session:
        statement = select(func.count()).where(OutboxRow.done_at.is_(None), OutboxRow.kind.like("mail.%"))
        return int(session.value(statement))


def committed(parts: Parts) -> dict[str, str]:
    """The Message-IDs of what was committed, by the request's name."""
    with parts.database.reader() as session:
        rows = session.rows(select(OutboxRow.__table__).where(OutboxRow.kind.like("mail.%")))
    domain = parts.settings.mail_domain
    return {row.request_id: f"<{row.id}@{domain}>" for row in rows}


def stormed(home: Path, environment: dict[str, str], events: int, kills: int) -> str:
    """So many events on a server that is killed so often; what was found, after all was checked."""
    home.mkdir()
    chance, moody = random.Random(events), Moody(kills)
    with mail_host(moody) as host:
        environment = environment | {"SMTP_URL": f"smtp://127.0.0.1:{host.port}"}
        parts, people = prepared(home, environment)
        mortal = Mortal(home, environment, chance)
        askers = Askers([mortal.port], people, host, events)
        threads = [threading.Thread(target=askers.ask, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        a_life = max(1, events // (kills + 1))
        for _ in range(kills):
            mortal.live(host, chance.randint(1, 2 * a_life - 1), last=False)
        askers.killed.set()
        server = mortal.live(host, 0, last=True)
        try:
            for thread in threads:
                thread.join()
            until = time.monotonic() + 120
            while undone(parts) and time.monotonic() < until:
                time.sleep(0.1)
            assert server.stop() == 0
        finally:
            if server.process.poll() is None:
                server.kill()
        assert undone(parts) == 0
        sent = committed(parts)
        parts.database.close()
    assert askers.refusals == []
    return checked(host, moody, askers, sent)


def checked(host: MailHost, moody: Moody, askers: Askers, sent: dict[str, str]) -> str:
    lost = [name for name in askers.acknowledged if name not in sent]
    assert lost == [], "acknowledged and not there"
    copies = Counter(host.ids())
    assert copies.keys() == set(sent.values()), "what was committed arrived, and nothing else"
    last_of = {one.connection: index for index, one in enumerate(host.taken)}
    seen: dict[str, list[int]] = {}
    for index, one in enumerate(host.taken):
        seen.setdefault(one.id, []).append(index)
    for indexes in seen.values():
        for earlier in indexes[:-1]:
            assert last_of[host.taken[earlier].connection] == earlier, "sent again though it was marked"
        contents = {host.taken[index].content for index in indexes}
        assert len(contents) == 1, "the copies of a mail are one mail"
    doubles = sum(copies.values()) - len(copies)
    refused = sum(moody.refused.values())
    return (
        f"{len(sent)} committed, {len(askers.acknowledged)} of them acknowledged, {refused} refusals:"
        f" {len(copies)} arrived, {doubles} twice, 0 lost"
    )


@pytest.fixture(params=ENGINES)
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "sqlite":
        return {}
    new_database: Callable[[], str] = request.getfixturevalue("new_database")
    return {"DATABASE_URL": new_database()}


def test_every_committed_mail_arrives_though_the_server_is_killed(home: Path) -> None:
    stormed(home, {}, events=100, kills=2)


def test_a_server_that_is_told_to_stop_marks_the_mail_in_hand(home: Path) -> None:
    """The host takes its time over the first mail, and the server is stopped meanwhile."""
    with mail_host(lambda step, _: time.sleep(1) if step == "DATA" else None) as host:
        url = f"smtp://127.0.0.1:{host.port}"
        parts, (person, *_) = prepared(home, {"SMTP_URL": url})
        with running(home, SMTP_URL=url) as server:
            for _ in range(2):
                asked = httpx.post(f"{server.url}/api/v1/auth/password/forgot", json={"email": person.email})
                assert asked.status_code == 202
            wait_until(lambda: host.offered == 1)
            assert server.stop() == 0
        assert (len(host.taken), undone(parts)) == (1, 1)
        with running(home, SMTP_URL=url):
            wait_until(lambda: undone(parts) == 0)
        assert len(set(host.ids())) == len(host.ids()) == 2
        parts.database.close()


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kills", [10, 100])
def test_a_thousand_mails_arrive_through_many_kills(
    home: Path, environment: dict[str, str], kills: int
) -> None:
    found = stormed(home, environment, events=1000, kills=kills)
    engine = "PostgreSQL" if environment else "SQLite"
    print(f"\n{engine}, {kills} kills: {found}")  # noqa: T201 - a proof prints its figures

"""APIs, workers, schedulers and a broker that die at any moment: each committed mail arrives."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from taskapi.keys import new_secret_key, new_signing_key
from taskapi.parts import Parts
from tests.chaos.fleets import EACH, KINDS, Fleet, fleet
from tests.chaos.instances import RedisServer, redis_server
from tests.chaos.test_mail_kills import Askers, Moody, checked, committed, prepared, undone
from tests.mail_hosts import MailHost, mail_host
from tests.people import Person
from tests.servers import command


@dataclass(frozen=True)
class Working:
    fleet: Fleet
    broker: RedisServer
    host: MailHost
    moody: Moody
    parts: Parts
    people: list[Person]

    def asked(self, mails: int, meanwhile: Callable[[], None]) -> Askers:
        """Ask both APIs for so many mails, while something happens, and until all are done."""
        askers = Askers(self.fleet.ports, self.people, self.host, mails)
        threads = [threading.Thread(target=askers.ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        meanwhile()
        askers.killed.set()
        for thread in threads:
            thread.join()
        return askers

    def seconds_until_done(self) -> float:
        began = time.monotonic()
        while undone(self.parts):
            assert time.monotonic() - began < 120, self.fleet.log("worker")[-3000:]
            time.sleep(0.1)
        return time.monotonic() - began


@contextmanager
def working(home: Path, database_url: str, seed: int, schedulers: int = EACH) -> Iterator[Working]:
    moody = Moody(seed)
    with redis_server() as cache, redis_server() as broker, mail_host(moody) as host:
        environment = {
            "DATABASE_URL": database_url,
            "REDIS_URL": cache.url,
            "REDIS_JOBS_URL": broker.url,
            "SMTP_URL": f"smtp://127.0.0.1:{host.port}",
            "TASKAPI_SIGNING_KEY": new_signing_key(),
            "TASKAPI_SECRET_KEY": new_secret_key(),
        }
        parts, people = prepared(home, environment)
        try:
            with fleet(home, environment, schedulers) as made:
                yield Working(made, broker, host, moody, parts, people)
        finally:
            parts.database.close()


def _storm(working: Working, mails: int, kills: int, seed: int, pause: float = 1.0) -> str:
    """So many mails, while each kind is killed so often and the broker forgets everything; what was found.

    `pause` is the longest between two kills, in seconds: to start again takes two on a busy machine.
    """
    chance = random.Random(seed)

    def kill() -> None:
        for number in range(kills):
            for kind in KINDS:
                working.fleet.kill(kind, chance)
                time.sleep(chance.random() * pause)
            if number % 3 == 0:
                with working.broker.client() as client:
                    client.flushall()

    askers = working.asked(mails, kill)
    working.seconds_until_done()
    return checked(working.host, working.moody, askers, committed(working.parts))


def test_every_committed_mail_arrives_whoever_dies(new_database: Callable[[], str], tmp_path: Path) -> None:
    with working(tmp_path, new_database(), seed=1) as all_of_it:
        print(f"\n{_storm(all_of_it, 300, 3, seed=1)}")  # noqa: T201 - shown by -s


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_ten_thousand_mails_arrive_in_a_storm_of_kills(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    with working(tmp_path, new_database(), seed=2) as all_of_it:
        print(f"\n{_storm(all_of_it, 10_000, 200, seed=2, pause=1.3)}")  # noqa: T201 - a proof prints its figures


def test_without_a_broker_writes_go_on_and_all_is_done_once_it_is_back(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    with working(tmp_path, new_database(), seed=3) as all_of_it:
        # All have connections to the broker that are good, and will not be.
        before = all_of_it.asked(10, lambda: None)
        all_of_it.seconds_until_done()
        all_of_it.broker.stop()

        def come_back() -> None:
            time.sleep(5)
            all_of_it.broker.start()

        askers = all_of_it.asked(30, come_back)
        took = all_of_it.seconds_until_done()
        assert took <= 60
        assert all_of_it.fleet.is_whole(), "somebody did not outlive the broker"
        for kind in ("worker", "scheduler"):
            assert command("probe", kind, home=all_of_it.fleet.home_of(kind, 0)).stdout == f"{kind}: well\n"
        askers.acknowledged += before.acknowledged
        said = checked(all_of_it.host, all_of_it.moody, askers, committed(all_of_it.parts))
        print(f"\n{said}, {took:.1f} s after the broker was back")  # noqa: T201 - shown by -s

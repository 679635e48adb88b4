"""A real Prometheus asks a real service behind nginx: it counts what was asked, every panel shows it."""

import json
import math
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from taskapi.keys import new_secret_key, new_signing_key
from tests.chaos.instances import redis_server
from tests.chaos.standbys import replay_paused, standby_of
from tests.deploy.fronts import Nginx, nginx, programs
from tests.mail_hosts import mail_host
from tests.metrics.prometheus import Prometheus, program, prometheus
from tests.people import PASSWORD, new_address
from tests.servers import (
    Postgres,
    Server,
    clean_environment,
    command,
    free_port,
    start_postgres,
    start_server,
)
from tools.dashboards import DASHBOARDS

ADMIN = {"email": "root@example.test", "password": PASSWORD}
_ROOT = Path(__file__).parents[2]
# What is asked by nobody but those who look whether it lives.
_ASKED = 'api_requests_total{endpoint!~"/livez|/readyz|/health"}'


@dataclass
class Service:
    """Three instances behind nginx, a worker, a scheduler, a primary and a replica; and who asks them all."""

    primary: Postgres
    replica: Postgres
    instances: list[Server]
    metrics: list[int]
    home: Path
    settings: dict[str, str]
    front: Nginx
    prometheus: Prometheus
    # An admin's, who came before all others.
    token: str
    others: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def restart(self, number: int) -> None:
        """As an operator does it: told to end, gone by itself, started anew."""
        assert self.instances[number].stop() == 0
        port = self.instances[number].port
        self.instances[number] = start_server(
            self.home / str(number),
            port=port,
            TASKAPI_METRICS_PORT=str(self.metrics[number]),
            **self.settings,
        )
        self.instances[number].wait_until_ready()


def _refusing(mails: int) -> Callable[[str, Any], str | None]:
    """A mail host that refuses so many for now, and then none."""
    left = iter(range(mails))
    return lambda step, _: "451 not now" if step == "DATA" and next(left, None) is not None else None


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    program("prometheus")
    home = tmp_path_factory.mktemp("seen")
    with ExitStack() as opened:
        primary = start_postgres()
        opened.callback(primary.stop)
        replica = standby_of(primary)
        opened.callback(replica.stop)
        redis = opened.enter_context(redis_server())
        host = opened.enter_context(mail_host(_refusing(2)))
        settings = {
            "DATABASE_URL": primary.url(),
            "DATABASE_REPLICA_URLS": replica.url(),
            "REDIS_URL": redis.url,
            "SMTP_URL": f"smtp://127.0.0.1:{host.port}",
            "TASKAPI_VERIFY_EMAIL": "optional",
            "TASKAPI_SIGNING_KEY": new_signing_key(),
            "TASKAPI_SECRET_KEY": new_secret_key(),
            "TASKAPI_LIMITS": "create=40/hour",
            "TASKAPI_DRAIN_SECONDS": "6",
            "TASKAPI_TRUSTED_HOPS": "1",
            "TASKAPI_ADMIN_EMAIL": ADMIN["email"],
            "TASKAPI_ADMIN_PASSWORD": ADMIN["password"],
        }
        assert command("migrate", home=home / "migrate", DATABASE_URL=primary.url()).returncode == 0
        metrics = [free_port() for _ in range(5)]
        servers = []
        for number in range(3):
            port = str(metrics[number])
            server = start_server(home / str(number), port=free_port(), TASKAPI_METRICS_PORT=port, **settings)
            servers.append(server)
        # Those that are there at the end, not those that the list began with.
        opened.callback(lambda: _end(servers))
        others = []
        for name, asked_on in (("worker", metrics[3]), ("scheduler", metrics[4])):
            others.append(opened.enter_context(_running(home, name, settings, asked_on)))
        for server in servers:
            server.wait_until_ready()
        limits = dict.fromkeys(("RATE", "BURST", "AUTH_RATE", "AUTH_BURST", "CONNECTIONS"), "5000")
        front = opened.enter_context(
            nginx(programs()["from the wheel"], [server.port for server in servers], **limits)
        )
        # Before anybody counts.
        with front.client() as client:
            token = client.post("/api/v1/auth/login", json=ADMIN).json()["access_token"]
        asking = {"api": metrics[:3], "worker": [metrics[3]], "scheduler": [metrics[4]]}
        asked = opened.enter_context(prometheus(home / "prometheus", asking))
        asked.wait_for(f"sum({_ASKED}) == 1")
        yield Service(primary, replica, servers, metrics, home, settings, front, asked, token, others)


def _end(servers: list[Server]) -> None:
    for server in servers:
        server.kill()


@contextmanager
def _running(
    home: Path, name: str, settings: dict[str, str], port: int
) -> Iterator["subprocess.Popen[bytes]"]:
    given = settings | {"TASKAPI_HOME": str(home / name), "TASKAPI_METRICS_PORT": str(port)}
    with (home / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "taskapi", name],
            env=clean_environment(**given),
            cwd=_ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=40)


class Load:
    """People who read, write, mistype and come back, through nginx; and how each answer was."""

    def __init__(self, front: Nginx, people: int = 4) -> None:
        self.answers: Counter[str] = Counter()
        self.broken: list[str] = []
        self._front = front
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._live, args=(number,)) for number in range(people)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _live(self, number: int) -> None:
        chance = random.Random(number)
        account = {"email": new_address(), "password": PASSWORD}
        with self._front.client(headers={"Accept-Encoding": "gzip"}) as client:
            self._ask(client, "POST", "/auth/register", json=account)
            token = self._ask(client, "POST", "/auth/login", json=account).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            task = self._ask(client, "POST", "/tasks", json={"title": "First"}).json()["id"]
            tag = ""
            while not self._stop.wait(chance.random() * 0.05):
                what = chance.randrange(10)
                if what < 4:
                    answer = self._ask(
                        client, "GET", "/tasks?limit=20", headers={"If-None-Match": tag} if tag else {}
                    )
                    tag = answer.headers.get("ETag", tag)
                elif what == 4:
                    self._ask(client, "GET", f"/tasks/{task}")
                elif what == 5:
                    self._ask(client, "PATCH", f"/tasks/{task}", json={"title": f"{chance.random()}"})
                elif what == 6:
                    self._ask(client, "POST", "/tasks", json={"title": "One more"})
                elif what == 7:
                    self._ask(client, "GET", "/stats")
                elif what == 8:
                    self._ask(client, "GET", f"/tasks/none-{chance.random()}")
                else:
                    wrong = account | {"password": "wrong"} if chance.random() < 0.2 else account
                    self._ask(client, "POST", "/auth/login", json=wrong)

    def _ask(self, client: httpx.Client, method: str, path: str, **options: object) -> httpx.Response:
        answer = client.request(method, f"/api/v1{path}", **options)  # type: ignore[arg-type]  # passed on
        with self._lock:
            self.answers[f"{method} {answer.status_code}"] += 1
            if answer.status_code >= 500:
                self.broken.append(f"{method} {path} {answer.status_code} {answer.text[:200]}")
        return answer


def _counts_what_was_asked(service: Service, seconds: float) -> str:
    before = service.prometheus.counted(_ASKED)
    with Load(service.front) as load:
        time.sleep(seconds / 3)
        service.restart(0)
        time.sleep(seconds * 2 / 3)
    # Prometheus asks every two seconds.
    time.sleep(4.5)
    counted = service.prometheus.counted(_ASKED) - before
    total = sum(load.answers.values())
    assert not load.broken
    assert counted == total, (counted, load.answers)
    return f"{total} requests asked, {counted:.0f} counted: {dict(load.answers)}"


def test_prometheus_counts_what_was_asked_also_through_a_restart(service: Service) -> None:
    print(f"\n{_counts_what_was_asked(service, 9)}")  # noqa: T201 - shown by -s


@pytest.mark.prove
def test_in_a_minute_of_load_prometheus_counts_what_was_asked(service: Service) -> None:
    print(f"\n{_counts_what_was_asked(service, 60)}")  # noqa: T201 - a proof prints its figures


def test_every_panel_of_every_dashboard_shows_something(service: Service) -> None:
    with Load(service.front), replay_paused(service.replica):
        time.sleep(8)
    missing = []
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            for query in panel.queries:
                # A rate is known from the second sample on, a job's after it was tried.
                end = time.monotonic() + 20
                while not (found := service.prometheus.ask(query.expr)) and time.monotonic() < end:
                    time.sleep(0.5)
                if not found or all(math.isnan(value) for _, value in found):
                    missing.append((dashboard.name, panel.title, query.expr))
    assert missing == []


def test_every_instance_shows_admins_the_hour_of_all_three(service: Service) -> None:
    with service.front.client(headers={"Authorization": f"Bearer {service.token}"}) as client:
        # The load before was within the last steps; an instance that was begun anew has to come to one.
        end = time.monotonic() + 25
        while not _is_of_all(hour := _hour(client)) and time.monotonic() < end:
            time.sleep(0.5)
        assert _is_of_all(hour)
        hours = [hour, *(_hour(client) for _ in range(6))]
    # They take turns, and each began at a time of its own.
    assert len({hour["started_at"] for hour in hours}) > 1
    shown = [dict(enumerate(hour["requests"], _first_step(hour))) for hour in hours]
    # What they show is the same, where they show the same time.
    for one in shown:
        assert all(one[step] == count for step, count in shown[0].items() if step in one)


def _hour(client: httpx.Client) -> dict[str, Any]:
    hour: dict[str, Any] = client.get("/api/v1/admin/service").json()
    return hour


def _first_step(hour: dict[str, Any]) -> int:
    return int(datetime.fromisoformat(hour["first_at"]).timestamp()) // int(hour["step_seconds"])


def _is_of_all(hour: dict[str, Any]) -> bool:
    return (hour["scope"], hour["processes"]) == ("service", 3) and sum(filter(None, hour["requests"])) > 100


def test_what_goes_wrong_is_told(service: Service) -> None:
    """With what can be done wrong here; promtool has the others."""
    # What the test before did is over.
    wanted = {"TaskapiInstanceDown", "TaskapiDatabaseDown", "TaskapiReplicaAway", "TaskapiEpochsBehind"}
    end = time.monotonic() + 30
    while firing := service.prometheus.firing() & wanted:
        assert time.monotonic() < end, firing
        time.sleep(0.5)
    scheduler = service.others[1]
    scheduler.send_signal(signal.SIGSTOP)
    service.replica.control("stop", "-m", "fast", "-w")
    try:
        _wait_for_alerts(service, {"TaskapiInstanceDown", "TaskapiReplicaAway"})
    finally:
        scheduler.send_signal(signal.SIGCONT)
        service.replica.control("start", "-w", "-o", service.replica.flags)
    service.primary.control("stop", "-m", "fast", "-w")
    try:
        with service.front.client() as client:
            account = {"email": new_address(), "password": PASSWORD}
            for _ in range(20):
                client.post("/api/v1/auth/register", json=account)
        _wait_for_alerts(service, {"TaskapiDatabaseDown", "TaskapiErrorBudgetBurn", "TaskapiEpochsBehind"})
    finally:
        service.primary.control("start", "-w", "-o", service.primary.flags)


def _wait_for_alerts(service: Service, wanted: set[str], seconds: float = 60) -> None:
    seen: set[str] = set()
    end = time.monotonic() + seconds
    while not wanted <= seen:
        assert time.monotonic() < end, json.dumps(sorted(seen))
        seen |= service.prometheus.firing()
        time.sleep(0.5)

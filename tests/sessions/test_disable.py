"""`taskapi users disable` beside a running service: whoever is shut out is out within a second, for good."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from taskapi.db import Database
from taskapi.settings import load_settings
from tests.people import PASSWORD, new_address, set_disabled
from tests.servers import command, running


@pytest.fixture
def client(home: Path) -> Iterator[httpx.Client]:
    """Calls to a server of its own on SQLite."""
    with (
        running(home, TASKAPI_LIMITS="off") as server,
        httpx.Client(base_url=f"{server.url}/api/v1", timeout=30) as client,
    ):
        yield client


def log_in(client: httpx.Client, email: str) -> httpx.Response:
    return client.post("/auth/login", json={"email": email, "password": PASSWORD})


def register(client: httpx.Client) -> str:
    email = new_address()
    assert client.post("/auth/register", json={"email": email, "password": PASSWORD}).status_code == 202
    return email


def status(client: httpx.Client, token: str) -> int:
    return client.get("/tasks", headers={"Authorization": f"Bearer {token}"}).status_code


def until(reached: Callable[[], bool]) -> float:
    """The seconds until something is so; fails where it is not within half a minute."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < 30, "it did not come about"
        time.sleep(0.005)
    return time.monotonic() - began


def test_a_user_disabled_by_the_command_is_out_and_stays_out(client: httpx.Client, home: Path) -> None:
    email, other = register(client), register(client)
    grant, of_other = log_in(client, email).json(), log_in(client, other).json()["access_token"]
    token = grant["access_token"]
    assert (status(client, token), status(client, of_other)) == (200, 200)

    assert command("users", "disable", email.upper(), home=home).returncode == 0
    until(lambda: status(client, token) == 401)
    assert {status(client, token) for _ in range(50)} == {401}
    assert log_in(client, email).status_code == 401
    refresh = {"refresh_token": grant["refresh_token"]}
    assert client.post("/auth/refresh", json=refresh).status_code == 401
    assert status(client, of_other) == 200

    assert command("users", "enable", email, home=home).returncode == 0
    fresh = log_in(client, email)
    assert fresh.status_code == 200
    assert status(client, fresh.json()["access_token"]) == 200
    assert status(client, token) == 401
    assert client.post("/auth/refresh", json=refresh).status_code == 401


@pytest.mark.prove
def test_an_access_token_is_refused_within_a_second_of_its_users_end(
    client: httpx.Client, home: Path
) -> None:
    """Written by another process than the server's, as the command does, but without its start-up."""
    email = register(client)
    database = Database(load_settings(TASKAPI_HOME=home))
    took = []
    for _ in range(20):
        token = log_in(client, email).json()["access_token"]
        assert status(client, token) == 200
        # So that the writes do not keep step with how often the server looks.
        time.sleep(random.uniform(0, 0.3))
        for disabled in (True, False):
            with database.writer() as session:
                set_disabled(session, email, disabled)
            if disabled:
                took.append(until(lambda: status(client, token) == 401))  # noqa: B023 - called at once
        until(lambda: log_in(client, email).status_code == 200)
        assert status(client, token) == 401
    database.close()
    print(  # noqa: T201 - a proof prints its figures
        f"\nrefused after: median {sorted(took)[10] * 1000:.0f} ms, slowest {max(took) * 1000:.0f} ms"
    )
    assert max(took) <= 1

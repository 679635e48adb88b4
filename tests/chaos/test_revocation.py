"""Who may not come in any more is refused by every instance within a second, whatever becomes of Redis."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import httpx
import pytest

from tests.chaos.histories import client_of
from tests.chaos.test_channel import Cluster, clustered
from tests.people import PASSWORD, new_address
from tests.servers import command

# What a second is on a loaded machine that asks three instances one after the other.
_SECONDS = 1.5
_NEW_PASSWORD = "another long pass phrase"


@pytest.fixture(scope="module")
def cluster(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with clustered(tmp_path_factory.mktemp("revoking"), new_database()) as made:
        yield made


@contextmanager
def _nothing(_cluster: Cluster) -> Iterator[None]:
    yield


@contextmanager
def _redis_frozen(cluster: Cluster) -> Iterator[None]:
    with cluster.redis.frozen():
        yield


@contextmanager
def _one_cut_off(cluster: Cluster) -> Iterator[None]:
    """The second instance hears nothing of Redis, and its connections stay open."""
    cluster.wires[1].is_frozen = True
    try:
        yield
    finally:
        cluster.wires[1].is_frozen = False


@contextmanager
def _flushed(cluster: Cluster) -> Iterator[None]:
    with cluster.redis.client() as client:
        client.flushall()
    yield


def _log_in(cluster: Cluster, email: str) -> dict[str, str]:
    """Headers of a new session that every instance has answered, from memory by now."""
    with client_of(cluster.servers[0], {}) as client:
        found = client.post("/auth/login", json={"email": email, "password": PASSWORD})
        headers = {"Authorization": f"Bearer {found.json()['access_token']}"}
    for server in cluster.servers:
        with client_of(server, headers) as client:
            for _ in range(200):
                if client.get("/me").headers["X-Cache"] == "hit":
                    break
                time.sleep(0.02)
    return headers


def _registered(cluster: Cluster) -> str:
    email = new_address()
    with client_of(cluster.servers[0], {}) as client:
        made = client.post("/auth/register", json={"email": email, "password": PASSWORD})
        assert made.status_code == 202
    return email


@pytest.fixture(scope="module")
def admin(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An admin's address."""
    email, home = new_address(), tmp_path_factory.mktemp("admin")
    settings = {"DATABASE_URL": cluster.database_url, "TASKAPI_ADMIN_PASSWORD": PASSWORD}
    done = command("create-admin", "--email", email, home=home, **settings)
    assert done.returncode == 0, done.stderr
    return email


def _seconds_until(cluster: Cluster, path: str, headers: dict[str, str], status: int) -> float:
    began = time.monotonic()
    while True:
        urls = [f"{server.url}/api/v1{path}" for server in cluster.servers]
        found = {httpx.get(url, headers=headers, timeout=20).status_code for url in urls}
        if found == {status}:
            return time.monotonic() - began
        assert time.monotonic() - began < 20, found
        time.sleep(0.02)


@pytest.mark.parametrize("fault", [_nothing, _redis_frozen, _one_cut_off, _flushed])
@pytest.mark.parametrize("act", ["log-out", "password", "disable", "demote"])
def test_who_may_not_come_in_any_more_is_refused_everywhere(
    cluster: Cluster,
    admin: str,
    act: str,
    fault: Callable[[Cluster], AbstractContextManager[None]],
) -> None:
    email = _registered(cluster)
    first, second = _log_in(cluster, email), _log_in(cluster, email)
    with ExitStack() as opened:
        theirs = opened.enter_context(client_of(cluster.servers[0], first))
        admins = opened.enter_context(client_of(cluster.servers[2], _log_in(cluster, admin)))
        user = f"/admin/users/{theirs.get('/me').json()['id']}"
        path, status = ("/admin/users", 404) if act == "demote" else ("/tasks", 401)
        if act == "demote":
            assert admins.patch(user, json={"role": "admin"}).status_code == 200
            _seconds_until(cluster, path, first, 200)
        opened.enter_context(fault(cluster))
        done = {
            "log-out": lambda: theirs.post("/auth/logout"),
            "password": lambda: httpx.post(
                f"{cluster.servers[0].url}/api/v1/me/password",
                headers=second,
                json={"current_password": PASSWORD, "new_password": _NEW_PASSWORD},
                timeout=20,
            ),
            "disable": lambda: admins.patch(user, json={"disabled": True}),
            "demote": lambda: admins.patch(user, json={"role": "user"}),
        }[act]()
        assert done.is_success, done.text
        took = _seconds_until(cluster, path, first, status)
        print(f"\n{act}, {fault}: {took * 1000:.0f} ms")  # noqa: T201 - shown by -s
        assert took <= _SECONDS

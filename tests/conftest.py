"""One PostgreSQL server for all test processes, and one application on each engine for each process."""

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from flask import Flask

from taskapi import create_app, schema
from taskapi.keys import new_secret_key, new_signing_key
from taskapi.parts import Parts
from taskapi.settings import Settings, load_settings
from tests import truth
from tests.chaos.instances import redis_server
from tests.containers.through import app_of_the_box, can_be_asked
from tests.people import Api, Person, make_person
from tests.servers import Postgres, command, start_postgres

_started: list[Postgres] = []

# Where a box is that is asked in place of the applications here (tests/containers/test_suite.py).
BOX = os.environ.get("TASKAPI_TEST_BOX")
ENGINES = ("postgresql",) if BOX else ("sqlite", "postgresql")


def pytest_configure_node(node: Any) -> None:
    """Run by the process that hands tests out: its server is everybody's."""
    if not _started:
        _started.append(start_postgres())
    node.workerinput["postgres_port"] = _started[0].port


def pytest_unconfigure() -> None:
    while _started:
        _started.pop().stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if BOX:
        items[:] = [item for item in items if can_be_asked(item)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI nothing may be skipped: what a test lacks there, `.ci/run` has to install."""
    report = yield
    if os.environ.get("CI") and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _answers_over_http_are_described() -> Iterator[None]:
    """What servers of ours answer is held against the document too, whoever asks by httpx."""
    send = httpx.Client.send

    def checked(client: httpx.Client, request: httpx.Request, **more: Any) -> httpx.Response:
        answer = send(client, request, **more)
        if "X-Request-ID" in answer.headers and not more.get("stream"):
            path = request.url.raw_path.decode()
            truth.check(request.method, path, answer.status_code, answer.headers, answer.content)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.Client, "send", checked)
        yield


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> str:
    """The server's own database; tests make theirs beside it."""
    given = getattr(request.config, "workerinput", {}).get("postgres_port")
    if given is not None:
        return f"postgresql://postgres@127.0.0.1:{given}/postgres"
    if not _started:
        _started.append(start_postgres())
    return _started[0].url()


@pytest.fixture(scope="session")
def new_database(postgres_url: str) -> Callable[[], str]:
    """Makes an empty PostgreSQL database; its URL."""
    made = iter(range(1_000_000))

    def make() -> str:
        name = f"t_{id(made)}_{next(made)}"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return postgres_url.rsplit("/", 1)[0] + f"/{name}"

    return make


@pytest.fixture(scope="session")
def make_app(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Flask]]:
    """Makes an application on a migrated database of its own: `make_app("sqlite", TASKAPI_LIMITS="")`."""
    made: list[Flask] = []

    def make(engine: str, **changes: Any) -> Flask:
        home = tmp_path_factory.mktemp("home")
        given = {"TASKAPI_HOME": home, "TASKAPI_LIMITS": "off"} | changes
        if engine == "postgresql":
            given["DATABASE_URL"] = request.getfixturevalue("new_database")()
        app = create_app(_settings(given))
        schema.migrate(app.extensions["taskapi"].database)
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions["taskapi_background"].stop()
        app.extensions["taskapi"].database.close()


@pytest.fixture(scope="session")
def apps(make_app: Callable[..., Flask]) -> Callable[[str], Flask]:
    """The shared application of an engine; tests keep apart by each making their own people."""
    kept: dict[str, Flask] = {}

    def get(engine: str) -> Flask:
        if engine not in kept:
            kept[engine] = app_of_the_box(Path(BOX)) if BOX else make_app(engine)
        return kept[engine]

    return get


@pytest.fixture(params=ENGINES)
def app(request: pytest.FixtureRequest, apps: Callable[[str], Flask]) -> Flask:
    """The shared application, once on each engine."""
    return apps(request.param)


@pytest.fixture
def parts(app: Flask) -> Parts:
    found: Parts = app.extensions["taskapi"]
    return found


@pytest.fixture
def anonymous(app: Flask) -> Api:
    return Api(app)


@pytest.fixture
def ann(app: Flask) -> Person:
    return make_person(app)


@pytest.fixture
def bob(app: Flask) -> Person:
    return make_person(app)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that does not exist yet."""
    return tmp_path / "home"


@pytest.fixture
def shared(new_database: Callable[[], str], home: Path) -> Iterator[dict[str, str]]:
    """What several processes of a service share: a database that is migrated, a Redis, and their keys."""
    with redis_server() as redis:
        settings = {
            "DATABASE_URL": new_database(),
            "REDIS_URL": redis.url,
            "TASKAPI_SIGNING_KEY": new_signing_key(),
            "TASKAPI_SECRET_KEY": new_secret_key(),
        }
        assert command("migrate", home=home, **settings).returncode == 0
        yield settings


def _settings(given: dict[str, Any]) -> Settings:
    return load_settings(**given)

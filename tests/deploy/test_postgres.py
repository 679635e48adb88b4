"""What deploy/postgres sets up: two roles, the service's with little rights and short patience; and TLS."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import errors

from tests.chaos.roles import as_role, set_up
from tests.mail_hosts import self_made
from tests.servers import SERVER_USER, Postgres, command, debian_programs, running, start_postgres

TIME_OUTS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    started = start_postgres()
    set_up(started)
    yield started
    started.stop()


def _migrated(postgres: Postgres, home: Path) -> None:
    done = command(
        "migrate", "--grant", "taskapi", home=home, DATABASE_URL=as_role(postgres, "taskapi_owner")
    )
    assert done.returncode == 0, done.stderr


def test_the_service_runs_as_a_role_that_owns_nothing(postgres: Postgres, home: Path) -> None:
    _migrated(postgres, home)
    with running(home, DATABASE_URL=as_role(postgres, "taskapi")) as server:
        assert httpx.get(f"{server.url}/readyz").status_code == 200
    with psycopg.connect(as_role(postgres, "taskapi"), autocommit=True) as connection:
        for name, wanted in TIME_OUTS.items():
            row = connection.execute(f"SHOW {name}").fetchone()
            assert row == (wanted,), name
        for forbidden in ("CREATE TABLE mine (it int)", "DROP TABLE tasks", "DELETE FROM audit"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(forbidden)


def test_setting_up_again_changes_nothing_but_passwords(postgres: Postgres, home: Path) -> None:
    _migrated(postgres, home)
    set_up(postgres)
    with psycopg.connect(as_role(postgres, "taskapi"), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM tasks").fetchone() == (0,)


def test_nobody_else_may_connect(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS somebody")
        connection.execute("CREATE ROLE somebody LOGIN")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(f"postgresql://somebody@127.0.0.1:{postgres.port}/taskapi")


def test_a_command_may_take_longer_than_the_service(postgres: Postgres, home: Path) -> None:
    """The backup holds one transaction for as long as it takes; the role's time-outs would end it."""
    from taskapi.db import Database  # noqa: PLC0415
    from taskapi.settings import load_settings  # noqa: PLC0415

    _migrated(postgres, home)
    settings = load_settings(DATABASE_URL=as_role(postgres, "taskapi"), TASKAPI_HOME=str(home))
    for serves, wanted in ((True, "5s"), (False, "0")):
        database = Database(settings, serves=serves)
        with database.schema_connection() as connection:
            assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == wanted
        database.close()


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Path]]:
    """A server that speaks TLS, and the certificate that proves it."""
    programs = debian_programs()
    if not programs:
        reason = "TLS to PostgreSQL is NOT TESTED here, its wheel has none: `apt-get install postgresql`"
        must = os.environ.get("CI") == "true" and os.geteuid() == 0
        (pytest.fail if must else pytest.skip)(reason)
    folder = tmp_path_factory.mktemp("certificate")
    own = self_made(folder)
    key = folder / "key.pem"
    for part in (folder, *folder.parents):
        if part == Path("/tmp"):  # noqa: S108 - where pytest makes its folders; the server's user has to pass
            break
        part.chmod(0o755)
    if SERVER_USER is not None:
        shutil.chown(key, SERVER_USER)
    key.chmod(0o600)
    started = start_postgres(
        programs[-1], "-c ssl=on", f"-c ssl_cert_file={own.file}", f"-c ssl_key_file={key}"
    )
    yield started, own.file
    started.stop()


def test_the_server_is_believed_by_its_certificate_alone(
    encrypted: tuple[Postgres, Path], home: Path, tmp_path: Path
) -> None:
    postgres, certificate = encrypted
    url = f"{postgres.url()}?sslmode=verify-full&sslrootcert={certificate}"
    assert command("migrate", home=home, DATABASE_URL=url).returncode == 0
    with running(home, DATABASE_URL=url) as server, psycopg.connect(postgres.url()) as connection:
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        plain = (
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
            "WHERE application_name = 'taskapi' AND NOT ssl"
        )
        assert connection.execute(plain).fetchone() == (0,)
    (tmp_path / "other").mkdir()
    for told in (
        f"{postgres.url()}?sslmode=verify-full&sslrootcert={self_made(tmp_path / 'other').file}",
        # The certificate is not for this name.
        url.replace("127.0.0.1", "127.0.0.2"),
    ):
        refused = command("migrate", home=home, DATABASE_URL=told)
        assert refused.returncode == 2
        assert "DATABASE_URL" in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1

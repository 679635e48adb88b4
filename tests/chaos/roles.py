"""The roles and time-outs that deploy/postgres gives a database."""

import subprocess
from pathlib import Path

from tests.servers import Postgres

SCRIPT = Path(__file__).parents[2] / "deploy" / "postgres" / "setup.sql"
PASSWORDS = {"taskapi_owner": "owner", "taskapi": "service"}


def set_up(postgres: Postgres) -> None:
    """Run the script as an operator does."""
    done = subprocess.run(
        [
            *(str(postgres.programs / "psql"), postgres.url(), "--no-psqlrc", "-q"),
            *("-v", f"owner_password={PASSWORDS['taskapi_owner']}"),
            *("-v", f"service_password={PASSWORDS['taskapi']}"),
            *("-f", str(SCRIPT)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def as_role(postgres: Postgres, role: str) -> str:
    return f"postgresql://{role}:{PASSWORDS[role]}@127.0.0.1:{postgres.port}/taskapi"

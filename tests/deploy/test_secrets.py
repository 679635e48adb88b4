"""Secrets of the box: made at random, whole or not at all, and renewed with what follows."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Secrets = Callable[..., dict[str, str]]


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    """Runs the script in a folder of its own, and gives what is there then; as nobody special."""
    for folder in ("compose", "redis"):
        shutil.copytree(ROOT / "deploy" / folder, tmp_path / "deploy" / folder)
    user = "nobody" if os.geteuid() == 0 else None
    if user is not None:
        for path in (tmp_path, *tmp_path.parents[:2]):
            path.chmod(0o755)
        shutil.chown(tmp_path, user)

    def run(*arguments: str) -> dict[str, str]:
        done = subprocess.run(
            ["bash", "deploy/compose/secrets", *arguments],
            cwd=tmp_path,
            user=user,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}

    return run


def test_they_are_made_once_and_for_their_owner_alone(secrets: Secrets, tmp_path: Path) -> None:
    made = secrets()
    assert {name for name, content in made.items() if not content} == {"smtp_url", "s3_url"}
    assert made["tls_certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert made["database_password"].strip() in made["database_url"]
    assert f">{made['redis_password'].strip()} " in made["redis_users"]
    assert secrets() == made


@pytest.mark.parametrize("lost", ["database_url", "taskapi_secret_key", "tls_key", "redis_users"])
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_one_that_is_missing_or_was_being_made_is_made(
    secrets: Secrets, tmp_path: Path, lost: str, how: str
) -> None:
    made = secrets()
    file = tmp_path / "secrets" / lost
    file.unlink()
    if how == "empty":
        file.touch()
    again = secrets()
    assert again[lost]
    changed = {name for name in made if again[name] != made[name]}
    assert changed <= {lost, "tls_certificate"}


def test_what_follows_from_a_renewed_one_is_renewed_and_nothing_else(
    secrets: Secrets, tmp_path: Path
) -> None:
    made = secrets()
    inode = (tmp_path / "secrets" / "database_url").stat().st_ino
    again = secrets("--renew", "database_password")
    changed = {name for name in made if again[name] != made[name]}
    assert changed == {"database_password", "database_url", "database_replica_urls"}
    # In place: who has it mounted sees it.
    assert (tmp_path / "secrets" / "database_url").stat().st_ino == inode


def test_the_signing_key_before_still_verifies(secrets: Secrets) -> None:
    before = secrets()["taskapi_signing_key"]
    keys = secrets("--renew", "taskapi_signing_key")["taskapi_signing_key"]
    first, second = re.findall(r"-----BEGIN.*?-----END PRIVATE KEY-----\n", keys, re.DOTALL)
    assert (first != before, second) == (True, before)


def test_what_somebody_wrote_there_stays(secrets: Secrets, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "smtp_url").write_text("smtp://host\n")
    (tmp_path / "secrets" / "database_url").write_text("postgresql://elsewhere/db\n")
    if os.geteuid() == 0:
        for path in (tmp_path / "secrets", *(tmp_path / "secrets").iterdir()):
            shutil.chown(path, "nobody")
    made = secrets()
    assert (made["smtp_url"], made["database_url"]) == ("smtp://host\n", "postgresql://elsewhere/db\n")

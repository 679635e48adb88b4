"""The tests of the API against the box: what they always ask an application here is asked through nginx."""

import subprocess
import sys

import orjson
import pytest

from tests.containers.box import ROOT, Box, inspected

pytestmark = [pytest.mark.containers, pytest.mark.prove, pytest.mark.timeout(1800)]

SUITE = (
    *("tests/tasks", "tests/lists", "tests/labels", "tests/projects", "tests/bulk", "tests/stats"),
    *("tests/trash", "tests/profile", "tests/sessions", "tests/accounts", "tests/admin"),
    *("tests/test_etags.py", "tests/test_idempotency.py", "tests/test_parsing.py", "tests/test_text.py"),
    *("tests/test_fields.py", "tests/test_contract.py", "tests/test_pages.py", "tests/test_compression.py"),
    *("tests/test_positions.py", "tests/test_access.py"),
)


def _address(box: Box, service: str) -> str:
    (container,) = box.containers(service)
    address: str = inspected(container)["NetworkSettings"]["Networks"][f"{box.project}_back"]["IPAddress"]
    return address


def test_the_tests_of_the_api_are_green_against_the_box(box: Box) -> None:
    def secret(name: str) -> str:
        return (box.folder / "secrets" / name).read_text().strip()

    described = box.folder / "box.json"
    settings = {
        "TASKAPI_HOME": str(box.folder / "home"),
        "TASKAPI_LIMITS": "off",
        "TASKAPI_PUBLIC_URL": box.url,
        # The owner: some tests look where the service's role may not.
        "DATABASE_URL": secret("database_owner_url").replace("@db:", f"@{_address(box, 'db')}:"),
        "REDIS_URL": secret("redis_url").replace("@redis:", f"@{_address(box, 'redis')}:"),
        "REDIS_JOBS_URL": secret("redis_jobs_url").replace(
            "@redis-jobs:", f"@{_address(box, 'redis-jobs')}:"
        ),
        "TASKAPI_SIGNING_KEY": secret("taskapi_signing_key"),
        "TASKAPI_SECRET_KEY": secret("taskapi_secret_key"),
    }
    certificate = str(box.folder / "secrets" / "tls_certificate")
    described.write_bytes(orjson.dumps({"url": box.url, "certificate": certificate, "settings": settings}))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-m", "not prove and not containers", *SUITE],
        cwd=ROOT,
        env={**box.environment, "TASKAPI_TEST_BOX": str(described)},
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"\n{done.stdout[-6000:]}")  # noqa: T201 - a proof prints what it found
    assert done.returncode == 0

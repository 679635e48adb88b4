"""The first of the README's two commands, in a fresh clone, as a newcomer types it."""

import os
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.servers import clean_environment, free_port

ROOT = Path(__file__).parent.parent


def seconds_until_healthy(clone: Path) -> float:
    """From `make run` to the first good answer of /health; the service is stopped afterwards."""
    port = free_port()
    environment = {**clean_environment(), "PORT": str(port), "PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"}
    began = time.monotonic()
    # A group of its own: make, the service and its worker are stopped together, as Ctrl+C does.
    making = subprocess.Popen(["make", "run"], cwd=clone, env=environment, start_new_session=True)
    try:
        while time.monotonic() - began < 300:
            assert making.poll() is None, "make run ended"
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200:
                    return time.monotonic() - began
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("no answer within five minutes")
    finally:
        os.killpg(making.pid, signal.SIGINT)
        making.wait(timeout=30)


@pytest.mark.prove
def test_make_run_answers_in_time_the_first_and_the_second_time(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    first, second = seconds_until_healthy(clone), seconds_until_healthy(clone)
    print(f"\nmake run: {first:.1f} s the first time, {second:.1f} s the second")  # noqa: T201 - a proof
    assert first <= 90
    assert second <= 3
    changed = subprocess.run(
        ["git", "status", "--short"], cwd=clone, capture_output=True, text=True, check=True
    )
    assert changed.stdout == ""

"""The files of the box are looked at by those who know their kind: hadolint, gixy, sslyze, nginx itself."""

import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.deploy.fronts import Nginx

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
SSLYZE = PROGRAMS.parent / "tls" / "bin" / "sslyze"


def _said(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("file", ["Dockerfile", "deploy/docker/tools.Dockerfile"])
def test_hadolint_finds_nothing(file: str) -> None:
    done = _said(str(PROGRAMS / "hadolint"), file)
    assert (done.returncode, done.stdout) == (0, "")


def test_gixy_finds_nothing(front: Nginx) -> None:
    done = _said(str(PROGRAMS / "gixy"), "--format", "json", str(front.run / "nginx.conf"))
    assert orjson.loads(done.stdout) == [], done.stdout


def test_its_tls_is_what_mozilla_calls_intermediate(front: Nginx) -> None:
    done = _said(str(SSLYZE), "--mozilla_config", "intermediate", f"localhost:{front.port}")
    _, _, verdict = done.stdout.partition("COMPLIANCE AGAINST TLS CONFIGURATION")
    assert 'Mozilla\'s "intermediate" configuration' in verdict, done.stdout + done.stderr
    # Nobody vouches for a certificate that signed itself; all else has to be right.
    assert re.findall(r"^ +\* (\w+): ", verdict, re.MULTILINE) == ["certificate_path_validation"], verdict

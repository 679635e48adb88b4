"""What several files of the box say of one thing is the same; and units are what systemd takes."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from taskapi.contract.words import CODES
from taskapi.parsing import MAX_BODY_BYTES
from taskapi.settings import Settings, secret_names

ROOT = Path(__file__).parents[2]
START = (ROOT / "deploy" / "nginx" / "start").read_text()
TEMPLATE = (ROOT / "deploy" / "nginx" / "nginx.conf.template").read_text()
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
OURS = [unit for unit in UNITS if unit.name not in {"taskapi-nginx.service", "taskapi-migrate.service"}]
# Codes that only nginx has a reason for.
OF_NGINX = {"request_timeout", "length_required", "uri_too_long", "misdirected_request"}


def _compose(name: str = "compose.yaml") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return found


def test_an_instance_outlives_each_connection_that_nginx_keeps() -> None:
    (kept,) = re.findall(r"keepalive_timeout (\d+)s;", START)
    drains = [_compose()["services"]["api"]["environment"]["TASKAPI_DRAIN_SECONDS"]]
    drains += [
        int(found) for unit in UNITS for found in re.findall(r"TASKAPI_DRAIN_SECONDS=(\d+)", unit.read_text())
    ]
    assert len(drains) == 2
    assert all(drain >= int(kept) + 2 for drain in drains)


def test_bodies_are_as_long_as_the_service_takes() -> None:
    assert MAX_BODY_BYTES == 1 << 20
    assert "client_max_body_size 1m;" in TEMPLATE
    default = Settings.model_fields["import_mb"].default
    assert f"TASKAPI_IMPORT_MB:-{default}" in START


def test_problems_of_nginx_have_the_codes_of_the_contract() -> None:
    lines = (ROOT / "deploy" / "nginx" / "problems").read_text().splitlines()
    rows = [[part.strip() for part in line.split("|")] for line in lines if not line.startswith("#")]
    known = {code for codes in CODES.values() for code in codes}
    for _, status, code, *_ in rows:
        assert code in known | OF_NGINX | {"$broken_off"}, code
        if code in known and int(status) in CODES:
            assert code in CODES[int(status)], code


def test_every_secret_of_the_box_is_made_and_named_like_its_setting() -> None:
    script = (ROOT / "deploy" / "compose" / "secrets").read_text()
    made = set(re.findall(r"\| keep ([a-z0-9_]+)", script)) | set(re.findall(r"keep (tls_[a-z]+) <", script))
    made |= set(re.findall(r"for name in ([a-z_ \\\n]+); do\n  word", script)[0].replace("\\", "").split())
    for name in ("compose.yaml", "compose.replicas.yaml"):
        for secret, where in _compose(name)["secrets"].items():
            assert where == {"file": f"./secrets/{secret}"}
            assert secret in made, secret
    settings = {name.lower() for name in secret_names()}
    for service in ("api", "worker", "scheduler"):
        assert set(_compose()["services"][service]["secrets"]) <= settings, service


def test_each_service_is_bounded_looked_after_and_logs_within_bounds() -> None:
    for name, service in _compose()["services"].items():
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert service["healthcheck"], name
        assert service["logging"]["options"]["max-size"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"], name
        assert ("ports" in service) is (name == "nginx"), name


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_unit(unit: Path) -> None:
    said = _systemd("verify", "--man=no", str(unit)).stderr
    # What it starts is not installed here.
    faults = [line for line in said.splitlines() if "/opt/taskapi" not in line and "taskapi" in line]
    assert faults == []


@pytest.mark.parametrize("unit", OURS, ids=lambda unit: unit.name)
def test_a_unit_of_ours_may_do_little(unit: Path) -> None:
    said = _systemd("security", "--offline=true", str(unit)).stdout
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert float(exposure) <= 2.0, said


def _systemd(*arguments: str) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze; install the package systemd to have the units looked at")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)

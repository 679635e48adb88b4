"""A network drops what belongs to old connections, as firewalls do that forgot them: no reset, no word."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def test_reads_outlive_a_network_that_forgot_its_connections() -> None:
    if os.geteuid() != 0 or shutil.which("nft") is None or shutil.which("ip") is None:
        reason = "a silent drop is NOT TESTED here: it takes root, iproute2 and nftables"
        (pytest.fail if os.environ.get("CI") == "true" and os.geteuid() == 0 else pytest.skip)(reason)
    inner = Path(__file__).with_name("own_network.py")
    script = 'ip link set lo up && exec "$0" -m pytest -q -s -p no:cacheprovider -n0 "$1"'
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script, sys.executable, str(inner)],
        cwd=inner.parents[2],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr

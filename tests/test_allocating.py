"""What serves gives back what passwords took, and searches for garbage only what came after its start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MOST_KEPT_MB = 60
# Modules, models, endpoints and their documentation.
LEAST_FROZEN = 100_000

_PROGRAM = """
import gc, json, os, sys, threading
from pathlib import Path
from taskapi import server
from taskapi.passwords import PasswordHashing
from taskapi.settings import load_settings

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

if sys.argv[1] == "gunicorn":
    app = server.wsgi_app()
elif sys.argv[1] == "taskapi serve":
    server.prepare(load_settings())
    app = server._load(load_settings(), os.getppid())
hashing, before = PasswordHashing(), resident_mb()
turns = threading.Semaphore(2)

def hash_some():
    for _ in range(2):
        with turns:
            hashing.hash("correct horse battery staple")

threads = [threading.Thread(target=hash_some) for _ in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"kept": resident_mb() - before, "frozen": gc.get_freeze_count()}))
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is the C library of Linux")
@pytest.mark.parametrize("served_by", ["gunicorn", "taskapi serve"])
def test_what_serves_gives_memory_back_and_searches_what_is_new(served_by: str, tmp_path: Path) -> None:
    environment = {**os.environ, "TASKAPI_HOME": str(tmp_path / "home"), "TASKAPI_LOG_FILE": "off"}
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, served_by],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["kept"] < MOST_KEPT_MB
    assert found["frozen"] > LEAST_FROZEN

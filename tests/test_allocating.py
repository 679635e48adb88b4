"""What passwords took is given back, whichever threads hashed them."""

import subprocess
import sys

import pytest

MOST_KEPT_MB = 60

_PROGRAM = """
import sys, threading
from pathlib import Path
from taskapi.allocating import give_memory_back
from taskapi.passwords import PasswordHashing

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

if sys.argv[1] == "given back":
    give_memory_back()
before = resident_mb()
turns = threading.Semaphore(2)

def hash_some():
    hashing = PasswordHashing()
    for _ in range(2):
        with turns:
            hashing.hash("correct horse battery staple")

threads = [threading.Thread(target=hash_some) for _ in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(resident_mb() - before)
"""


def _kept(how: str) -> float:
    ended = subprocess.run([sys.executable, "-c", _PROGRAM, how], capture_output=True, text=True, check=True)
    return float(ended.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is the C library of Linux")
def test_hashing_passwords_in_many_threads_keeps_little_memory() -> None:
    kept = _kept("given back")
    assert kept < MOST_KEPT_MB, f"{kept:.0f} MB"

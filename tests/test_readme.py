"""The tour of the README, run as it stands there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers import running

README = (Path(__file__).parent.parent / "README.md").read_text()


@pytest.mark.skipif(not shutil.which("curl"), reason="SKIPPED LOUDLY: the tour of the README needs curl")
def test_the_tour_of_the_readme_works(home: Path) -> None:
    (tour,) = re.findall(r"```sh\n(api=.*?)```", README, re.DOTALL)
    assert len(tour.strip().splitlines()) <= 12
    with running(home) as server:
        script = tour.replace("http://127.0.0.1:5000", server.url)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=30, check=True
        )
    assert '"title":"Pay rent"' in done.stdout
    assert '{"field":"status","before":"todo","after":"done"}' in done.stdout

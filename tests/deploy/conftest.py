"""nginx in front of one recorder: each program that there is."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskapi.assets import Assets
from taskapi.publishing import Folder, publish
from tests.deploy.fronts import Nginx, Recorder, nginx, programs, recorder


@pytest.fixture(scope="module", params=[pytest.param(path, id=name) for name, path in programs().items()])
def program(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture(scope="module")
def instance() -> Iterator[Recorder]:
    with recorder() as kept:
        yield kept


@pytest.fixture(scope="module")
def assets() -> Iterator[Path]:
    """Where nginx may read, which runs as nobody."""
    with tempfile.TemporaryDirectory(prefix="taskapi-assets-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        publish(Assets(), Folder(folder))
        yield folder


@pytest.fixture(scope="module")
def front(program: Path, instance: Recorder, assets: Path) -> Iterator[Nginx]:
    with nginx(program, [instance.port], ASSETS=str(assets)) as started:
        yield started

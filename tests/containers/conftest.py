"""Images and one running box, shared by the tests that do it no harm."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.containers.box import ROOT, Box, copied, docker

_IMAGES = ("python:3.11-slim", "postgres:15", "redis:7-alpine", "nginx:stable")


@pytest.fixture(scope="session")
def engine() -> None:
    """A container engine with the images that the box is made of, or stand-ins for them."""
    if os.geteuid() == 0 and not _has_all():
        subprocess.run(["tools/stand-in-images"], cwd=ROOT, check=True, timeout=900)
    if not _has_all():
        for image in _IMAGES:
            docker("pull", "-q", image, seconds=600)


@pytest.fixture(scope="session")
def box(engine: None) -> Iterator[Box]:
    """As `make up` has it from a clean checkout."""
    with copied("taskapi-box") as made:
        made.box("up")
        yield made


def _has_all() -> bool:
    try:
        docker("image", "inspect", *_IMAGES)
    except (AssertionError, FileNotFoundError):
        return False
    return True

"""Where backups are brought back to: places with nothing in them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from taskapi.settings import Settings, load_settings
from tests.servers import wheel_programs


@dataclass(frozen=True)
class Places:
    """Makes empty places of one engine, each in a folder of its own."""

    engine: str
    folder: Path
    new_database: Callable[[], str]

    @property
    def programs(self) -> Path | None:
        """Those that are as new as the tests' server; SQLite needs none."""
        return None if self.engine == "sqlite" else wheel_programs()

    @property
    def options(self) -> list[str]:
        return [] if self.programs is None else ["--programs", str(self.programs)]

    def environment(self) -> dict[str, str]:
        """What names a new place, but for its home."""
        return {} if self.engine == "sqlite" else {"DATABASE_URL": self.new_database()}

    def settings(self, name: str) -> Settings:
        return load_settings(TASKAPI_HOME=self.folder / name, **self.environment())


@pytest.fixture(params=["sqlite", "postgresql"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Places:
    new_database = request.getfixturevalue("new_database") if request.param == "postgresql" else str
    return Places(request.param, tmp_path, new_database)

"""Where files are kept that the database does not hold: in a folder, or with any S3."""

from pathlib import Path
from typing import TYPE_CHECKING

from taskapi.stores.files import FilesAway, FileStore, Missing, Stored
from taskapi.stores.folder import Folder

if TYPE_CHECKING:
    from taskapi.settings import Settings

__all__ = ["FileStore", "FilesAway", "Missing", "Stored", "store_of"]


def store_of(settings: "Settings") -> FileStore:
    """What files are kept by. Touches neither network nor disk yet."""
    if settings.s3_place is None:
        return Folder(settings.home / "files")
    # Who has no S3 does not wait for its library.
    from taskapi.stores.s3 import S3  # noqa: PLC0415

    return S3(settings.s3_place)


def scratch_of(home: Path) -> Path:
    """The folder for what is being made, which is nothing to anybody else."""
    folder = home / "scratch"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder

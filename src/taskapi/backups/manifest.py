"""What a backup says of itself, and whether that is so."""

import os
from hashlib import file_digest
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from taskapi.backups.checksums import TableSum
from taskapi.errors import BadStart

NAME = "manifest.json"


class File(BaseModel):
    bytes: int
    sha256: str


class Manifest(BaseModel):
    # A later release may say more; what it must not say differently has another format number.
    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal[1] = 1
    version: str
    engine: Literal["sqlite", "postgresql"]
    schema_revision: str
    made_at: str
    files: dict[str, File]
    tables: dict[str, TableSum]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())


def file_of(path: Path) -> File:
    with path.open("rb") as file:
        return File(bytes=path.stat().st_size, sha256=file_digest(file, "sha256").hexdigest())


def write(folder: Path, manifest: Manifest) -> None:
    text = manifest.model_dump_json(indent=2).encode()
    descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text + b"\n")


def read(folder: Path) -> Manifest:
    """The manifest of a backup whose files are as it says. Raises BadStart."""
    path = folder / NAME
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
        wrong = [name for name, known in manifest.files.items() if file_of(folder / name) != known]
    except OSError as error:
        missing = error.filename or path
        raise BadStart(
            f"FROM: {missing} cannot be read ({error.strerror}); name the folder of a whole backup"
        ) from None
    except ValidationError:
        raise BadStart(f"FROM: {path} is not the manifest of a backup that this release can read") from None
    if wrong:
        raise BadStart(
            f"FROM: {folder / wrong[0]} is not as it was backed up (its checksum differs); take another"
        )
    return manifest

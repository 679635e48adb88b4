"""Files in a folder of this machine."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from taskapi.stores.files import CHUNK_BYTES, Missing, Stored


class Folder:
    """For one machine, or for a folder that all instances share."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, path: Path) -> None:
        target = self._root / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        try:
            path.replace(target)
        except OSError:
            # It is on another file system: there it becomes whole before it has its name.
            half = target.with_name(f".{target.name}.half")
            shutil.copyfile(path, half)
            half.replace(target)
        target.chmod(0o600)
        # The name is on the disk as well before anybody is told of it.
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def read(self, name: str) -> Iterator[bytes]:
        try:
            file = (self._root / name).open("rb")
        except FileNotFoundError:
            raise Missing(name) from None

        def parts() -> Iterator[bytes]:
            with file:
                while part := file.read(CHUNK_BYTES):
                    yield part

        return parts()

    def remove(self, name: str) -> None:
        (self._root / name).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[Stored]:
        found = sorted(path for path in self._root.rglob("*") if path.is_file() and path.suffix != ".half")
        for path in found:
            name = path.relative_to(self._root).as_posix()
            if name.startswith(prefix):
                told = path.stat()
                yield Stored(name, told.st_size, told.st_mtime_ns // 1_000_000)

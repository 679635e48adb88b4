"""The shelf that archives stand on: files of the store, each beside the checksum of what it holds."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from taskapi.errors import BadStart
from taskapi.ids import new_id
from taskapi.stores import FileStore, Missing, Stored

FOLDER = "archive/"
_ENDING = ".zst"
# As `sha256sum -c` reads it, of what is in the archive.
_SUM = ".sha256"
_LEVEL = 12


class Damaged(BadStart):
    """What is on the shelf is not what was put there."""


@dataclass(frozen=True)
class Archive:
    """An archive as it is listed; `size` is that of the compressed file."""

    name: str
    size: int
    modified: int


class Shelf:
    """Archives by name, such as `audit/2026/11/2026-11-27.jsonl`."""

    def __init__(self, store: FileStore, scratch: Path) -> None:
        self._store = store
        self._scratch = scratch

    def put(self, name: str, parts: Iterable[bytes]) -> Archive:
        """Compress and keep, then read it again: only what is proved to be there counts as kept.

        Raises Damaged.
        """
        path, digest, size = self._scratch / f"archive-{new_id()}", hashlib.sha256(), 0
        try:
            with path.open("xb") as file, zstandard.ZstdCompressor(_LEVEL).stream_writer(file) as writer:
                path.chmod(0o600)
                for part in parts:
                    digest.update(part)
                    writer.write(part)
            size = path.stat().st_size
            self._store.put(FOLDER + name + _ENDING, path)
            path.write_text(f"{digest.hexdigest()}  {name.rpartition('/')[2]}\n")
            # Last: an archive without it is none yet, and made again.
            self._store.put(FOLDER + name + _SUM, path)
        finally:
            path.unlink(missing_ok=True)
        for _ in self.read(name):
            pass
        return Archive(name, size, 0)

    def list(self, prefix: str = "") -> Iterator[Archive]:
        """Those that are whole, by name."""
        found = list(self._store.list(FOLDER + prefix))
        summed = {one.name.removesuffix(_SUM) for one in found if one.name.endswith(_SUM)}
        for one in found:
            name = one.name.removesuffix(_ENDING)
            if one.name.endswith(_ENDING) and name in summed:
                yield _archive(name, one)

    def read(self, name: str) -> Iterator[bytes]:
        """What an archive holds, held against its checksum at the end. Raises Damaged."""
        expected = self._expected(name)
        digest = hashlib.sha256()
        try:
            for part in self._unpacked(name):
                digest.update(part)
                yield part
        except zstandard.ZstdError as error:
            raise Damaged(f"{name} cannot be unpacked ({error}); it was changed where it is kept") from None
        if digest.hexdigest() != expected:
            raise Damaged(f"{name} is not what its checksum says; it was changed where it is kept")

    def remove(self, name: str) -> None:
        self._store.remove(FOLDER + name + _SUM)
        self._store.remove(FOLDER + name + _ENDING)

    def _expected(self, name: str) -> str:
        try:
            return b"".join(self._store.read(FOLDER + name + _SUM)).decode().split()[0]
        except Missing:
            raise Damaged(
                f"there is no archive {name}; `taskapi archive list` shows those there are"
            ) from None

    def _unpacked(self, name: str) -> Iterator[bytes]:
        try:
            packed = self._store.read(FOLDER + name + _ENDING)
        except Missing:
            raise Damaged(
                f"{name} has a checksum and nothing else; it was removed where it is kept"
            ) from None
        unpacking = zstandard.ZstdDecompressor().decompressobj()
        for part in packed:
            yield unpacking.decompress(part)
        if not unpacking.eof:
            raise Damaged(f"{name} is cut off; it was changed where it is kept")


def _archive(name: str, stored: Stored) -> Archive:
    return Archive(name.removeprefix(FOLDER), stored.size, stored.modified)

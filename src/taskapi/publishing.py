"""The files of the UI put where nginx or a CDN takes them from, before a release is rolled out.

While two releases serve, a page of one may ask whoever answers for a module: each finds its own here, because
files are named by what is in them, and those of the last releases stay. What a release had stands in
`releases.json`; only what stands there is ever removed.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from taskapi.assets import Asset, Assets
from taskapi.clock import now, rfc3339
from taskapi.compression import LEAST_BYTES
from taskapi.errors import BadStart
from taskapi.stores.files import Missing
from taskapi.stores.places import S3Place

KEPT_RELEASES = 5
FOR_GOOD = "public, max-age=31536000, immutable"
_RELEASES = "releases.json"
_NAME = re.compile(r"web/[\w-]+\.[0-9a-f]{8}\.\w+(\.gz|\.br)?")
_NOT_KEPT = "no-cache"
_EVERYBODY_READS, _EVERYBODY_ENTERS = 0o644, 0o755


class Unreadable(BadStart):
    """A `releases.json` that we did not write: nothing is removed by it."""


class Place(Protocol):
    """Where files go, by their name with `/` in it."""

    def put(self, name: str, content: bytes, kind: str, caching: str) -> None: ...

    def read(self, name: str) -> bytes:
        """Raises Missing."""
        ...

    def remove(self, name: str) -> None: ...

    def forms_of(self, asset: Asset) -> Iterator[tuple[str, bytes]]:
        """The names below which a file is put there, each with its bytes."""
        ...


@dataclass(frozen=True)
class Published:
    """What was done: how many files were put there, and how many of older releases went."""

    release: str
    put: int
    removed: int


@dataclass(frozen=True)
class _Release:
    release: str
    published_at: str
    names: Sequence[str]


def publish(assets: Assets, place: Place, keep: int = KEPT_RELEASES) -> Published:
    """Put the files of this release there; those of the `keep` latest stay, and all that are not ours.

    The same release again becomes the latest. Interrupted, it is run again. Raises Unreadable, FilesAway.
    """
    releases = _releases(place)
    forms = [(asset, *form) for asset in assets.parts for form in place.forms_of(asset)]
    this = _Release(assets.release, str(rfc3339(now())), [name for _, name, _ in forms])
    all_of_them = [*(one for one in releases if one.release != this.release), this]
    latest = all_of_them[-keep:]
    kept = {name for release in latest for name in release.names}
    gone = sorted({name for release in releases for name in release.names} - kept)
    # First: whenever this is cut short, all of ours that is there stands there.
    _write(place, all_of_them)
    for asset, name, content in forms:
        place.put(name, content, asset.file.kind, FOR_GOOD)
    for name in gone:
        place.remove(name)
    _write(place, latest)
    return Published(this.release, len(forms), len(gone))


def _write(place: Place, releases: Sequence[_Release]) -> None:
    place.put(_RELEASES, orjson.dumps({"releases": releases}), "application/json", _NOT_KEPT)


def _releases(place: Place) -> Sequence[_Release]:
    try:
        releases = [_Release(**one) for one in orjson.loads(place.read(_RELEASES))["releases"]]
    except Missing:
        return ()
    except (orjson.JSONDecodeError, KeyError, TypeError):
        releases = None
    if releases is None or not all(_NAME.fullmatch(name) for one in releases for name in one.names):
        raise Unreadable(f"{_RELEASES} there is not as we write it; look at it, or name another place.")
    return releases


class Folder:
    """A folder that a web server has, with the smaller forms beside each file (`gzip_static` of nginx)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, name: str, content: bytes, kind: str, caching: str) -> None:  # noqa: ARG002 - the server says those
        path = self._path / name
        if not path.parent.exists():
            path.parent.mkdir()
            path.parent.chmod(_EVERYBODY_ENTERS)
        beside = path.with_name(f"{path.name}.{os.getpid()}.new")
        beside.write_bytes(content)
        beside.chmod(_EVERYBODY_READS)
        beside.replace(path)

    def read(self, name: str) -> bytes:
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            raise Missing(name) from None

    def remove(self, name: str) -> None:
        (self._path / name).unlink(missing_ok=True)

    def forms_of(self, asset: Asset) -> Iterator[tuple[str, bytes]]:
        name = f"web/{asset.hashed_name}"
        yield name, asset.file.content
        if len(asset.file.content) >= LEAST_BYTES:
            yield f"{name}.gz", asset.file.gzip
            yield f"{name}.br", asset.file.brotli


class Bucket:
    """A bucket that a CDN takes from; CDNs compress by themselves."""

    def __init__(self, place: S3Place) -> None:
        # Who has no S3 does not wait for its library.
        from taskapi.stores.s3 import S3  # noqa: PLC0415

        self._store = S3(place)

    def put(self, name: str, content: bytes, kind: str, caching: str) -> None:
        self._store.put_bytes(name, content, f"{kind}; charset=utf-8", caching)

    def read(self, name: str) -> bytes:
        return b"".join(self._store.read(name))

    def remove(self, name: str) -> None:
        self._store.remove(name)

    def forms_of(self, asset: Asset) -> Iterator[tuple[str, bytes]]:
        yield f"web/{asset.hashed_name}", asset.file.content

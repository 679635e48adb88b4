"""The files of the UI where nginx or a CDN takes them from: none is missed, none of others is touched."""

import gzip
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path

import brotli
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskapi.assets import Asset, Assets
from taskapi.publishing import Bucket, Folder, Unreadable, publish
from taskapi.stores.files import Missing
from taskapi.stores.places import S3Place
from taskapi.stores.s3 import S3
from tests.files.s3_server import s3_server
from tests.servers import command


class Cut(Exception):
    """The process ends here."""


class Shelf:
    """A place in memory that may be cut off after so many steps."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.steps: int | None = None

    def _step(self) -> None:
        if self.steps is not None:
            self.steps -= 1
            if self.steps < 0:
                raise Cut

    def put(self, name: str, content: bytes, _kind: str, _caching: str) -> None:
        self._step()
        self.files[name] = content

    def read(self, name: str) -> bytes:
        if name not in self.files:
            raise Missing(name)
        return self.files[name]

    def remove(self, name: str) -> None:
        self._step()
        self.files.pop(name, None)

    def forms_of(self, asset: Asset) -> Iterator[tuple[str, bytes]]:
        yield f"web/{asset.hashed_name}", asset.file.content


def _release(folder: Path, modules: Mapping[str, int]) -> Assets:
    """A release whose modules are of these versions."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, version in modules.items():
        (folder / f"{name}.js").write_text(f"// {name} {version}\n")
    where: Traversable = folder
    return Assets(folder=where)


def _names(assets: Assets) -> set[str]:
    return {f"web/{asset.hashed_name}" for asset in assets.parts}


RELEASES = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), min_size=1), min_size=1, max_size=12
)


@settings(max_examples=150, deadline=None)
@given(releases=RELEASES, keep=st.integers(1, 5), data=st.data())
def test_the_latest_releases_are_whole_there_and_nothing_else_of_ours_however_often_it_is_cut_short(
    tmp_path_factory: pytest.TempPathFactory,
    releases: list[dict[str, int]],
    keep: int,
    data: st.DataObject,
) -> None:
    folder, place = tmp_path_factory.mktemp("release"), Shelf()
    place.files["web/theirs.js"] = b"not ours"
    latest: list[frozenset[str]] = []
    for modules in releases:
        assets = _release(folder, modules)
        names = frozenset(_names(assets))
        others = [one for one in latest if one != names]
        latest = [*others, names]
        place.steps = data.draw(st.one_of(st.none(), st.integers(0, 12)))
        try:
            publish(assets, place, keep)
        except Cut:
            assert set().union(*others[-keep:][1:]) <= set(place.files), "what stays is not whole"
            place.steps = None
            publish(assets, place, keep)
        assert set(place.files) == set().union(*latest[-keep:]) | {"web/theirs.js", "releases.json"}


@pytest.mark.parametrize(
    "found",
    [
        b"not json",
        b"[]",
        b'{"releases": [{"release": "x"}]}',
        b'{"releases": [{"release": "x", "published_at": "", "names": ["web/../../etc/passwd"]}]}',
        b'{"releases": [{"release": "x", "published_at": "", "names": ["index.html"]}]}',
    ],
)
def test_by_what_we_did_not_write_nothing_is_removed(found: bytes) -> None:
    place = Shelf()
    place.files["releases.json"] = found
    with pytest.raises(Unreadable):
        publish(Assets(), place)
    assert place.files == {"releases.json": found}


def test_a_folder_has_each_file_with_its_smaller_forms_readable_by_a_web_server(tmp_path: Path) -> None:
    publish(Assets(), Folder(tmp_path))
    for asset in Assets().parts:
        path = tmp_path / "web" / asset.hashed_name
        assert path.read_bytes() == asset.file.content
        assert path.stat().st_mode & 0o777 == 0o644
        smaller = path.with_name(f"{path.name}.gz")
        if smaller.exists():
            assert gzip.decompress(smaller.read_bytes()) == asset.file.content
            assert brotli.decompress(path.with_name(f"{path.name}.br").read_bytes()) == asset.file.content
    assert len(list((tmp_path / "web").glob("*.gz"))) > 50
    assert (tmp_path / "web").stat().st_mode & 0o777 == 0o755


def test_a_bucket_has_them_with_what_a_cdn_has_to_say_of_them(tmp_path: Path, home: Path) -> None:
    with s3_server(tmp_path) as address:
        done = command("assets", "publish", home=home, TASKAPI_ASSETS_URL=address)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(
            f"Release {Assets().release}: {len(Assets().parts)} files put there, 0 "
        )
        store = S3(S3Place.parse(address))
        module = next(part for part in Assets().parts if part.name == "app.js")
        head = store.client.head_object(
            Bucket=store.place.bucket, Key=f"{store.place.prefix}/web/{module.hashed_name}"
        )
        assert head["CacheControl"] == "public, max-age=31536000, immutable"
        assert head["ContentType"] == "text/javascript; charset=utf-8"
        place = Bucket(S3Place.parse(address))
        assert len(orjson.loads(place.read("releases.json"))["releases"]) == 1
        publish(_release(tmp_path / "next", {"app": 2}), place, keep=1)
        with pytest.raises(Missing):
            place.read(f"web/{module.hashed_name}")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/no/such/folder", "PLACE: /no/such/folder is no folder; make it, or name another"),
        ("ftp://host/bucket", "PLACE: use s3://BUCKET/PREFIX"),
        ("s3+https://KEY:a-secret@host", "PLACE: use s3://BUCKET/PREFIX"),
    ],
)
def test_a_place_that_cannot_be_is_told_in_a_line_without_its_secret(
    home: Path, place: str, said: str
) -> None:
    done = command("assets", "publish", place, home=home)
    assert done.returncode == 2
    assert done.stderr.startswith(f"taskapi: {said}")
    assert "a-secret" not in done.stderr

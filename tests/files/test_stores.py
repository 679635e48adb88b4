"""Files are kept whole or not at all, in a folder and with an S3 alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from taskapi.stores import FilesAway, FileStore, Missing
from taskapi.stores.folder import Folder
from taskapi.stores.places import S3Place
from taskapi.stores.s3 import S3
from tests.files.s3_server import s3_server


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "folder":
        return Folder(tmp_path / "files")
    return S3(S3Place.parse(request.getfixturevalue("address")))


def written(folder: Path, content: bytes) -> Path:
    path = folder / "made"
    path.write_bytes(content)
    return path


def test_what_was_put_is_read_again(store: FileStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    store.put("exports/one.json", written(tmp_path, content))
    parts = list(store.read("exports/one.json"))
    assert b"".join(parts) == content
    assert max(map(len, parts)) <= 1 << 16
    store.put("exports/one.json", written(tmp_path, b"another"))
    assert b"".join(store.read("exports/one.json")) == b"another"


def test_a_file_of_many_parts_arrives_whole(store: FileStore, tmp_path: Path) -> None:
    content = b"0123456789abcdef" * (40 << 16)
    store.put("exports/large.json", written(tmp_path, content))
    assert b"".join(store.read("exports/large.json")) == content


def test_what_is_removed_is_missing_and_nothing_is_said_twice(store: FileStore, tmp_path: Path) -> None:
    store.put("exports/two.csv", written(tmp_path, b"x"))
    store.remove("exports/two.csv")
    store.remove("exports/two.csv")
    with pytest.raises(Missing):
        store.read("exports/two.csv")


def test_files_are_listed_by_how_their_names_begin(store: FileStore, tmp_path: Path) -> None:
    for name in ("listed/b", "listed/a", "other/c"):
        store.put(name, written(tmp_path, name.encode()))
    found = list(store.list("listed/"))
    assert [(one.name, one.size) for one in found] == [("listed/a", 8), ("listed/b", 8)]
    assert list(store.list("nothing/")) == []


def test_nobody_else_may_read_what_is_in_the_folder(tmp_path: Path) -> None:
    store = Folder(tmp_path / "files")
    store.put("exports/one.json", written(tmp_path, b"x"))
    path = tmp_path / "files" / "exports" / "one.json"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_wrong_secret_is_no_missing_file(address: str) -> None:
    store = S3(S3Place.parse(address.replace("a-secret", "wrong")))
    with pytest.raises(FilesAway):
        store.read("exports/one.json")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://bucket", S3Place("bucket", "", "us-east-1")),
        ("s3://bucket/a/b/?region=eu-central-1", S3Place("bucket", "a/b", "eu-central-1")),
        (
            "s3+https://k:s%2Fx@minio.example:9000/bucket/a",
            S3Place("bucket", "a", "us-east-1", "https://minio.example:9000", "k", "s/x"),
        ),
        ("s3+http://k:s@[::1]:80/b", S3Place("b", "", "us-east-1", "http://[::1]:80", "k", "s")),
    ],
)
def test_addresses_are_read(url: str, place: S3Place) -> None:
    assert S3Place.parse(url) == place


@pytest.mark.parametrize(
    "url",
    [
        *("", "bucket", "s3://", "s3://user@bucket", "s3://bucket:80", "s3+https://host/bucket"),
        *(
            "s3+https://k:s@host",
            "s3+https://k@host/b",
            "s3://b?zone=1",
            "https://k:s@h/b",
            "s3+https://k:s@h:x/b",
        ),
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(ValueError, match="use s3://BUCKET") as refusal:
        S3Place.parse(url)
    assert "k:s" not in str(refusal.value)

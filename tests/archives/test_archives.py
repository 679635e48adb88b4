"""Archives: whole, checked, found again; and nothing is removed before it is safe."""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask
from moto.server import ThreadedMotoServer
from sqlalchemy import insert

from taskapi.archives import filing, lifecycle
from taskapi.archives.shelf import Damaged, Shelf
from taskapi.audit.models import AuditEntry
from taskapi.audit_chain import service as chain
from taskapi.clock import DAY, now
from taskapi.errors import BadStart
from taskapi.ids import new_id
from taskapi.parts import Parts
from taskapi.stores import FileStore, store_of
from taskapi.stores.folder import Folder
from taskapi.stores.places import S3Place
from taskapi.stores.s3 import S3
from tests.files.s3_server import s3_server
from tests.servers import command, free_port


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "folder":
        return Folder(tmp_path / "files")
    place = S3Place.parse(request.getfixturevalue("address") + f"/{tmp_path.name}")
    return S3(place)


@pytest.fixture
def shelf(store: FileStore, tmp_path: Path) -> Shelf:
    return Shelf(store, tmp_path)


def remember(parts: Parts, days_ago: float, action: str) -> None:
    """An entry of the audit, linked late."""
    row = {"id": new_id(), "at": int(now() - days_ago * DAY), "action": action, "via": "cli"}
    with parts.database.writer() as session:
        session.run(insert(AuditEntry), row | {"request_id": "r", "details": "{}"})


def day(days_ago: int) -> str:
    then = datetime.fromtimestamp(now() / 1000 - days_ago * 86400, UTC)
    return f"audit/{then:%Y/%m}/{then:%Y-%m-%d}.jsonl"


def test_each_past_day_of_the_audit_is_put_away_once_and_stays(app: Flask, shelf: Shelf) -> None:
    parts: Parts = app.extensions["taskapi"]
    for number in range(2500):
        remember(parts, 5, f"test.{number}")
    remember(parts, 3, "test.later")
    remember(parts, 1, "test.too_young")
    chain.link_all(parts.database, late=True)
    made = [one.name for one in filing.file_audit(parts.database, shelf, 2)]
    assert {day(5), day(3)} <= set(made)
    assert day(1) not in made
    assert list(filing.file_audit(parts.database, shelf, 2)) == []
    lines = [orjson.loads(line) for line in b"".join(shelf.read(day(5))).splitlines()]
    actions = {line["action"] for line in lines}
    assert {f"test.{number}" for number in range(2500)} <= actions
    # With its chain, by which the archive proves itself.
    assert all(len(line["digest"]) == 64 for line in lines if line["action"].startswith("test."))
    with parts.database.reader() as reading:
        assert chain.verify(reading, None).faults == []


def _log(folder: Path, name: str, content: bytes, days_ago: float) -> Path:
    path = folder / name
    path.write_bytes(content)
    then = now() / 1000 - days_ago * 86400
    os.utime(path, (then, then))
    return path


def test_rotated_logs_are_put_away_and_then_removed(tmp_path: Path, shelf: Shelf) -> None:
    current = _log(tmp_path, "app.log", b"current\n", 40)
    old, older = _log(tmp_path, "app.log.1", b"one\n", 31), _log(tmp_path, "app.log.2", b"two\n", 32)
    young, other = _log(tmp_path, "app.log.3", b"three\n", 2), _log(tmp_path, "app.log.gz", b"no\n", 50)
    # As a run that was killed left it.
    aside = _log(tmp_path, "app.log.archiving-4711", b"four\n", 33)
    made = sorted(one.name for one in filing.file_logs(current, shelf, 30))
    assert sorted(b"".join(shelf.read(name)) for name in made) == [b"four\n", b"one\n", b"two\n"]
    assert all(name.startswith(f"logs/{socket.gethostname()}/2") for name in made)
    assert [path.exists() for path in (current, young, other)] == [True] * 3
    assert [path.exists() for path in (old, older, aside)] == [False] * 3
    assert list(filing.file_logs(current, shelf, 30)) == []


def test_a_log_that_cannot_be_put_away_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = _log(tmp_path, "app.log.1", b"one\n", 31)
    shelf = Shelf(Folder(tmp_path / "files"), tmp_path)

    def refuse(*_: Any) -> None:
        raise OSError("no room")

    monkeypatch.setattr(Folder, "put", refuse)
    with pytest.raises(OSError, match="no room"):
        list(filing.file_logs(tmp_path / "app.log", shelf, 30))
    monkeypatch.undo()
    assert not old.exists(), "it is set aside, so that the next rotation does not write over it"
    (made,) = filing.file_logs(tmp_path / "app.log", shelf, 30)
    assert b"".join(shelf.read(made.name)) == b"one\n"


def test_what_was_changed_cut_off_or_removed_is_found(tmp_path: Path) -> None:
    shelf = Shelf(Folder(tmp_path / "files"), tmp_path)
    content = os.urandom(1 << 20)
    for name in ("logs/changed", "logs/cut", "logs/gone", "logs/good"):
        shelf.put(name, [content])
    root = tmp_path / "files" / "archive" / "logs"
    packed = bytearray((root / "changed.zst").read_bytes())
    packed[1000] ^= 1
    (root / "changed.zst").write_bytes(packed)
    (root / "cut.zst").write_bytes((root / "cut.zst").read_bytes()[:-1000])
    (root / "gone.zst").unlink()
    for name in ("changed", "cut", "gone", "never"):
        with pytest.raises(Damaged):
            b"".join(shelf.read(f"logs/{name}"))
    assert b"".join(shelf.read("logs/good")) == content
    # One whose checksum never came is none.
    (root / "good.sha256").unlink()
    assert [one.name for one in shelf.list("logs/")] == ["logs/changed", "logs/cut"]


def test_commands_put_away_list_restore_and_verify(tmp_path: Path, address: str) -> None:
    home, settings = tmp_path / "home", {"S3_URL": f"{address}/commands"}
    assert command("migrate", home=home).returncode == 0
    (home / "logs").mkdir(exist_ok=True)
    _log(home / "logs", "app.log.1", b"one\n", 31)
    ran = command("archive", "run", home=home, **settings)
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "1 archives were made."), ran.stderr
    (listed,) = orjson.loads(command("archive", "list", "--json", home=home, **settings).stdout)
    to = tmp_path / "found.jsonl"
    restored = command("archive", "restore", listed["name"], "--to", str(to), home=home, **settings)
    assert (restored.returncode, to.read_bytes()) == (0, b"one\n"), restored.stderr
    again = command("archive", "restore", listed["name"], "--to", str(to), home=home, **settings)
    assert (again.returncode, to.read_bytes()) == (2, b"one\n")
    assert "1 of 1 archives" in command("archive", "verify", home=home, **settings).stdout
    wrong = command("archive", "list", home=home, S3_URL=settings["S3_URL"].replace("a-secret", "b"))
    assert (wrong.returncode, wrong.stderr.startswith("taskapi: S3_URL: ")) == (2, True)
    assert "a-secret" not in wrong.stderr
    applied = command("archive", "--apply-lifecycle", home=home, **settings)
    assert "0 archives were deleted" in applied.stdout, applied.stderr


RULE = {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}}


def _policy(tmp_path: Path, **changes: Any) -> lifecycle.Policy:
    path = tmp_path / "policy.json"
    path.write_bytes(orjson.dumps({"Rules": [RULE | changes]}))
    return lifecycle.Policy.read(path)


def test_the_policy_that_comes_along_is_a_good_one() -> None:
    assert [rule.id for rule in lifecycle.Policy.read(None).rules] == ["audit", "logs"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"Transitions": [{"Days": 30, "StorageClass": "NONSENSE"}]}, "StorageClass"),
        ({"Transitions": [{"Days": 10, "StorageClass": "STANDARD_IA"}]}, "younger than 30"),
        (
            {
                "Transitions": [
                    {"Days": 90, "StorageClass": "GLACIER"},
                    {"Days": 90, "StorageClass": "DEEP_ARCHIVE"},
                ]
            },
            "later day",
        ),
        (
            {
                "Transitions": [
                    {"Days": 30, "StorageClass": "GLACIER"},
                    {"Days": 90, "StorageClass": "STANDARD_IA"},
                ]
            },
            "not colder",
        ),
        (
            {"Transitions": [{"Days": 90, "StorageClass": "GLACIER"}], "Expiration": {"Days": 90}},
            "before its last transition",
        ),
        ({"Filter": {"Prefix": ""}}, "Prefix"),
        ({"Filter": {"Prefix": "../exports/"}}, "Prefix"),
        ({"Typo": 1}, "Typo"),
        ({"Expiration": {"Days": 0}}, "Days"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_in_one_line(tmp_path: Path, changes: Any, why: str) -> None:
    with pytest.raises(BadStart, match=why):
        _policy(tmp_path, **changes)


def test_a_server_that_knows_lifecycles_carries_the_policy_out(tmp_path: Path) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        place = S3Place.parse(f"s3+http://k:s@{host}:{port}/bucket/prefix")
        store = S3(place)
        store.client.create_bucket(Bucket="bucket")
        other = {"ID": "others", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 5}}
        store.client.put_bucket_lifecycle_configuration(
            Bucket="bucket", LifecycleConfiguration={"Rules": [other]}
        )
        shelf = Shelf(store, tmp_path)
        for _ in range(2):
            assert lifecycle.apply(lifecycle.Policy.read(None), store, shelf).by_server
        rules = store.client.get_bucket_lifecycle_configuration(Bucket="bucket")["Rules"]
        assert [rule["ID"] for rule in rules] == ["others", "taskapi-audit", "taskapi-logs"]
        assert rules[1]["Filter"] == {"Prefix": "prefix/archive/audit/"}
        assert rules[2]["Expiration"] == {"Days": 365}
        lifecycle.apply(_policy(tmp_path, Expiration={"Days": 7}), store, shelf)
        rules = store.client.get_bucket_lifecycle_configuration(Bucket="bucket")["Rules"]
        assert [rule["ID"] for rule in rules] == ["others", "taskapi-logs"]
    finally:
        server.stop()


def test_a_server_that_knows_none_has_old_archives_deleted_by_us(
    tmp_path: Path, store: FileStore, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("logs/a", "audit/b"):
        shelf.put(name, [b"x"])
    policy = _policy(
        tmp_path, Expiration={"Days": 100}, Transitions=[{"Days": 30, "StorageClass": "GLACIER"}]
    )
    assert lifecycle.apply(policy, store, shelf) == lifecycle.Applied(False, [], ["logs"])
    later = now() + 101 * DAY
    monkeypatch.setattr(lifecycle, "now", lambda: later)
    assert lifecycle.apply(policy, store, shelf).removed == ["logs/a"]
    assert [one.name for one in shelf.list()] == ["audit/b"]


def test_without_a_setting_files_are_in_the_home(app: Flask) -> None:
    parts: Parts = app.extensions["taskapi"]
    assert isinstance(store_of(parts.settings), Folder)

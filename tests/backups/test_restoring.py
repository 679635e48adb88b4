"""A backup brought back: equal to what it was made of, safe to use, and nothing at all where it cannot be."""

import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import func, insert, select

from taskapi import create_app, schema
from taskapi.audit.models import AuditEntry
from taskapi.backups import checksums
from taskapi.backups.making import back_up
from taskapi.backups.manifest import Manifest
from taskapi.backups.restoring import Restored, restore
from taskapi.clock import now
from taskapi.db import Database
from taskapi.epochs import Epoch
from taskapi.errors import BadStart
from taskapi.ids import new_id
from taskapi.jobs import OutboxRow, enqueue
from taskapi.personal_tokens.models import PersonalToken
from taskapi.server import lock_home
from taskapi.sessions.models import LoginSession
from taskapi.settings import Settings
from tests.backups.places import Places
from tests.people import PASSWORD, Api, Person, make_person

# What make_safe changes, and what restoring writes.
CHANGED = {"epochs", "users", "sessions", "personal_tokens", "outbox", "audit"}


@contextmanager
def serving(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    app.extensions["taskapi"].database.close()


@pytest.fixture
def original(places: Places) -> Iterator[Flask]:
    """An instance with its schema."""
    settings = places.settings("original")
    settings.home.mkdir()
    with serving(settings) as app:
        schema.migrate(app.extensions["taskapi"].database)
        yield app


@pytest.fixture
def person(original: Flask) -> Person:
    person = make_person(original)
    task = person.new_task("Größe: 42 €", labels=["Straße"], description="one\ntwo")
    person.api.post("/projects", {"name": "家"})
    person.api.delete(f"/tasks/{person.new_task()['id']}")
    person.api.patch(f"/tasks/{task['id']}", {"status": "done"}, headers={"Idempotency-Key": "k"})
    return person


def backed_up(
    places: Places, app: Flask, to: str = "backup", with_keys: bool = False
) -> tuple[Path, Manifest]:
    settings = app.extensions["taskapi"].settings
    folder = places.folder / to
    return folder, back_up(settings, folder, with_keys, places.programs, lambda _done, _pages: None)


def brought_back(places: Places, folder: Path, into: Settings, keep_tokens: bool = False) -> Restored:
    return restore(into, folder, keep_tokens, places.programs)


def sums_of(settings: Settings) -> dict[str, checksums.TableSum]:
    with closing(Database(settings)) as database, database.schema_connection() as connection:
        return checksums.tables_of(connection)


def all_rows(settings: Settings, model: Any) -> list[Mapping[str, Any]]:
    with closing(Database(settings)) as database, database.reader() as session:
        return [row._asdict() for row in session.rows(select(*model.__table__.c))]


def test_every_table_comes_back_as_it_was(places: Places, original: Flask, person: Person) -> None:
    before = sums_of(person.parts.settings)
    folder, made = backed_up(places, original)
    assert made.tables == before
    assert sum(table.rows > 0 for table in before.values()) >= 7
    into = places.settings("copy")
    restored = brought_back(places, folder, into)
    after = sums_of(into)
    assert after.keys() == before.keys()
    assert {name: after[name] for name in after.keys() - CHANGED} == {
        name: before[name] for name in before.keys() - CHANGED
    }
    assert {name: after[name].rows - before[name].rows for name in CHANGED - {"epochs"}} == {
        "users": 0,
        "sessions": 0,
        "personal_tokens": 0,
        "outbox": 0,
        "audit": 1,
    }
    assert restored.schema_revision == schema.head()


def test_sessions_are_over_and_the_password_lets_in(places: Places, original: Flask, person: Person) -> None:
    folder, _ = backed_up(places, original, with_keys=True)
    lost = person.another_session()
    into = places.settings("copy")
    restored = brought_back(places, folder, into)
    assert (restored.safety.ended_sessions, restored.safety.users) == (1, 1)
    # The same keys: what refuses the token is the database.
    with serving(into) as copy:
        # Also what was given in the lost time, to a session of which the copy knows nothing.
        for grant in (person.grant, lost.grant):
            assert Api(copy, grant.access_token).get("/tasks").status_code == 401
            refresh = {"refresh_token": grant.refresh_token}
            assert Api(copy).post("/auth/refresh", refresh).status_code == 401
        credentials = {"email": person.email, "password": PASSWORD}
        token = Api(copy).post("/auth/login", credentials).json["access_token"]
        items = Api(copy, token).get("/tasks").json["items"]
        assert [item["title"] for item in items] == ["Größe: 42 €"]


def test_no_tag_and_no_epoch_of_the_lost_time_is_believed(
    places: Places, original: Flask, person: Person
) -> None:
    folder, _ = backed_up(places, original, with_keys=True)
    lost = person.new_task("Lost")
    listed = person.api.get("/tasks")
    mine = person.api.get("/me")
    newest = max(row["value"] for row in all_rows(person.parts.settings, Epoch))
    into = places.settings("copy")
    brought_back(places, folder, into)
    assert min(row["value"] for row in all_rows(into, Epoch)) > newest
    with serving(into) as copy:
        credentials = {"email": person.email, "password": PASSWORD}
        api = Api(copy, Api(copy).post("/auth/login", credentials).json["access_token"])
        assert api.get(f"/tasks/{lost['id']}").status_code == 404
        for path, known in (("/tasks", listed), ("/me", mine)):
            headers = {"If-None-Match": known.etag, "Consistency-Token": listed.headers["Consistency-Token"]}
            assert api.get(path, headers=headers).status_code == 200


def test_waiting_mails_are_parked_with_the_reason_and_other_jobs_wait_on(
    places: Places, original: Flask, person: Person
) -> None:
    with person.parts.database.writer() as session:
        enqueue(session, "mail.reset_password", {"email_key": person.email}, "r", person.id)
        enqueue(session, "tidy.something", {}, "r")
    folder, _ = backed_up(places, original)
    into = places.settings("copy")
    parked = brought_back(places, folder, into).safety.parked_mails
    jobs = {row["kind"]: row for row in all_rows(into, OutboxRow)}
    assert parked == 1
    assert jobs["mail.reset_password"]["parked_at"] is not None
    assert "restore" in jobs["mail.reset_password"]["last_error"]
    assert jobs["tidy.something"]["parked_at"] is None


@pytest.mark.parametrize("keep", [False, True])
def test_personal_tokens_are_revoked_unless_somebody_wants_them(
    places: Places, original: Flask, person: Person, keep: bool
) -> None:
    token = {"user_id": person.id, "id": new_id(), "name": "script", "scopes": "tasks:read", "prefix": "tk_"}
    with person.parts.database.writer() as session:
        session.run(insert(PersonalToken), token | {"digest": "d" * 64, "created_at": now()})
    folder, _ = backed_up(places, original)
    into = places.settings("copy")
    assert brought_back(places, folder, into, keep_tokens=keep).safety.revoked_tokens == (not keep)
    (row,) = all_rows(into, PersonalToken)
    assert (row["revoked_at"] is None) == keep


def test_the_audit_log_says_that_it_was_restored(places: Places, original: Flask, person: Person) -> None:
    folder, made = backed_up(places, original)
    into = places.settings("copy")
    brought_back(places, folder, into)
    entry = max(all_rows(into, AuditEntry), key=lambda row: row["id"])
    assert entry["action"] == "instance.restored"
    assert orjson.loads(entry["details"])["backup_of"] == made.made_at


def test_nothing_is_overwritten(places: Places, original: Flask, person: Person) -> None:
    folder, _ = backed_up(places, original)
    into = places.settings("copy")
    brought_back(places, folder, into)
    before = sums_of(into)
    for there in (into, person.parts.settings):
        with pytest.raises(BadStart, match="never overwritten"):
            brought_back(places, folder, there)
    assert sums_of(into) == before
    with pytest.raises(BadStart, match="exists already"):
        backed_up(places, original)


def test_a_running_server_is_not_restored_under(places: Places, original: Flask, person: Person) -> None:
    folder, _ = backed_up(places, original)
    into = places.settings("copy")
    into.home.mkdir()
    with lock_home(into):
        if into.is_sqlite:
            with pytest.raises(BadStart, match="another process"):
                brought_back(places, folder, into)


def changed_file(folder: Path) -> None:
    (path,) = (path for path in folder.iterdir() if path.suffix in {".db", ".dump"})
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


def missing_file(folder: Path) -> None:
    (path,) = (path for path in folder.iterdir() if path.suffix in {".db", ".dump"})
    path.unlink()


def changed_manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def change_it(folder: Path) -> None:
        manifest = orjson.loads((folder / "manifest.json").read_bytes())
        change(manifest)
        (folder / "manifest.json").write_bytes(orjson.dumps(manifest))

    return change_it


def no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a changed byte": (changed_file, "its checksum differs"),
    "a missing file": (missing_file, "cannot be read"),
    "no manifest": (no_manifest, "cannot be read"),
    "something else for a manifest": (
        changed_manifest(lambda it: it.clear()),
        "not the manifest",
    ),
    "a later format": (changed_manifest(lambda it: it.update(format=2)), "not the manifest"),
    "a newer schema": (changed_manifest(lambda it: it.update(schema_revision="9999")), "is newer"),
    "another engine": (changed_manifest(lambda it: it.update(engine="other")), "not the manifest"),
    "another table": (
        changed_manifest(lambda it: it["tables"]["tasks"].update(checksum="0" * 64)),
        "the table tasks is not as it was",
    ),
    "a missing row": (changed_manifest(lambda it: it["tables"]["users"].update(rows=9)), "the table users"),
}


# What is found by reading files alone is found alike on both engines.
BY_ENGINE = {"a changed byte", "another table", "a missing row", "a newer schema"}
CASES = [("sqlite", case) for case in FAULTS] + [("postgresql", case) for case in sorted(BY_ENGINE)]


@pytest.mark.parametrize(("places", "case"), CASES, indirect=["places"])
def test_what_does_not_match_its_manifest_is_refused_and_nothing_can_be_served_from(
    places: Places, original: Flask, person: Person, case: str
) -> None:
    plant, said = FAULTS[case]
    folder, _ = backed_up(places, original)
    plant(folder)
    into = places.settings("copy")
    with pytest.raises(BadStart, match=said):
        brought_back(places, folder, into)
    if into.is_sqlite:
        assert [path.name for path in into.home.glob("*") if path.name != "lock"] == []
    else:
        with closing(Database(into)) as database, pytest.raises(BadStart):
            schema.require_served(database)


def test_a_backup_of_the_other_engine_is_refused(places: Places, original: Flask, person: Person) -> None:
    folder, made = backed_up(places, original)
    other = "postgresql" if made.engine == "sqlite" else "sqlite"
    changed_manifest(lambda it: it.update(engine=other))(folder)
    with pytest.raises(BadStart, match=f"a backup of {other}"):
        brought_back(places, folder, places.settings("copy"))


def test_an_older_schema_is_migrated_after_it_was_made_safe(
    places: Places, original: Flask, person: Person
) -> None:
    schema.migrate(person.parts.database, "0001")
    folder, made = backed_up(places, original)
    assert made.schema_revision == "0001"
    into = places.settings("copy")
    assert brought_back(places, folder, into).schema_revision == schema.head()
    with closing(Database(into)) as database:
        schema.require_served(database)
    assert all(row["ended_at"] for row in all_rows(into, LoginSession))


def test_a_backup_is_its_owners_alone_and_has_keys_only_where_asked(
    places: Places, original: Flask, person: Person
) -> None:
    plain, _ = backed_up(places, original, "plain")
    whole, _ = backed_up(places, original, "whole", with_keys=True)
    assert not (plain / "keys").exists()
    for folder in (plain, whole):
        for path in [folder, *folder.rglob("*")]:
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    into = places.settings("copy")
    assert sorted(brought_back(places, whole, into).keys) == ["secret", "signing.pem"]
    for name in ("secret", "signing.pem"):
        copied = into.home / "keys" / name
        assert copied.read_bytes() == (person.parts.settings.home / "keys" / name).read_bytes()
        assert stat.S_IMODE(copied.stat().st_mode) == 0o600
    if into.sqlite_file is not None:
        assert stat.S_IMODE(into.sqlite_file.stat().st_mode) == 0o600
    assert {path.name for path in places.folder.iterdir()} == {"original", "plain", "whole", "copy"}


def test_what_cannot_be_backed_up_leaves_nothing(places: Places) -> None:
    empty = places.settings("empty")
    with pytest.raises(BadStart, match=r"no database|no schema"):
        back_up(empty, places.folder / "backup", False, places.programs, lambda _done, _pages: None)
    assert not [path for path in places.folder.iterdir() if "backup" in path.name]


def test_checksums_do_not_depend_on_order_and_see_every_value(
    places: Places, original: Flask, person: Person
) -> None:
    before = sums_of(person.parts.settings)
    (task,) = person.api.get("/tasks").json["items"]
    person.api.patch(f"/tasks/{task['id']}", {"title": "Größe: 43 €"})
    after = sums_of(person.parts.settings)
    assert {name for name in before if before[name] != after[name]} >= {"tasks", "task_history", "epochs"}
    assert before["tasks"].rows == after["tasks"].rows
    with person.parts.database.reader() as session:
        count = select(func.count()).select_from(Epoch)
        assert session.value(count) == after["epochs"].rows

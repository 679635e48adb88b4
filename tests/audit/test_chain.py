"""The chain over the audit: what anybody changed, deleted or moved in it is named."""

import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, insert, select

from taskapi.actors import Operator
from taskapi.audit.models import AuditEntry, AuditLink
from taskapi.audit.service import remember_act
from taskapi.audit_chain import jobs, service
from taskapi.audit_chain.service import Head, Verdict, link_all, verify
from taskapi.clock import HOUR, now
from taskapi.db import Database
from taskapi.handlers import HANDLERS, PERIODIC
from taskapi.ids import first_id, moment_of, new_id
from taskapi.jobs import Job
from taskapi.parts import Parts
from tests.audit.rows import plant_entries, tamper
from tests.conftest import ENGINES


@pytest.fixture(scope="module", params=ENGINES)
def lasting(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Database:
    """A database of this module's own."""
    parts: Parts = make_app(request.param).extensions["taskapi"]
    return parts.database


@pytest.fixture
def database(lasting: Database) -> Database:
    """The same with an empty audit."""
    tamper(lasting, "DELETE FROM audit", "DELETE FROM audit_chain")
    return lasting


def verdict_of(database: Database, noted: Head | None = None) -> Verdict:
    with database.reader() as session:
        return verify(session, noted)


def kinds(verdict: Verdict) -> list[tuple[str, int | None]]:
    return [(fault.kind, fault.sequence) for fault in verdict.faults]


def linked(database: Database, number: int) -> list[str]:
    """A database with so many linked entries; their ids in the order of their links, the first is link 1."""
    ids = plant_entries(database, number)
    assert link_all(database) == number
    assert kinds(verdict_of(database)) == []
    return ids


def test_an_untouched_chain_is_found_whole_whenever_it_was_linked(database: Database) -> None:
    assert verdict_of(database) == Verdict(Head(0, bytes(32)), [])
    heads = []
    for number in (1, 5, 0, 7):
        plant_entries(database, number)
        assert link_all(database) == number
        heads.append(verdict_of(database).head)
    assert [head.sequence for head in heads] == [1, 6, 6, 13]
    for head in heads:
        assert verdict_of(database, Head.parse(str(head))).faults == []


def test_both_engines_make_the_very_same_chain(make_app: Callable[..., Flask]) -> None:
    heads = set()
    given = {
        "id": new_id(),
        "actor_id": new_id(),
        "target_id": new_id(),
        "at": now(),
        "details": '{"é":"山"}',
    }
    for engine in ENGINES:
        database = make_app(engine).extensions["taskapi"].database
        plant_entries(database, 1, **given)
        link_all(database)
        heads.add(verdict_of(database).head.digest)
    assert len(heads) == 1


CHANGES = {
    "actor_id": "UPDATE audit SET actor_id = NULL WHERE id = :entry",
    "action": "UPDATE audit SET action = 'user.enabled' WHERE id = :entry",
    "at": "UPDATE audit SET at = at + 1 WHERE id = :entry",
    "details": "UPDATE audit SET details = '{}' WHERE id = :entry",
    "target_kind": "UPDATE audit SET target_kind = 'task' WHERE id = :entry",
    "via": "UPDATE audit SET via = 'cli' WHERE id = :entry",
    "request_id": "UPDATE audit SET request_id = 'another' WHERE id = :entry",
}


@pytest.mark.parametrize("column", CHANGES)
def test_a_changed_entry_is_named(database: Database, column: str) -> None:
    ids = linked(database, 12)
    tamper(database, CHANGES[column], entry=ids[6])
    (fault,) = verdict_of(database).faults
    assert (fault.kind, fault.sequence, fault.entry_id) == ("entry_changed", 7, ids[6])
    assert ids[6] in fault.detail


STRANGE = {
    "bytes for text": "UPDATE audit SET request_id = CAST(request_id AS BLOB) WHERE id = :entry",
    "text for a number": "UPDATE audit SET at = 'yesterday' WHERE id = :entry",
    "no number": "UPDATE audit SET at = 9e999 WHERE id = :entry",
    "text for bytes": "UPDATE audit_chain SET digest = 'abc' WHERE entry_id = :entry",
    "a number for bytes": "UPDATE audit_chain SET digest = 7 WHERE entry_id = :entry",
}


@pytest.mark.parametrize("what", STRANGE)
def test_what_sqlite_alone_takes_is_named_too(make_app: Callable[..., Flask], what: str) -> None:
    database: Database = make_app("sqlite").extensions["taskapi"].database
    ids = linked(database, 12)
    tamper(database, STRANGE[what], entry=ids[6])
    plant_entries(database, 1)
    assert link_all(database) == 1
    (fault,) = verdict_of(database).faults
    assert (fault.sequence, fault.entry_id) == (7, ids[6])


def test_a_deleted_entry_is_named(database: Database) -> None:
    ids = linked(database, 12)
    tamper(database, "DELETE FROM audit WHERE id = :entry", entry=ids[6])
    (fault,) = verdict_of(database).faults
    assert (fault.kind, fault.sequence, fault.entry_id) == ("entry_deleted", 7, ids[6])


def test_deleted_links_are_named_with_and_without_their_entries(database: Database) -> None:
    ids = linked(database, 12)
    tamper(
        database,
        "DELETE FROM audit_chain WHERE sequence IN (4, 5, 9)",
        "DELETE FROM audit WHERE id = :entry",
        entry=ids[8],
    )
    assert kinds(verdict_of(database)) == [("link_deleted", 4), ("link_deleted", 9)]
    # Linked anew the entries are no proof of anything: what is missing stays missing.
    assert link_all(database) == 2
    assert kinds(verdict_of(database)) == [("link_deleted", 4), ("link_deleted", 9)]


def test_a_changed_digest_is_told_from_a_changed_entry(database: Database) -> None:
    ids = linked(database, 12)
    tamper(database, "UPDATE audit_chain SET digest = :digest WHERE sequence = 7", digest=bytes(32))
    (fault,) = verdict_of(database).faults
    assert (fault.kind, fault.sequence, fault.entry_id) == ("link_changed", 7, ids[6])


@pytest.mark.parametrize(("first", "second"), [(3, 4), (3, 9), (1, 12)])
def test_links_that_changed_places_are_named(database: Database, first: int, second: int) -> None:
    ids = linked(database, 12)
    tamper(
        database,
        "UPDATE audit_chain SET sequence = -1 WHERE sequence = :first",
        "UPDATE audit_chain SET sequence = :first WHERE sequence = :second",
        "UPDATE audit_chain SET sequence = :second WHERE sequence = -1",
        first=first,
        second=second,
    )
    found = verdict_of(database).faults
    assert {fault.kind for fault in found} == {"link_moved"}
    assert (found[0].sequence, found[0].entry_id) == (first, ids[second - 1])
    assert second in {fault.sequence for fault in found}


def test_entries_that_were_exchanged_between_links_are_named(database: Database) -> None:
    ids = linked(database, 12)
    tamper(
        database,
        "UPDATE audit_chain SET entry_id = :spare WHERE sequence = 3",
        "UPDATE audit_chain SET entry_id = :third WHERE sequence = 9",
        "UPDATE audit_chain SET entry_id = :ninth WHERE sequence = 3",
        spare=new_id(),
        third=ids[2],
        ninth=ids[8],
    )
    assert kinds(verdict_of(database)) == [("link_moved", 3), ("link_moved", 9)]


def test_a_cut_off_end_shows_by_a_noted_head_alone(database: Database) -> None:
    ids = linked(database, 12)
    noted = verdict_of(database).head
    tamper(
        database,
        "DELETE FROM audit_chain WHERE sequence > 10",
        "DELETE FROM audit WHERE id IN (:one, :two)",
        one=ids[10],
        two=ids[11],
    )
    assert verdict_of(database).faults == []
    assert kinds(verdict_of(database, noted)) == [("head_missing", 11)]
    # Whatever is written in their place has other digests.
    plant_entries(database, 2)
    link_all(database)
    assert verdict_of(database).faults == []
    assert kinds(verdict_of(database, noted)) == [("head_differs", 12)]


def test_what_was_slipped_in_afterwards_is_named_until_it_is_linked_on_purpose(database: Database) -> None:
    ids = linked(database, 3)
    old = first_id(moment_of(ids[0]) - 2 * HOUR)
    plant_entries(database, 1, id=old)
    assert link_all(database) == 0
    (fault,) = verdict_of(database).faults
    assert (fault.kind, fault.entry_id) == ("never_linked", old)
    assert link_all(database, late=True) == 1
    assert verdict_of(database).faults == []


@pytest.mark.parametrize("sequence", [0, -5, -(2**63)])
def test_a_link_outside_of_the_chain_hides_no_entry(database: Database, sequence: int) -> None:
    # By inserting alone, which is what the service's own role may do.
    hidden = linked(database, 5)[0][:-4] + "0000"
    plant_entries(database, 1, id=hidden)
    with database.writer() as session:
        session.run(insert(AuditLink), {"sequence": sequence, "entry_id": hidden, "digest": bytes(32)})
    assert link_all(database) == 0
    (fault,) = verdict_of(database).faults
    assert (fault.kind, fault.sequence, fault.entry_id) == ("link_invented", sequence, hidden)


def test_a_chain_that_began_outside_goes_on_from_its_own_beginning(database: Database) -> None:
    with database.writer() as session:
        session.run(insert(AuditLink), {"sequence": -9, "entry_id": new_id(), "digest": bytes(32)})
    plant_entries(database, 3)
    assert link_all(database) == 3
    assert verdict_of(database).head.sequence == 3
    assert kinds(verdict_of(database)) == [("link_invented", -9)]


def test_a_link_at_the_end_of_all_numbers_stops_no_linking(database: Database) -> None:
    linked(database, 5)
    with database.writer() as session:
        session.run(insert(AuditLink), {"sequence": 2**63 - 1, "entry_id": new_id(), "digest": bytes(32)})
    plant_entries(database, 2)
    assert link_all(database) == 2
    assert kinds(verdict_of(database)) == [("link_deleted", 8)]


def test_what_commits_late_or_by_a_clock_behind_is_linked_later(database: Database) -> None:
    ids = linked(database, 3)
    plant_entries(database, 1, id=first_id(moment_of(ids[0]) - HOUR // 2))
    assert link_all(database) == 1
    plant_entries(database, 1, id=first_id(now() + 20 * HOUR))
    assert link_all(database) == 1
    # An id from the future hides nothing of today.
    plant_entries(database, 2)
    assert link_all(database) == 2
    assert verdict_of(database).faults == []


def test_so_many_faults_are_told_and_no_more(database: Database) -> None:
    linked(database, 60)
    tamper(database, "UPDATE audit SET via = 'cli'")
    found = kinds(verdict_of(database))
    assert found == [("entry_changed", sequence) for sequence in range(1, service.MOST_FAULTS + 1)]


def test_linkers_and_writers_at_once_make_one_chain_without_gaps(database: Database) -> None:
    stop = threading.Event()

    def write() -> int:
        for number in range(30):
            with database.writer() as session:
                remember_act(session, Operator(f"writer-{number}"), "test.written")
        return 30

    def link_again_and_again() -> int:
        number = 0
        while not stop.wait(0.01):
            number += link_all(database)
        return number

    with ThreadPoolExecutor(6) as pool:
        linkers = [pool.submit(link_again_and_again) for _ in range(2)]
        writers = [pool.submit(write) for _ in range(4)]
        wait(writers)
        stop.set()
        written = sum(future.result() for future in writers)
        by_linkers = sum(future.result() for future in linkers)
    assert by_linkers + link_all(database) == written == 120
    verdict = verdict_of(database)
    assert (verdict.head.sequence, verdict.faults) == (written, [])


def test_the_job_links_and_tells_the_head(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    parts: Any = SimpleNamespace(database=database)
    assert [one.kind for one in PERIODIC if one.kind == "audit.link"] == ["audit.link"]
    plant_entries(database, service._BATCH + 1)
    job = Job(new_id(), "audit.link", {}, None, "r", now(), 1)
    with caplog.at_level("INFO", "taskapi.audit"), closing(database.new_writer()) as session:
        assert HANDLERS["audit.link"] is jobs.link
        jobs.link(parts, session, job)
    head = verdict_of(database).head
    assert head.sequence == service._BATCH + 1
    assert f"the audit's chain ends at {head}" in caplog.text
    caplog.clear()
    with closing(database.new_writer()) as session:
        jobs.link(parts, session, job)
    assert caplog.text == ""


@pytest.mark.parametrize("text", ["", "7", "7:", "x:" + "0" * 64, "7:" + "0" * 63, "7:" + "x" * 64])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Head.parse(text)


def _tampered_with_each(database: Database, number: int) -> tuple[float, Verdict]:
    """One changed, one deleted, one moved of so many; how long it took to tell, and what."""
    ids = linked(database, number)
    changed, deleted, moved = number // 5, number // 3, number // 2
    tamper(
        database,
        "UPDATE audit SET action = 'user.enabled' WHERE id = :changed",
        "DELETE FROM audit WHERE id = :deleted",
        "UPDATE audit_chain SET sequence = -1 WHERE sequence = :moved",
        "UPDATE audit_chain SET sequence = :moved WHERE sequence = :moved + 1",
        "UPDATE audit_chain SET sequence = :moved + 1 WHERE sequence = -1",
        changed=ids[changed - 1],
        deleted=ids[deleted - 1],
        moved=moved,
    )
    began = time.monotonic()
    verdict = verdict_of(database)
    took = time.monotonic() - began
    found = kinds(verdict)
    assert found[:4] == [
        ("entry_changed", changed),
        ("entry_deleted", deleted),
        ("link_moved", moved),
        ("link_moved", moved + 1),
    ]
    assert {kind for kind, _ in found[4:]} <= {"link_moved"}
    return took, verdict


def test_one_changed_one_deleted_and_one_moved_of_many_are_all_named(database: Database) -> None:
    _tampered_with_each(database, 2000)


@pytest.mark.prove
def test_one_changed_one_deleted_and_one_moved_of_100_000_are_all_named(database: Database) -> None:
    took, verdict = _tampered_with_each(database, 100_000)
    print(f"\n100,000 entries with faults in {took:.1f} s:")  # noqa: T201 - a proof prints its figures
    for fault in verdict.faults:
        print(f"  {fault.detail}")  # noqa: T201 - as above


@pytest.mark.prove
def test_100_000_entries_are_held_against_the_chain_in_seconds_and_in_constant_memory(
    database: Database,
) -> None:
    plant_entries(database, 100_000)
    began = time.monotonic()
    assert link_all(database) == 100_000
    linking = time.monotonic() - began
    began = time.monotonic()
    assert verdict_of(database).faults == []
    took = time.monotonic() - began
    tracemalloc.start()
    verdict_of(database)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(  # noqa: T201 - a proof prints its figures
        f"\n100,000 entries: linked in {linking:.1f} s, verified in {took:.1f} s, {peak >> 20} MiB at most"
    )
    assert peak < 32 << 20
    with database.reader() as session:
        for table in (AuditEntry, AuditLink):
            assert session.value(select(func.count()).select_from(table)) == 100_000

"""The chain of what was remembered: linking new entries, and finding what somebody changed (ADR 8)."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

import orjson

from taskapi.audit_chain import queries
from taskapi.clock import HOUR, now
from taskapi.db import Database, Session
from taskapi.ids import first_id, moment_of

# Any number, the same in every release: two linkers of one database wait for each other.
_ADVISORY_LOCK = 7_264_733_110
# How far behind the newest link an entry may still turn up: a transaction's length, and clocks that differ.
_LATEST = HOUR
_BATCH = 2000
# So many links that do not hold are looked into; beyond them the chain was not tampered with but replaced.
MOST_FAULTS = 20

_log = logging.getLogger("taskapi.audit")

Kind = Literal[
    "entry_changed",
    "entry_deleted",
    "link_changed",
    "link_deleted",
    "link_moved",
    "link_invented",
    "never_linked",
    "head_missing",
    "head_differs",
]


@dataclass(frozen=True)
class Head:
    """The newest link: whoever noted one can tell that nothing up to it was changed or cut off since."""

    sequence: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.sequence}:{self.digest.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Raises ValueError for what is not `SEQUENCE:DIGEST`."""
        sequence, _, digest = text.strip().partition(":")
        if len(digest) != 2 * len(_GENESIS.digest):
            raise ValueError("a digest has 64 hexadecimal digits")
        return cls(int(sequence), bytes.fromhex(digest))


# What the first link follows.
_GENESIS = Head(0, bytes(sha256().digest_size))


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was written; `detail` says it in words, with the ids."""

    kind: Kind
    detail: str
    sequence: int | None = None
    entry_id: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What was found: the head of the chain, which tells its length, and the faults, the first one first."""

    head: Head
    faults: list[Fault]


@dataclass(eq=False)
class _Suspect:
    """A link whose digest is not that of its entry after the link before it."""

    sequence: int
    before: bytes
    entry: Any
    digest: bytes
    kind: Kind = "entry_changed"
    detail: str = field(default="")

    @property
    def expected(self) -> bytes:
        return digest_of(self.before, self.entry)


def digest_of(before: bytes, entry: Any) -> bytes:
    """The digest of a link: SHA-256 over the digest of the link before and the canonical bytes of the entry.

    Those are the JSON array of its columns, compact and in their order; SQLite and PostgreSQL hold the same.
    Whatever else somebody put into a column of SQLite, which takes anything, has a digest too, by its type.
    """
    columns = [
        entry.id,
        entry.at,
        entry.actor_id,
        entry.action,
        entry.target_kind,
        entry.target_id,
        entry.via,
        entry.request_id,
        entry.details,
    ]
    return sha256(_bytes(before) + orjson.dumps(columns, default=_strange)).digest()


def _bytes(digest: Any) -> bytes:
    """A digest; on SQLite somebody may have put anything else in its place."""
    return digest if isinstance(digest, bytes) else repr(digest).encode()


def _strange(value: object) -> dict[str, str]:
    """What no entry of ours holds, in a form that no column of ours has."""
    return {type(value).__name__: repr(value)}


def link_all(database: Database, late: bool = False) -> int:
    """Link what is not linked yet, a batch in each transaction, and log each head; how many were linked.

    Entries are looked for from an hour before the newest link on; `late` says from the beginning on.
    """
    linked = 0
    while True:
        with database.writer() as session:
            head, number = link(session, late)
        if number:
            # Told once it is committed: logs are kept elsewhere, and a head in them is a promise.
            _log.info("the audit's chain ends at %s", head)
        linked += number
        if number < _BATCH:
            return linked


def link(session: Session, late: bool = False) -> tuple[Head, int]:
    """Link a batch of entries, the oldest first; the head, and how many were linked."""
    if session.dialect == "postgresql":
        # On SQLite the transaction itself is alone.
        session.row(queries.LOCK, key=_ADVISORY_LOCK)
    newest = session.row(queries.HEAD)
    oldest = first_id(0) if late else _oldest_new(newest)
    head = Head(newest.sequence, _bytes(newest.digest)) if newest else _GENESIS
    links = []
    for entry in session.rows(queries.UNLINKED, oldest=oldest, most=_BATCH):
        head = Head(head.sequence + 1, digest_of(head.digest, entry))
        links.append({"sequence": head.sequence, "entry_id": entry.id, "digest": head.digest})
    if links:
        session.run(queries.LINK, links)
    return head, len(links)


def verify(session: Session, noted: Head | None = None) -> Verdict:
    """Hold the whole chain, in stretches, against the entries, and against a head that was noted."""
    faults: list[Fault] = []
    suspects: list[_Suspect] = []
    before = _GENESIS
    for row in _links(session):
        fault = _missing(before, row)
        if fault is not None:
            faults.append(fault)
        elif digest_of(before.digest, row) != row.digest and not _follows(suspects, before, row):
            suspects.append(_Suspect(row.sequence, before.digest, row, row.digest))
        if noted is not None and row.sequence == noted.sequence and row.digest != noted.digest:
            faults.append(_head_differs(noted))
        before = Head(row.sequence, _bytes(row.digest))
        if len(faults) + len(suspects) >= MOST_FAULTS:
            break
    else:
        faults.extend(_beyond(session, before, noted))
    faults.extend(_looked_into(session, suspects))
    return Verdict(before, sorted(faults, key=lambda fault: fault.sequence or before.sequence + 1))


def _links(session: Session) -> Iterator[Any]:
    after = 0
    while True:
        stretch = session.rows(queries.STRETCH, after=after, most=_BATCH)
        yield from stretch
        if len(stretch) < _BATCH:
            return
        after = stretch[-1].sequence


def _missing(before: Head, row: Any) -> Fault | None:
    """What is not there any more: links before this one, or its entry."""
    first, last = before.sequence + 1, row.sequence - 1
    if first <= last:
        gone = f"link {first} was" if first == last else f"links {first} to {last} were"
        return Fault("link_deleted", f"{gone} deleted from the chain", first)
    if row.id is None:
        detail = f"entry {row.entry_id}, linked as {row.sequence}, was deleted"
        return Fault("entry_deleted", detail, row.sequence, row.entry_id)
    return None


def _follows(suspects: list[_Suspect], before: Head, row: Any) -> bool:
    """Whether a link follows what the suspect before it should be: then that one's digest was changed."""
    last = suspects[-1] if suspects else None
    if last is None or last.sequence != before.sequence or digest_of(last.expected, row) != row.digest:
        return False
    last.kind = "link_changed"
    last.detail = f"the digest of link {last.sequence} was changed; its entry {last.entry.entry_id} is intact"
    return True


def _looked_into(session: Session, suspects: list[_Suspect]) -> list[Fault]:
    """Suspects as faults, after another walk: what was moved fits in another place of the chain."""
    unexplained = [one for one in suspects if one.kind == "entry_changed"]
    for suspect in unexplained:
        if digest_of(_GENESIS.digest, suspect.entry) == suspect.digest:
            suspect.kind = "link_moved"
            suspect.detail = f"link {suspect.sequence}, of entry {suspect.entry.entry_id}, was the first one"
    for row in _links(session) if unexplained else ():
        for suspect in unexplained:
            if digest_of(row.digest, suspect.entry) == suspect.digest:
                suspect.kind = "link_moved"
                suspect.detail = (
                    f"link {suspect.sequence}, of entry {suspect.entry.entry_id}, is out of its place: it"
                    f" belongs after the link that is now {row.sequence}"
                )
            elif row.id is not None and digest_of(suspect.before, row) == suspect.digest:
                suspect.kind = "link_moved"
                suspect.detail = (
                    f"link {suspect.sequence} names entry {suspect.entry.entry_id}, and was made for entry"
                    f" {row.entry_id}, which link {row.sequence} names now"
                )
    return [
        Fault(
            one.kind,
            one.detail or f"entry {one.entry.entry_id}, linked as {one.sequence}, was changed",
            one.sequence,
            one.entry.entry_id,
        )
        for one in suspects
    ]


def _beyond(session: Session, end: Head, noted: Head | None) -> Iterator[Fault]:
    """What the links themselves do not show."""
    invented = session.row(queries.BEFORE_FIRST)
    if invented is not None:
        detail = (
            f"link {invented.sequence}, of entry {invented.entry_id}, is none of ours: the chain begins at 1,"
            " and an entry with such a link is never taken into it"
        )
        yield Fault("link_invented", detail, invented.sequence, invented.entry_id)
    passed_by = session.row(queries.PASSED_BY, oldest=_oldest_new(session.row(queries.HEAD)))
    if passed_by is not None:
        detail = (
            f"entry {passed_by.id} was never linked (one of {passed_by.number}): it was written afterwards,"
            " its link was deleted, or a clock was an hour behind; `taskapi audit link` takes it in"
        )
        yield Fault("never_linked", detail, entry_id=passed_by.id)
    if noted is not None and noted.sequence > end.sequence:
        detail = (
            f"the chain ends at link {end.sequence}, and the noted head was {noted.sequence}: it was cut off"
        )
        yield Fault("head_missing", detail, end.sequence + 1)


def _head_differs(noted: Head) -> Fault:
    detail = f"the digest of link {noted.sequence} is not the noted one: the chain was made anew"
    return Fault("head_differs", detail, noted.sequence)


def _oldest_new(newest: Any) -> str:
    """From which id on entries may be new, by the newest link."""
    if newest is None:
        return first_id(0)
    # A clock that was ahead must not hide what comes after it.
    return first_id(min(moment_of(newest.entry_id), now()) - _LATEST)

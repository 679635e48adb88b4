"""The statements of this feature, built once."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, bindparam, insert, select

from taskapi.audit.models import ENTRY, AuditEntry

REMEMBER = insert(AuditEntry)

_ID = AuditEntry.id.type
_FILTERS = {
    "actor": AuditEntry.actor_id == bindparam("actor", type_=_ID),
    "action": AuditEntry.action == bindparam("action"),
    "since": AuditEntry.at >= bindparam("since"),
    "until": AuditEntry.at < bindparam("until"),
    # Ids are ordered by time as well, and have an index: these bounds spare reading what is out of range.
    "since_id": AuditEntry.id >= bindparam("since_id", type_=_ID),
    "until_id": AuditEntry.id < bindparam("until_id", type_=_ID),
    "after_id": AuditEntry.id < bindparam("after_id", type_=_ID),
}


def entries(filters: Iterable[str]) -> Select[*tuple[Any, ...]]:
    """A page of entries, the newest first, with these of the filters."""
    return _entries(tuple(sorted(filters)))


@lru_cache(maxsize=128)
def _entries(filters: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    newest = select(*ENTRY).where(*(_FILTERS[name] for name in filters))
    return newest.order_by(AuditEntry.id.desc()).limit(bindparam("most"))

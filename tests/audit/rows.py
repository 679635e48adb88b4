"""Audit entries of a test's own database: many at once, and changed as only an attacker could."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, text

from taskapi.audit.models import AuditEntry
from taskapi.clock import now
from taskapi.db import Database
from taskapi.ids import new_id

GUARDS = {
    "sqlite": [
        f"DROP TRIGGER {table}_no_{event}"
        for table in ("audit", "audit_chain")
        for event in ("update", "delete", "replace")
    ],
    "postgresql": [f"DROP TRIGGER {table}_is_append_only ON {table}" for table in ("audit", "audit_chain")],
}


def plant_entries(database: Database, number: int, **columns: Any) -> list[str]:
    """Entries as `remember` writes them; their ids in order."""
    ids = [new_id() for _ in range(number)]
    for begin in range(0, number, 5000):
        rows = [
            {
                "id": one,
                "at": now(),
                "actor_id": new_id(),
                "action": "user.disabled",
                "target_kind": "user",
                "target_id": new_id(),
                "via": "api",
                "request_id": "made-by-a-test",
                "details": '{"kept":false}',
            }
            | columns
            for one in ids[begin : begin + 5000]
        ]
        with database.writer() as session:
            session.run(insert(AuditEntry), rows)
    return ids


def tamper(database: Database, *statements: str, **parameters: Any) -> None:
    """Change the tables as their owner can, who takes the triggers away first."""
    dialect = "sqlite" if database.is_sqlite else "postgresql"
    guards: Sequence[str] = GUARDS[dialect]
    with database.writer() as session:
        for guard in guards:
            session.run(text(guard.replace("TRIGGER ", "TRIGGER IF EXISTS ")))
        for statement in statements:
            given = {name: value for name, value in parameters.items() if f":{name}" in statement}
            session.run(text(statement), given)

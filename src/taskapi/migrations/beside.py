"""Indexes made and dropped while others write."""

from contextlib import AbstractContextManager, nullcontext

from alembic import op


def beside_others() -> AbstractContextManager[None]:
    """On PostgreSQL outside of a transaction, so that nobody who writes waits for an index."""
    is_postgresql = op.get_context().dialect.name == "postgresql"
    return op.get_context().autocommit_block() if is_postgresql else nullcontext()

"""Run by Alembic, on the connection that schema.py hands over."""

from collections.abc import Collection, Mapping
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection

from taskapi.schema import METADATA, mark


def run() -> None:
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        # On PostgreSQL an index is made beside the transactions of others, and so beside ours.
        transaction_per_migration=connection.dialect.name == "postgresql",
        on_version_apply=_mark,
    )
    with context.begin_transaction():
        context.run_migrations()


def _mark(
    ctx: MigrationContext,
    step: MigrationInfo,  # noqa: ARG001 - as Alembic calls it
    heads: Collection[str],
    run_args: Mapping[str, Any],  # noqa: ARG001 - as Alembic calls it
) -> None:
    """Called by Alembic after each step, in its transaction; `heads` is where the schema is then."""
    if ctx.connection is not None:
        mark(ctx.connection, next(iter(heads), None))


run()

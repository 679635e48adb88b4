"""Run by Alembic, on the connection that schema.py hands over."""

from alembic import context
from sqlalchemy import Connection

from taskapi.schema import METADATA


def run() -> None:
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        # On PostgreSQL an index is made beside the transactions of others, and so beside ours.
        transaction_per_migration=connection.dialect.name == "postgresql",
    )
    with context.begin_transaction():
        context.run_migrations()


run()

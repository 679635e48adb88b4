"""Files of tasks that leave and come

Revision ID: 0007
Follows: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from taskapi.migrations.beside import beside_others

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
serves_code_from = "0004"

ID = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
OWNED = (("id", ID), ("user_id", ID), ("scope_id", ID))


def upgrade() -> None:
    op.create_table(
        "exports",
        *(sa.Column(name, kind, nullable=False) for name, kind in OWNED),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_exports"),
        if_not_exists=True,
    )
    op.create_table(
        "imports",
        *(sa.Column(name, kind, nullable=False) for name, kind in OWNED),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("faults", sa.Text(), nullable=False),
        sa.Column("projects", sa.BigInteger(), nullable=False),
        sa.Column("project_ids", sa.Text(), nullable=False),
        sa.Column("first_epoch", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
        if_not_exists=True,
    )
    for table in ("exports", "imports"):
        _index(table, "user", ["user_id", "id"])
        _index(table, "created", ["created_at"])


def downgrade() -> None:
    op.drop_table("imports")
    op.drop_table("exports")


def _index(table: str, name: str, columns: list[str]) -> None:
    name = f"ix_{table}_{name}"
    with beside_others():
        # One that was being made when somebody was killed is there, and good for nothing.
        op.drop_index(name, table_name=table, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_concurrently=True)

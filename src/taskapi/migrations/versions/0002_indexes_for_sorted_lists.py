"""Indexes for lists sorted by title and by priority

Revision ID: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LIVE = sa.text("trashed_at IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_tasks_priority",
        "tasks",
        ["scope_id", "priority", "id"],
        unique=False,
        postgresql_where=LIVE,
        sqlite_where=LIVE,
    )
    op.create_index(
        "ix_tasks_title",
        "tasks",
        ["scope_id", "title_key", "id"],
        unique=False,
        postgresql_where=LIVE,
        sqlite_where=LIVE,
    )


def downgrade() -> None:
    op.drop_index("ix_tasks_title", table_name="tasks")
    op.drop_index("ix_tasks_priority", table_name="tasks")

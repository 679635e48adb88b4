"""Indexes for lists sorted by title and by priority

Revision ID: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op

from taskapi.migrations.beside import beside_others

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
serves_code_from = "0001"

LIVE = sa.text("trashed_at IS NULL")


INDEXES = {
    "ix_tasks_priority": ["scope_id", "priority", "id"],
    "ix_tasks_title": ["scope_id", "title_key", "id"],
}


def upgrade() -> None:
    for name, columns in INDEXES.items():
        with beside_others():
            # One that was being made when somebody was killed is there, and good for nothing.
            op.drop_index(name, table_name="tasks", if_exists=True, postgresql_concurrently=True)
            op.create_index(
                name,
                "tasks",
                columns,
                unique=False,
                postgresql_where=LIVE,
                sqlite_where=LIVE,
                postgresql_concurrently=True,
            )


def downgrade() -> None:
    for name in INDEXES:
        with beside_others():
            op.drop_index(name, table_name="tasks", if_exists=True, postgresql_concurrently=True)

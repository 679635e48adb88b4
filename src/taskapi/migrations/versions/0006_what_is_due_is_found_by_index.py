"""Due reminders and digests are found by an index

Revision ID: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

from taskapi.migrations.beside import beside_others

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
serves_code_from = "0004"

INDEXES = {
    "ix_tasks_reminder_due": ("tasks", "reminder_due_at"),
    "ix_notification_settings_digest_due": ("notification_settings", "digest_due_at"),
}
# Of what a person wrote, by which nothing is looked for.
OLD = ("ix_tasks_remind_at", "tasks", "remind_at")


def upgrade() -> None:
    for name, (table, column) in INDEXES.items():
        make(name, table, column)
    drop(*OLD[:2])


def downgrade() -> None:
    make(*OLD)
    for name, (table, _) in INDEXES.items():
        drop(name, table)


def make(name: str, table: str, column: str) -> None:
    # One that was being made when somebody was killed is there, and good for nothing.
    drop(name, table)
    wanted = sa.text(f"{column} IS NOT NULL")
    with beside_others():
        op.create_index(
            name,
            table,
            [column],
            unique=False,
            postgresql_where=wanted,
            sqlite_where=wanted,
            postgresql_concurrently=True,
        )


def drop(name: str, table: str) -> None:
    with beside_others():
        op.drop_index(name, table_name=table, if_exists=True, postgresql_concurrently=True)

"""Reminders, daily digests, and failures of jobs counted apart from claims

Revision ID: 0005
Follows: 0004

When a task is to be reminded of next stands in a column of its own, so that what was left for the mail is
found no more and what a person wrote stays (ADR 18).
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
serves_code_from = "0004"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("failures", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("tasks", sa.Column("reminder_due_at", sa.BigInteger(), nullable=True))
    op.add_column("notification_settings", sa.Column("digest_due_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    # By hand: what Alembic does on SQLite rebuilds the table, and so drops it for a moment.
    op.execute("ALTER TABLE notification_settings DROP COLUMN digest_due_at")
    op.execute("ALTER TABLE tasks DROP COLUMN reminder_due_at")
    op.execute("ALTER TABLE outbox DROP COLUMN failures")

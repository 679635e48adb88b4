"""Room in the pages of tasks for changes

Revision ID: 0004
Follows: 0003

A change of a task keeps out of the indexes (HOT) only where its new version finds room in the page of the old
one: a page that was filled to the brim, as by seeding, restoring and moving, has none. Pages that are there
already keep their filling until their rows are written anew.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
serves_code_from = "0003"

PERCENT = 90


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE tasks SET (fillfactor = {PERCENT})")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE tasks RESET (fillfactor)")

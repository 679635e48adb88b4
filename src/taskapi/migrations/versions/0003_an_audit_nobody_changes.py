"""Audit tables that nobody changes, and what admins sort and search users by

Revision ID: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from taskapi.text import searchable, title_key

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ORDERED = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
# The append-only tables, and which row a new one would take the place of.
SAME = {
    "audit": "SELECT 1 FROM audit WHERE id = NEW.id",
    "audit_chain": "SELECT 1 FROM audit_chain WHERE sequence = NEW.sequence OR entry_id = NEW.entry_id",
}
COMPUTED = ("name_key", "name_words", "email_words")


def upgrade() -> None:
    for column in COMPUTED:
        # Added one by one and with a default: rebuilding the table on SQLite would end every session of it.
        op.add_column("users", sa.Column(column, ORDERED, nullable=False, server_default=sa.text("''")))
    _compute()
    op.create_index("ix_users_created", "users", ["created_at", "id"])
    op.create_index("ix_users_name", "users", ["name_key", "id"])
    op.create_index("ix_users_role", "users", ["role", "id"])
    if op.get_bind().dialect.name == "postgresql":
        _guard_on_postgresql()
    else:
        _guard_on_sqlite()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in SAME:
            op.execute(f"DROP TRIGGER {table}_is_append_only ON {table}")
        op.execute("DROP FUNCTION refuse_to_change_the_audit()")
    else:
        for table in SAME:
            for name in ("update", "delete", "replace"):
                op.execute(f"DROP TRIGGER {table}_no_{name}")
    for index in ("ix_users_role", "ix_users_name", "ix_users_created"):
        op.drop_index(index, table_name="users")
    for column in reversed(COMPUTED):
        # By hand: what Alembic does on SQLite rebuilds the table, and dropping it would end every session.
        op.execute(f"ALTER TABLE users DROP COLUMN {column}")


def _compute() -> None:
    """Fill the new columns by the release's own folding: what is searched for is folded by the same."""
    users = sa.table("users", *(sa.column(name) for name in ("id", "name", "email", *COMPUTED)))
    connection = op.get_bind()
    for user in connection.execute(sa.select(users.c.id, users.c.name, users.c.email)).all():
        computed = {
            "name_key": title_key(user.name),
            "name_words": searchable(user.name),
            "email_words": searchable(user.email),
        }
        connection.execute(users.update().where(users.c.id == user.id).values(computed))


def _guard_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_to_change_the_audit() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION 'the audit is never changed: % of % is refused', TG_OP, TG_TABLE_NAME"
        " USING ERRCODE = 'insufficient_privilege'; END $$"
    )
    for table in SAME:
        op.execute(
            f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_audit()"
        )


def _guard_on_sqlite() -> None:
    for table, same in SAME.items():
        refusal = f"SELECT RAISE(ABORT, 'the audit is never changed: {table}')"
        for event in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{event} BEFORE {event.upper()} ON {table} BEGIN {refusal}; END"
            )
        # INSERT OR REPLACE deletes a row without asking the trigger for deletions.
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}"
            f" WHEN EXISTS ({same}) BEGIN {refusal}; END"
        )

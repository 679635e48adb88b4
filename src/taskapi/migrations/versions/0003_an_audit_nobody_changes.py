"""Audit tables that nobody changes, and what admins sort and search users by

Revision ID: 0003
Follows: 0002
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from taskapi.migrations.beside import beside_others

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
serves_code_from = "0003"

ID = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
ORDERED = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
COMPUTED = ("name_key", "name_words", "email_words")
INDEXES = {
    "ix_users_created": ["created_at", "id"],
    "ix_users_name": ["name_key", "id"],
    "ix_users_role": ["role", "id"],
}
# The append-only tables, and which row a new one would take the place of.
SAME = {
    "audit": "SELECT 1 FROM audit WHERE id = NEW.id",
    "audit_chain": "SELECT 1 FROM audit_chain WHERE sequence = NEW.sequence OR entry_id = NEW.entry_id",
}

# How text was folded and cut into words when this was written.
CJK = "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u312f\u3130-\u318f\u31a0-\u31bf\u31f0-\u31ff"
CJK += "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]")
INDIC = "\u0900-\u0963\u0966-\u0fff\u1000-\u109f\u1780-\u17d3"
PIECES = re.compile(f"[{CJK}]+|(?:[{INDIC}]|[^\\W_{CJK}])+")


def upgrade() -> None:
    for column in COMPUTED:
        # Added one by one and with a default: rebuilding the table on SQLite would end every session of it.
        added = sa.Column(column, ORDERED, nullable=False, server_default=sa.text("''"))
        op.add_column("users", added, if_not_exists=is_postgresql() or None)
    with beside_others():
        compute()
        for name, columns in INDEXES.items():
            # One that was being made when somebody was killed is there, and good for nothing.
            op.drop_index(name, table_name="users", if_exists=True, postgresql_concurrently=True)
            op.create_index(name, "users", columns, unique=False, postgresql_concurrently=True)
    if is_postgresql():
        guard_on_postgresql()
    else:
        guard_on_sqlite()


def downgrade() -> None:
    if is_postgresql():
        for table in SAME:
            op.execute(f"DROP TRIGGER IF EXISTS {table}_is_append_only ON {table}")
        op.execute("DROP FUNCTION IF EXISTS refuse_to_change_the_audit()")
    else:
        for table in SAME:
            for name in ("update", "delete", "replace"):
                op.execute(f"DROP TRIGGER {table}_no_{name}")
    with beside_others():
        for name in INDEXES:
            op.drop_index(name, table_name="users", if_exists=True, postgresql_concurrently=True)
    for column in reversed(COMPUTED):
        # By hand: what Alembic does on SQLite rebuilds the table, and dropping it would end every session.
        op.execute(f"ALTER TABLE users DROP COLUMN {'IF EXISTS' if is_postgresql() else ''} {column}")


def compute() -> None:
    """Fill the new columns, on PostgreSQL user by user, so that nobody waits."""
    columns = [sa.column("id", ID), *(sa.column(name) for name in ("name", "email", *COMPUTED))]
    users = sa.table("users", *columns)
    connection = op.get_bind()
    for user in connection.execute(sa.select(users.c.id, users.c.name, users.c.email)).all():
        computed = {
            "name_key": user.name.casefold(),
            "name_words": searchable(user.name),
            "email_words": searchable(user.email),
        }
        connection.execute(users.update().where(users.c.id == user.id).values(computed))


def searchable(text: str) -> str:
    """The distinct words of a text, each with a space before it; CJK runs as overlapping pairs."""
    bare = ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    found: list[str] = []
    for piece in PIECES.findall(unicodedata.normalize("NFKC", bare.casefold())):
        if re.match(f"[{CJK}]", piece) and len(piece) > 1:
            found += [piece[i : i + 2] for i in range(len(piece) - 1)] + [piece[-1]]
        else:
            found.append(piece)
    return "".join(f" {word}" for word in dict.fromkeys(found))


def guard_on_postgresql() -> None:
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


def guard_on_sqlite() -> None:
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


def is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"

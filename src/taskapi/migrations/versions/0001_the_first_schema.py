"""The first schema

Revision ID: 0001
Follows:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
serves_code_from = "0001"


# Written out here, not imported: a migration must mean the same in ten years.
ID = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
ORDERED = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", ID, nullable=True),
        sa.Column("action", sa.String(length=48), nullable=False),
        sa.Column("target_kind", sa.String(length=24), nullable=True),
        sa.Column("target_id", ID, nullable=True),
        sa.Column("via", sa.String(length=8), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_action", "audit", ["action", "id"], unique=False)
    op.create_index("ix_audit_actor", "audit", ["actor_id", "id"], unique=False)

    op.create_table(
        "audit_chain",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_chain"),
    )
    op.create_index("uq_audit_chain_entry", "audit_chain", ["entry_id"], unique=True)

    op.create_table(
        "epochs",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_epochs"),
    )
    op.create_table(
        "idempotency",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("headers", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("subject_id", ID, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_expires_at", "idempotency", ["expires_at"], unique=False)
    op.create_index(
        "ix_idempotency_subject",
        "idempotency",
        ["user_id", "subject_id"],
        unique=False,
        postgresql_where=sa.text("subject_id IS NOT NULL"),
        sqlite_where=sa.text("subject_id IS NOT NULL"),
    )

    op.create_table(
        "outbox",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=48), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("once_key", sa.Text(), nullable=True),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("traceparent", sa.String(length=55), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("parked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL AND parked_at IS NULL"),
        sqlite_where=sa.text("done_at IS NULL AND parked_at IS NULL"),
    )
    op.create_index(
        "ix_outbox_parked",
        "outbox",
        ["parked_at"],
        unique=False,
        postgresql_where=sa.text("parked_at IS NOT NULL"),
        sqlite_where=sa.text("parked_at IS NOT NULL"),
    )
    op.create_index("uq_outbox_once_key", "outbox", ["once_key"], unique=True)

    op.create_table(
        "projects",
        sa.Column("scope_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("color", sa.String(length=7), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("position", ORDERED, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope_id", "id", name="pk_projects"),
    )
    op.create_index("ix_projects_position", "projects", ["scope_id", "position", "id"], unique=False)

    op.create_table(
        "task_history",
        sa.Column("scope_id", ID, nullable=False),
        sa.Column("task_id", ID, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", ID, nullable=False),
        sa.Column("via", sa.String(length=8), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope_id", "task_id", "epoch", "id", name="pk_task_history"),
    )
    op.create_table(
        "users",
        sa.Column("id", ID, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", ORDERED, nullable=False),
        sa.Column("pending_email", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("email_verified_at", sa.BigInteger(), nullable=True),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("delete_after", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("auth_epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
    )
    op.create_index(
        "ix_users_delete_after",
        "users",
        ["delete_after"],
        unique=False,
        postgresql_where=sa.text("delete_after IS NOT NULL"),
        sqlite_where=sa.text("delete_after IS NOT NULL"),
    )
    op.create_index("uq_users_email_key", "users", ["email_key"], unique=True)

    op.create_table(
        "notification_settings",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("reminders", sa.Boolean(), nullable=False),
        sa.Column("remind_before", sa.SmallInteger(), nullable=True),
        sa.Column("digest", sa.Boolean(), nullable=False),
        sa.Column("digest_hour", sa.SmallInteger(), nullable=False),
        sa.Column("digest_sent_for", sa.SmallInteger(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_notification_settings_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name="pk_notification_settings"),
    )
    op.create_table(
        "personal_tokens",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_personal_tokens_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_personal_tokens"),
    )
    op.create_index("uq_personal_tokens_digest", "personal_tokens", ["digest"], unique=True)

    op.create_table(
        "sessions",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("rotated_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("device_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)

    op.create_table(
        "tasks",
        sa.Column("scope_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("due_on", sa.String(length=10), nullable=True),
        sa.Column("position", ORDERED, nullable=False),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("trashed_at", sa.BigInteger(), nullable=True),
        sa.Column("remind_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("title_key", ORDERED, nullable=False),
        sa.Column("label_keys", ORDERED, nullable=False),
        sa.Column("search_text", ORDERED, nullable=False),
        sa.Column("due_sort", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["scope_id", "project_id"],
            ["projects.scope_id", "projects.id"],
            name="fk_tasks_scope_id_project_id",
        ),
        sa.PrimaryKeyConstraint("scope_id", "id", name="pk_tasks"),
    )
    op.create_index(
        "ix_tasks_created",
        "tasks",
        ["scope_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("trashed_at IS NULL"),
        sqlite_where=sa.text("trashed_at IS NULL"),
    )
    op.create_index(
        "ix_tasks_due",
        "tasks",
        ["scope_id", "due_sort", "id"],
        unique=False,
        postgresql_where=sa.text("trashed_at IS NULL"),
        sqlite_where=sa.text("trashed_at IS NULL"),
    )
    op.create_index(
        "ix_tasks_position",
        "tasks",
        ["scope_id", "position", "id"],
        unique=False,
        postgresql_where=sa.text("trashed_at IS NULL"),
        sqlite_where=sa.text("trashed_at IS NULL"),
    )
    op.create_index("ix_tasks_project", "tasks", ["scope_id", "project_id", "id"], unique=False)
    op.create_index(
        "ix_tasks_remind_at",
        "tasks",
        ["remind_at"],
        unique=False,
        postgresql_where=sa.text("remind_at IS NOT NULL"),
        sqlite_where=sa.text("remind_at IS NOT NULL"),
    )
    op.create_index(
        "ix_tasks_trashed",
        "tasks",
        ["scope_id", "trashed_at", "id"],
        unique=False,
        postgresql_where=sa.text("trashed_at IS NOT NULL"),
        sqlite_where=sa.text("trashed_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_tasks_trashed", table_name="tasks")
    op.drop_index("ix_tasks_remind_at", table_name="tasks")
    op.drop_index("ix_tasks_project", table_name="tasks")
    op.drop_index("ix_tasks_position", table_name="tasks")
    op.drop_index("ix_tasks_due", table_name="tasks")
    op.drop_index("ix_tasks_created", table_name="tasks")

    op.drop_table("tasks")
    op.drop_index("ix_sessions_expires_at", table_name="sessions")

    op.drop_table("sessions")
    op.drop_index("uq_personal_tokens_digest", table_name="personal_tokens")

    op.drop_table("personal_tokens")
    op.drop_table("notification_settings")
    op.drop_index("uq_users_email_key", table_name="users")
    op.drop_index("ix_users_delete_after", table_name="users")

    op.drop_table("users")
    op.drop_table("task_history")
    op.drop_index("ix_projects_position", table_name="projects")

    op.drop_table("projects")
    op.drop_index("uq_outbox_once_key", table_name="outbox")
    op.drop_index("ix_outbox_parked", table_name="outbox")
    op.drop_index("ix_outbox_due", table_name="outbox")

    op.drop_table("outbox")
    op.drop_index("ix_idempotency_subject", table_name="idempotency")
    op.drop_index("ix_idempotency_expires_at", table_name="idempotency")

    op.drop_table("idempotency")
    op.drop_table("epochs")
    op.drop_index("uq_audit_chain_entry", table_name="audit_chain")

    op.drop_table("audit_chain")
    op.drop_index("ix_audit_actor", table_name="audit")
    op.drop_index("ix_audit_action", table_name="audit")

    op.drop_table("audit")
